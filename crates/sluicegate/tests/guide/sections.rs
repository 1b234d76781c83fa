// SPDX-License-Identifier: Apache-2.0
//! Sections that stand alone, each with a backend and a gateway of its own.
//!
//! In: a page. Out: the same text with what the commands of each section print now.

use std::{fs, time::Duration};

use sluicegate_testkit::eventually;

use crate::{
    backend::Backend,
    page::{Page, Part, is_update, parts, repository},
    stage::{MOMENT, Stage, Surroundings, play},
    terminal::Terminal,
};

/// How often a section is played before it is believed to be wrong.
const PATIENCE: usize = 4;

/// What stands before the first heading of the second level, then from heading to heading.
pub(crate) fn sections(page: &Page) -> Vec<&str> {
    let starts = page.text.match_indices("\n## ").map(|(at, _)| at + 1);
    let starts: Vec<usize> = starts.collect();
    let ends = starts.iter().copied().chain([page.text.len()]);
    let begins = [0].into_iter().chain(starts.iter().copied());
    begins
        .zip(ends)
        .map(|(begin, end)| &page.text[begin..end])
        .collect()
}

/// Plays a section until it is as it is written. With `UPDATE_DOCS=1`, what is right is what comes
/// twice.
pub(crate) async fn played(section: &str, folder: &str) -> String {
    if !parts(section)
        .iter()
        .any(|part| matches!(part, Part::Console(_)))
    {
        return section.to_owned();
    }
    let mut wanted = section.to_owned();
    let mut shown = String::new();
    for _ in 0..PATIENCE {
        shown = play_once(section, folder).await;
        if shown == wanted {
            break;
        }
        if is_update() {
            wanted.clone_from(&shown);
        }
    }
    shown
}

async fn play_once(section: &str, folder: &str) -> String {
    let parts = parts(section);
    let backend = Backend::of(section).await;
    let stage = stage(folder, &backend);
    for part in &parts {
        if let Part::Manifest(file, text) = part {
            stage.write(file, text);
        }
    }
    if parts.iter().any(|it| matches!(it, Part::Terminal(_))) {
        return play(&parts, &stage, MOMENT).await;
    }
    let _gateway = gateway(&stage, folder).await;
    // Counters are part of what is shown: no command may come twice.
    play(&parts, &stage, Duration::ZERO).await
}

/// With the manifests of a folder of the repository.
pub(crate) fn stage(folder: &str, backend: &Backend) -> Stage {
    let surroundings = Surroundings {
        backend: backend.port(),
        ..Surroundings::default()
    };
    let stage = Stage::new(folder, surroundings);
    for (name, text) in manifests(folder) {
        stage.write(&name, &text);
    }
    stage
}

/// The names and texts in a folder of the repository.
pub(crate) fn manifests(folder: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(repository().join(folder)).unwrap();
    let files = entries.map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    });
    files.collect()
}

/// The shipped binary on the manifests of a stage, ready.
pub(crate) async fn gateway(stage: &Stage, folder: &str) -> Terminal {
    let command = "--bind 127.0.0.1 --workers 1 --drain-time 1 --admin-address 127.0.0.1:19000";
    let terminal = stage.start(&format!("exec sluicegate run {folder} {command}"));
    let ready = async || {
        let state = stage.run("curl -s 127.0.0.1:19000/ready").await;
        (state == "LIVE\n").then_some(())
    };
    eventually("the gateway is ready", ready).await.unwrap();
    terminal
}
