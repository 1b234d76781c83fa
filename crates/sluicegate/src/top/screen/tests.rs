// SPDX-License-Identifier: Apache-2.0
//! The screen, key by key.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Reaction, Screen};
use crate::{
    operator::backends::State,
    top::look::{Look, Row},
};

fn row(name: &str, state: State, requests: f64) -> Row {
    Row {
        name: name.to_owned(),
        cluster: format!("kube_{name}"),
        state,
        why: String::new(),
        usable: 1,
        endpoints: Vec::new(),
        requests_per_second: Some(requests),
        errors_per_second: Some(0.0),
        p50_ms: None,
        p99_ms: Some(12.0),
        ejections: 0,
        active: 0,
        pending: 0,
        headroom: None,
    }
}

fn look() -> Look {
    Look {
        admin: "http://a".to_owned(),
        is_envoy: true,
        server: "LIVE".to_owned(),
        uptime_s: 61,
        requests_per_second: Some(3.0),
        errors_per_second: None,
        active: 0,
        connections: 2,
        backends: vec![
            row("bad", State::Failing, 1.0),
            row("good", State::Healthy, 2.0),
            row("rest\u{1b}[2J", State::Healthy, 0.0),
        ],
    }
}

fn press(screen: &mut Screen, codes: &[KeyCode]) -> Reaction {
    let look = look();
    let reactions = codes
        .iter()
        .map(|code| screen.key(KeyEvent::new(*code, KeyModifiers::NONE), &look));
    reactions.last().unwrap_or(Reaction::Show)
}

/// The names of the rows, with `>` before the selected one.
fn shown(screen: &Screen) -> Vec<String> {
    let lines = screen.lines(&look(), (100, 20));
    assert_eq!(lines.len(), 20);
    let rows = lines.iter().filter(|line| line.contains("1/0"));
    rows.map(|line| {
        let name = line[2..].split_whitespace().nth(1).unwrap();
        format!("{}{name}", line[..1].trim())
    })
    .collect()
}

#[test]
fn moves_sorts_and_filters() {
    let mut screen = Screen::default();
    assert_eq!(shown(&screen), [">bad", "good", "rest?[2J"]);
    press(
        &mut screen,
        &[
            KeyCode::Down,
            KeyCode::Char('j'),
            KeyCode::Down,
            KeyCode::Up,
        ],
    );
    assert_eq!(shown(&screen), ["bad", ">good", "rest?[2J"]);
    // By requests; the selected one stays selected.
    press(&mut screen, &[KeyCode::Char('s')]);
    assert_eq!(shown(&screen), [">good", "bad", "rest?[2J"]);
    press(
        &mut screen,
        &"/BADq".chars().map(KeyCode::Char).collect::<Vec<_>>(),
    );
    assert!(shown(&screen).is_empty(), "q is typed");
    press(&mut screen, &[KeyCode::Backspace, KeyCode::Enter]);
    assert_eq!(shown(&screen), [">bad"]);
    press(&mut screen, &[KeyCode::Esc]);
    assert_eq!(shown(&screen).len(), 3);
}

#[test]
fn opens_endpoints_and_leaves() {
    let mut screen = Screen::default();
    press(&mut screen, &[KeyCode::Enter]);
    let lines = screen.lines(&look(), (100, 20));
    assert_eq!(lines[1], "bad (kube_bad)");
    assert!(lines[2].contains("ENDPOINT"), "{}", lines[2]);
    assert_eq!(press(&mut screen, &[KeyCode::Esc]), Reaction::Show);
    assert_eq!(press(&mut screen, &[KeyCode::Char('q')]), Reaction::Leave);
    let stop = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.key(stop, &look()), Reaction::Leave);
}

#[test]
fn fits_every_size() {
    let screen = Screen::default();
    for size in [(0, 0), (1, 1), (10, 3), (40, 6), (200, 50)] {
        let lines = screen.lines(&look(), size);
        assert!(lines.len() <= size.1, "{size:?}");
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(widest.unwrap_or(0) <= size.0.max(2), "{size:?}: {lines:#?}");
    }
}
