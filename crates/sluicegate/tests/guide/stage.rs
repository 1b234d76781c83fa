// SPDX-License-Identifier: Apache-2.0
//! Where a page is played.
//!
//! In: parts of a page. Out: the same text with what its commands print now: against the shipped
//! binary on free ports, which are shown as the page's.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use sluicegate_testkit::free_port;

use crate::{
    page::{Exchange, Page, Part, exchanges, is_update, parts},
    terminal::Terminal,
};

/// Plays a whole page, as somebody who has nothing but the programs. Each command is repeated until
/// it prints what is written, because what it shows takes a moment to come.
pub(crate) async fn session(page: &Page, stage: &Stage) -> String {
    play(&parts(&page.text), stage, MOMENT).await
}

/// Plays parts; `moment` is how long a command may be repeated.
pub(crate) async fn play(parts: &[Part<'_>], stage: &Stage, mut moment: Duration) -> String {
    let mut terminals = Vec::new();
    let mut shown = String::new();
    for part in parts {
        match part {
            Part::Text(text) => {
                if text.contains("`Ctrl-C`") {
                    terminals.drain(..).for_each(Terminal::interrupt);
                }
                shown.push_str(text);
            }
            Part::Manifest(file, text) => {
                stage.write(file, text);
                shown.push_str(&format!("```yaml {file}\n{text}```"));
            }
            Part::Terminal(text) => {
                terminals.push(stage.start(text));
                shown.push_str(&format!("```sh\n{text}```"));
            }
            Part::Console(console) => {
                shown.push_str("```console\n");
                for exchange in exchanges(console) {
                    let output = stage.output(&exchange, moment).await;
                    shown.push_str(&format!("$ {}\n{output}", exchange.command));
                    if output != exchange.output && !is_update() {
                        // One difference is enough: nothing waits for the others.
                        moment = Duration::ZERO;
                    }
                }
                shown.push_str("```");
            }
        }
    }
    shown
}

/// What a page takes for granted.
#[derive(Default)]
pub(crate) struct Surroundings {
    /// The port of its backend.
    pub(crate) backend: u16,
    /// Files that are there already, by name.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Variables of its shells.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Where programs are, before those of the machine.
    pub(crate) programs: Vec<PathBuf>,
    /// Words of the page that are others here, such as the address of a backend.
    pub(crate) words: Vec<(&'static str, String)>,
}

/// A folder, and what is there in place of what the page names.
pub(crate) struct Stage {
    root: PathBuf,
    /// Where manifests go.
    folder: String,
    /// Ours, and the page's.
    ports: Vec<(u16, u16)>,
    surroundings: Surroundings,
}

impl Stage {
    /// With nothing in it.
    pub(crate) fn new(folder: &str, mut surroundings: Surroundings) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-guide-{}-{number}", std::process::id());
        let root = std::env::temp_dir().join(name);
        fs::create_dir_all(root.join(folder)).unwrap();
        for (name, bytes) in &surroundings.files {
            fs::write(root.join(name), bytes).unwrap();
        }
        let ports = [GATEWAY, OTHER_GATEWAY, ADMIN, OTHER_ADMIN, ADS];
        let ports = ports.map(|of_page| (free_port(), of_page));
        let ports = [ports.as_slice(), &[(surroundings.backend, BACKEND)]].concat();
        let programs = &mut surroundings.programs;
        programs.insert(0, binary().parent().unwrap().to_owned());
        Self {
            root,
            folder: folder.to_owned(),
            ports,
            surroundings,
        }
    }

    /// For a page that starts everything itself, on the ports that the programs take by default.
    pub(crate) fn of_session(surroundings: Surroundings) -> Self {
        let mut stage = Self::new("", surroundings);
        let script = WRAPPER.replace("BINARY", &binary().display().to_string());
        stage.program("sluicegate", &stage.ours(&script));
        let programs = stage.root.join(PROGRAMS);
        stage.surroundings.programs.insert(0, programs);
        stage
    }

    /// Adds a program of this name.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let folder = self.root.join(PROGRAMS);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// As an editor does it: a new file takes the place of the old one.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.root.join(&self.folder).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let temporary = path.with_extension("tmp");
        fs::write(&temporary, self.ours(text)).unwrap();
        fs::rename(temporary, path).unwrap();
    }

    /// Text of the page with our ports and words.
    fn ours(&self, text: &str) -> String {
        let words = self.surroundings.words.iter();
        let text = words.fold(text.to_owned(), |text, (of_page, ours)| {
            text.replace(of_page, ours)
        });
        self.ports.iter().fold(text, |text, (ours, of_page)| {
            renumbered(&text, *of_page, *ours)
        })
    }

    /// Output with the ports of the page, and without our folder.
    fn of_page(&self, text: &str) -> String {
        let root = format!("{}/", self.root.display());
        let text = text.replace(&root, "");
        let words = self.surroundings.words.iter();
        let text = words.fold(text, |text, (of_page, ours)| text.replace(ours, of_page));
        let text = self.ports.iter().fold(text, |text, (ours, of_page)| {
            renumbered(&text, *ours, *of_page)
        });
        timeless(&text)
    }

    /// A command of the page for a shell, not yet started.
    fn command(&self, mut bash: Command, command: &str) -> Command {
        let of_machine = std::env::var_os("PATH").unwrap();
        let folders = self.surroundings.programs.iter().cloned();
        let folders = folders.chain(std::env::split_paths(&of_machine));
        bash.args(["-c", &self.ours(command)])
            .current_dir(&self.root)
            .env("PATH", std::env::join_paths(folders).unwrap())
            .env("HOME", &self.root)
            .env_remove("COLUMNS")
            .envs(self.surroundings.environment.iter().cloned())
            .stdin(Stdio::null());
        bash
    }

    /// A terminal with a command in it.
    pub(crate) fn start(&self, command: &str) -> Terminal {
        // Whoever was started in the background ignores Ctrl-C, and so does what it starts.
        let mut bash = Command::new("env");
        bash.args(["--default-signal=INT", "bash"]);
        Terminal::start(self.command(bash, command))
    }

    /// What a command prints once it is what is written, or at the end of a while.
    async fn output(&self, exchange: &Exchange, moment: Duration) -> String {
        if is_update() && !moment.is_zero() {
            tokio::time::sleep(SETTLED).await;
            return self.run(&exchange.command).await;
        }
        let end = Instant::now() + moment;
        loop {
            let output = self.run(&exchange.command).await;
            if output == exchange.output || Instant::now() >= end {
                return output;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What a command prints, errors included, one line end at its end.
    pub(crate) async fn run(&self, command: &str) -> String {
        let mut bash = Command::new("timeout");
        bash.args(["60", "bash"]);
        let mut command = self.command(bash, command);
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = self.of_page(&String::from_utf8(text).unwrap());
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_sluicegate"))
}

/// Text with the time of the page wherever an ejection is about to end.
fn timeless(text: &str) -> String {
    let mut parts = text.split(RETURNS);
    let mut new = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, after) = part.split_at(part.find([')', '\n']).unwrap_or(part.len()));
        new.push_str(RETURNS);
        new.push_str("4 min 58 s");
        new.push_str(after);
    }
    new
}

const RETURNS: &str = "returns in ";

/// Text with another number wherever `from` stands alone.
fn renumbered(text: &str, from: u16, to: u16) -> String {
    let mut new = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|it: char| it.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        let end = number.find(|it: char| !it.is_ascii_digit());
        let (number, after) = number.split_at(end.unwrap_or(number.len()));
        new.push_str(before);
        match number == from.to_string() {
            true => new.push_str(&to.to_string()),
            false => new.push_str(number),
        }
        rest = after;
    }
    new + rest
}

/// How long what a page shows may take to come, on a loaded machine.
pub(crate) const MOMENT: Duration = Duration::from_secs(60);
/// After which it is believed to have come, where nothing says what it is.
const SETTLED: Duration = Duration::from_secs(4);

/// The ports of pages.
const GATEWAY: u16 = 8080;
const OTHER_GATEWAY: u16 = 8081;
const ADMIN: u16 = 19000;
const OTHER_ADMIN: u16 = 19001;
const ADS: u16 = 18000;
const BACKEND: u16 = 9000;

/// Where programs of a session are.
const PROGRAMS: &str = ".programs";

/// The shipped binary, with the addresses that people need not name, and names that mean nothing
/// here.
const WRAPPER: &str = r#"#!/bin/bash
given=" $* "
unless() { [[ "$given" == *" $1 "* ]] || more+=("$1" "$2"); }
case "$1" in
    run) unless --admin-address 127.0.0.1:19000; unless --workers 1 ;;
    demo) unless --admin-address 127.0.0.1:19000; unless --workers 1; unless --port 8080 ;;
    dump | top) unless --admin http://127.0.0.1:19000 ;;
    bootstrap)
        unless --admin-address 127.0.0.1:19000
        unless --ads 127.0.0.1:18000
        unless --node-id kgateway-system/http/laptop
        set -- "${@/ads.internal/127.0.0.1}"
        ;;
esac
exec BINARY "$@" "${more[@]}"
"#;
