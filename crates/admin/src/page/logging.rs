// SPDX-License-Identifier: Apache-2.0
//! `/logging`.
//!
//! In: `level=`, `paths=a:b,c:d` or `<logger>=<level>`. Out: the loggers with their levels, or 400
//! with Envoy's usage text before them.

use std::fmt::Write;

use hyper::StatusCode;

use crate::{Action, Answer, LogLevel, request::Request, router::Router};

/// `/logging`.
pub(crate) fn show(router: &Router, request: &Request) -> Answer {
    let result = changes(router, request).and_then(|actions| {
        actions
            .into_iter()
            .try_for_each(|action| (router.views.actions)(action))
            .map_err(|reason| format!("error: {reason}"))
    });
    let mut out = String::new();
    if let Err(error) = &result {
        out = format!("{error}\n\n{USAGE}");
    }
    out.push_str("active loggers:\n");
    for (name, level) in (router.views.loggers)() {
        let _ = writeln!(out, "  {name}: {}", level.name());
    }
    out.push('\n');
    let status = match result {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::BAD_REQUEST,
    };
    Answer::failure(status, out)
}

/// What the query asks for; all of it is checked before any of it is done.
fn changes(router: &Router, request: &Request) -> Result<Vec<Action>, String> {
    let loggers = (router.views.loggers)();
    let known = |name: &str| loggers.iter().any(|(logger, _)| logger == name);
    let mut actions = Vec::new();
    let one = |actions: &mut Vec<Action>, name: &str, level: &str| {
        if name.is_empty() || level.is_empty() {
            return Err("error: empty logger name or empty logger level".to_owned());
        }
        let level = parse(level)?;
        if !known(name) {
            return Err("error: unknown logger name".to_owned());
        }
        let logger = Some(name.to_owned());
        actions.push(Action::SetLogLevel { logger, level });
        Ok(())
    };
    // The home page's form sends its empty fields along.
    let is_blank = |name: &str, value: &str| matches!(name, "level" | "paths") && value.is_empty();
    let given = request.parameters.iter();
    let given: Vec<_> = given
        .filter(|(name, value)| !is_blank(name, value))
        .collect();
    for (name, value) in &given {
        match name.as_str() {
            "level" | "paths" if given.len() > 1 => {
                return Err("error: invalid number of parameters".to_owned());
            }
            "level" => {
                let level = parse(value)?;
                let logger = None;
                actions.push(Action::SetLogLevel { logger, level });
            }
            "paths" => {
                for pair in value.split(',') {
                    let (name, level) = pair.split_once(':').unwrap_or((pair, ""));
                    one(&mut actions, name, level)?;
                }
            }
            name => one(&mut actions, name, value)?,
        }
    }
    Ok(actions)
}

fn parse(level: &str) -> Result<LogLevel, String> {
    LogLevel::from_name(level).ok_or_else(|| "error: unknown logger level".to_owned())
}

const USAGE: &str = "usage: /logging?<name>=<level> (change single level)
usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)
usage: /logging?level=<level> (change all levels)
levels: trace debug info warning error critical off 
";
