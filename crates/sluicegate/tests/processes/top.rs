// SPDX-License-Identifier: Apache-2.0
//! `top` in a terminal, and without one.

use std::process::Command;

use sluicegate::top::Terminal;
use sluicegate_testkit::eventually;

use crate::{
    pty::Pty,
    site::{NewConnections, Site},
};

fn top(site: &Site) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(["top", "--admin", &format!("http://{}", site.admin)]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_follows_the_gateway_and_the_keys() {
    let site = Site::new().await;
    let mut gateway = site.serving(&["--workers", "1"]).await;
    let mut pty = Pty::run(&mut top(&site));
    pty.shows("default/web:80").await;
    pty.shows("healthy").await;
    assert!(pty.is_raw());
    let clients = NewConnections::start(site.gateway, "/get");
    let rates = async || {
        let screen = pty.screen();
        let row = screen
            .lines()
            .find(|line| line.contains("default/web:80"))?;
        let rate: f64 = row.split_whitespace().nth(4)?.parse().ok()?;
        (rate > 0.0).then_some(())
    };
    eventually("requests per second", rates).await.unwrap();
    clients.stop();
    pty.press("/nothing");
    pty.shows("/nothing_").await;
    assert!(!pty.screen().contains("default/web:80"));
    pty.press("\u{1b}");
    pty.shows("default/web:80").await;
    pty.press("s");
    pty.shows("by requests").await;
    pty.press("\r");
    pty.shows("ENDPOINT").await;
    pty.shows(&site.origin.address().to_string()).await;
    pty.press("\r");
    pty.shows("BACKEND").await;
    // A gateway that is gone keeps no key waiting.
    gateway.signal("-KILL");
    gateway.end().await;
    pty.shows("no answer").await;
    pty.press("q");
    assert!(pty.end().await.success());
    pty.is_given_back().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_and_ctrl_c_give_the_terminal_back() {
    let site = Site::new().await;
    let _gateway = site.serving(&["--workers", "1"]).await;
    for end in ["-TERM", "-INT", "-HUP", "-QUIT", "ctrl-c"] {
        let mut pty = Pty::run(&mut top(&site));
        pty.shows("default/web:80").await;
        match end {
            "ctrl-c" => pty.press("\u{3}"),
            signal => {
                let id = pty.id().to_string();
                let sent = Command::new("kill").args([signal, &id]).status().unwrap();
                assert!(sent.success());
            }
        }
        assert!(pty.end().await.success(), "{end}");
        pty.is_given_back().await;
    }
}

/// Says to this test that it is the one that panics.
const PANICS: &str = "SLUICEGATE_TEST_PANICS";

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_gives_the_terminal_back_before_it_speaks() {
    if std::env::var_os(PANICS).is_some() {
        let _terminal = Terminal::take().unwrap();
        panic!("on purpose");
    }
    let name = "top::a_panic_gives_the_terminal_back_before_it_speaks";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture"])
        .env(PANICS, "1");
    let mut pty = Pty::run(&mut command);
    assert!(!pty.end().await.success());
    pty.is_given_back().await;
    let written = pty.written();
    let (before, _) = written.split_once("on purpose").unwrap();
    assert!(before.contains("\u{1b}[?1049l"), "{written:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_is_printed_once() {
    let site = Site::new().await;
    let _gateway = site.serving(&["--workers", "1"]).await;
    let output = top(&site).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "no terminal: printed once, as with --once\n");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Sluicegate at http://"), "{text}");
    assert!(text.contains("\nhealthy  default/web:80  1/1 "), "{text}");

    let output = top(&site).args(["-o", "json", "--once"]).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = &json["backends"][0];
    assert_eq!(
        (&json["isEnvoy"], &json["server"]),
        (&false.into(), &"LIVE".into())
    );
    assert_eq!(
        (&row["cluster"], &row["usable"]),
        (&"kube_default_web_80".into(), &1.into())
    );
    assert_eq!(row["headroom"]["of"], 1024);
    assert!(row["requestsPerSecond"].is_number(), "{json:#}");
}

#[test]
fn nobody_there_is_an_environment_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(["top", "--admin", "http://127.0.0.1:1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("no answer; is an instance running"),
        "{errors}"
    );
}
