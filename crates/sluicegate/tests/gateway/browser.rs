// SPDX-License-Identifier: Apache-2.0
//! Headless Chromium.
//!
//! In: an address. Out: what it shows, once; or a page that keys are pressed in, over DevTools on a
//! pair of pipes. It needs threads of its own: the gateway lives on that of the test.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::Folder;

/// What the browser writes to its output; it ends by itself.
pub(super) async fn browse(url: &str, arguments: &[&str]) -> String {
    let profile = Folder::new(&[]);
    let mut browser = Command::new("timeout");
    browser
        .args([SECONDS, "chromium"])
        .args(QUIET)
        .arg(format!("--user-data-dir={}", profile.0.display()))
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || browser.output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{MISSING}\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A page with somebody at the keyboard.
pub(super) struct Page {
    browser: Child,
    to: File,
    from: BufReader<File>,
    session: Value,
    sent: u64,
    _profile: Folder,
}

impl Page {
    /// Opens an address. Blocks.
    pub(super) fn open(url: &str) -> Self {
        let profile = Folder::new(&[]);
        let pipes = ["to", "from"].map(|name| profile.0.join(name));
        assert!(
            Command::new("mkfifo")
                .args(&pipes)
                .status()
                .unwrap()
                .success()
        );
        let mut browser = Command::new("bash");
        browser
            .args(["-c", "exec timeout \"$@\" 3<\"$TO\" 4>\"$FROM\"", "bash"])
            .args([SECONDS, "chromium", "--remote-debugging-pipe"])
            .args(QUIET)
            .arg(format!(
                "--user-data-dir={}",
                profile.0.join("data").display()
            ))
            .env("TO", &pipes[0])
            .env("FROM", &pipes[1])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let browser = browser.spawn().unwrap();
        // Each end waits for the other one, in the order of the command.
        let to = OpenOptions::new().write(true).open(&pipes[0]).unwrap();
        let from = BufReader::new(File::open(&pipes[1]).unwrap());
        let mut page = Self {
            browser,
            to,
            from,
            session: Value::Null,
            sent: 0,
            _profile: profile,
        };
        let target = page.say("Target.createTarget", json!({ "url": url }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = page.say("Target.attachToTarget", target);
        page.session = session["sessionId"].clone();
        page
    }

    fn say(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": parameters });
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        self.to
            .write_all(format!("{message}\0").as_bytes())
            .unwrap();
        loop {
            let mut bytes = Vec::new();
            let size = self.from.read_until(0, &mut bytes).unwrap();
            assert!(size > 0, "{MISSING}");
            let answer: Value = serde_json::from_slice(&bytes[..size - 1]).unwrap();
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The value of an expression.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        self.say("Runtime.evaluate", asked)["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(super) fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != true {
            let body = || "document.activeElement.outerHTML.slice(0, 300)";
            if begun.elapsed() > PATIENCE {
                panic!("never: {expression}; focus on {}", self.value(body()));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses a key: a character, or `Tab`, `Enter`, `Escape`.
    pub(super) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            character => (0, character),
        };
        let mut event = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        if !text.is_empty() {
            event["text"] = text.into();
        }
        self.say("Input.dispatchKeyEvent", event);
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.say("Input.dispatchKeyEvent", up);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // `timeout` passes it on, and the browser ends its children.
        let id = self.browser.id().to_string();
        let _ = Command::new("kill").arg(id).status();
        let _ = self.browser.wait();
    }
}

const QUIET: [&str; 7] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

const MISSING: &str = "this test needs chromium: scripts/tools.sh installs it";

/// Until a browser has started, looked and ended, on a machine that does other things.
const SECONDS: &str = "120";

/// Until a page is as it should be, on such a machine.
const PATIENCE: Duration = Duration::from_secs(60);
