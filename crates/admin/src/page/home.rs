// SPDX-License-Identifier: Apache-2.0
//! `/` and `/help`.
//!
//! In: the table of commands and the pages of ours. Out: the list as text, and as HTML with a form
//! for each command.

use std::fmt::Write;

use crate::{
    Answer, Page,
    command::{COMMANDS, Command, Input},
    request::Request,
    router::Router,
};

/// `/help`.
pub(crate) fn help(router: &Router, _request: &Request) -> Answer {
    Answer::text(help_text(COMMANDS, &router.views.pages))
}

/// The list, which also follows `invalid path. `.
pub(crate) fn help_text(commands: &[Command], pages: &[Page]) -> String {
    let mut out = String::from("admin commands are:\n");
    for command in commands {
        let post = if command.changes { " (POST)" } else { "" };
        let _ = writeln!(out, "  {}{post}: {}", command.path, command.help);
        for parameter in command.parameters {
            let _ = write!(out, "      {}: {}", parameter.name, parameter.help);
            if let Input::Choice(choices) = parameter.input {
                let _ = write!(out, "; One of ({})", choices.join(", "));
            }
            out.push('\n');
        }
    }
    for page in pages {
        let _ = writeln!(out, "  {}: {}", page.path, page.help);
    }
    out
}

/// `/`.
pub(crate) fn show(router: &Router, request: &Request) -> Answer {
    let table = commands(&router.views.pages);
    match &router.views.home {
        Some(home) => home(request, &table),
        None => Answer::html(format!("{HEAD}{table}</body>\n</html>\n")),
    }
}

/// Every command with a form for what it takes, and the pages of ours.
fn commands(pages: &[Page]) -> String {
    let mut out = String::from("<table>\n<tr><th>Command</th><th>Description</th></tr>\n");
    for command in COMMANDS.iter().filter(|command| command.path != "/") {
        row(&mut out, command);
    }
    for page in pages {
        let (path, help) = (&page.path[1..], escape(page.help));
        let _ = writeln!(
            out,
            "<tr><td><a href='{path}'>{path}</a></td><td>{help}</td></tr>"
        );
    }
    out.push_str("</table>\n");
    out
}

fn row(out: &mut String, command: &Command) {
    let (path, help) = (&command.path[1..], escape(command.help));
    if !command.changes && command.parameters.is_empty() {
        let _ = writeln!(
            out,
            "<tr><td><a href='{path}'>{path}</a></td><td>{help}</td></tr>"
        );
        return;
    }
    let method = if command.changes { "post" } else { "get" };
    let _ = writeln!(
        out,
        "<tr><td><form action='{path}' method='{method}' id='{path}'><button>{path}</button></form>\
         </td><td>{help}</td></tr>"
    );
    for parameter in command.parameters {
        let (name, help) = (parameter.name, escape(parameter.help));
        let input = match parameter.input {
            Input::Flag => format!("<input type='checkbox' name='{name}' form='{path}'>"),
            Input::Text => format!("<input type='text' name='{name}' form='{path}'>"),
            Input::Choice(choices) => {
                let mut select = format!("<select name='{name}' form='{path}'>");
                for choice in choices {
                    let _ = write!(select, "<option>{choice}</option>");
                }
                select + "</select>"
            }
        };
        let _ = writeln!(
            out,
            "<tr class='option'><td>{input}</td><td>{name}: {help}</td></tr>"
        );
    }
}

/// Text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
}

const HEAD: &str = "<!DOCTYPE html>
<html lang='en'>
<head>
<title>Sluicegate Admin</title>
<style>
body { font-family: sans-serif; margin: 2em; }
td { padding: 3px 8px; vertical-align: top; }
form { margin: 0; }
.option td { color: #555; font-size: small; }
.option td:first-child { text-align: right; }
</style>
</head>
<body>
<h1>Sluicegate Admin</h1>
";
