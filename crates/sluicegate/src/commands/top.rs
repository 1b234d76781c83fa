// SPDX-License-Identifier: Apache-2.0
//! `sluicegate top`.
//!
//! In: the admin API of a running process. Out: its backends, worst first, again and again until a
//! key or a signal ends it; once where there is no terminal.

use std::{
    io::{self, IsTerminal},
    thread,
    time::Duration,
};

use clap::Args;

use crate::{
    admin_client::DEFAULT_URL,
    failure::{Failure, Outcome},
    output::{self, Format},
    progress::Progress,
    top::{Look, News, Reaction, Screen, Terminal, Watch, news, table},
};

/// Arguments of `sluicegate top`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Keys: q quit, arrows or j and k move, enter shows endpoints, / filters, s sorts by another column.
P50 and P99 are times of upstream requests in the last seconds; EJECT counts since the start.
Of a real Envoy, states are judged by its endpoints and numbers; it knows no manifests.

Examples:
  sluicegate top
  sluicegate top --admin http://127.0.0.1:9901       # a real Envoy
  sluicegate top --once -o json | jq -r '.backends[] | select(.state == \"failing\").name'")]
pub struct Arguments {
    /// Admin API of the process
    #[arg(long, value_name = "URL", default_value = DEFAULT_URL)]
    admin: String,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    interval: u16,
    /// Two looks, print the second and end
    #[arg(long)]
    once: bool,
    /// Output format; json and yaml are printed once
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// Shows.
///
/// # Errors
/// When the process does not answer at first, or the terminal is gone.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let interval = Duration::from_secs(arguments.interval.into());
    let mut watch = Watch::new(&arguments.admin);
    let first = watch.look()?;
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let wants_one = arguments.once || arguments.output != Format::Table;
    if is_terminal && !wants_one {
        live(watch, first, interval)?;
        return Ok(Outcome::Done);
    }
    if !wants_one {
        anstream::eprintln!("no terminal: printed once, as with --once");
    }
    // Rates need two looks.
    let progress = Progress::of(format!("watching {}", arguments.admin));
    thread::sleep(interval);
    let look = watch.look()?;
    drop(progress);
    let value = serde_json::to_value(&look).map_err(anyhow::Error::from)?;
    output::print(arguments.output, &value, |width| table(&look, width))?;
    Ok(Outcome::Done)
}

fn live(watch: Watch, mut look: Look, interval: Duration) -> Result<(), Failure> {
    let colours = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
    let mut screen = Screen::new(colours);
    let news = news(watch, interval)?;
    let mut terminal = Terminal::take()?;
    loop {
        terminal.draw(&screen.lines(&look, size()))?;
        // A channel without senders: the thread that looks has panicked.
        match news.recv().unwrap_or(News::Stop) {
            News::Key(key) if screen.key(key, &look) == Reaction::Leave => return Ok(()),
            News::Key(_) | News::Resized => {}
            News::Look(news) => match *news {
                Ok(new) => {
                    look = new;
                    screen.trouble.clear();
                }
                Err(error) => screen.trouble = format!("{error:#}; the last look is shown"),
            },
            News::Stop => return Ok(()),
        }
    }
}

/// Columns and rows of the terminal; those of old for one that does not say.
fn size() -> (usize, usize) {
    match terminal_size::terminal_size_of(io::stdout()) {
        Some((width, height)) => (usize::from(width.0), usize::from(height.0)),
        None => (80, 24),
    }
}
