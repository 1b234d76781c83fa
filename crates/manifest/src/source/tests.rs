// SPDX-License-Identifier: Apache-2.0
//! Loading and watching real files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{Input, LoadError, Loaded, Loader, Watcher};
use crate::Fragments;

/// A directory of its own for one test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-manifest-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn loader(&self) -> Loader {
        Loader::new(vec![Input::Path(self.0.clone())])
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn object(kind: &str) -> String {
    format!("apiVersion: v1\nkind: {kind}\n")
}

fn kinds(loaded: &Loaded) -> Vec<&str> {
    loaded
        .documents
        .iter()
        .map(|document| document.kind())
        .collect()
}

#[test]
fn directories_are_read_sorted_and_deep() {
    let directory = Directory::new();
    directory.write("b.yml", &object("B"));
    directory.write("a/z.json", r#"{"apiVersion": "v1", "kind": "A"}"#);
    directory.write("c.yaml", &object("C"));
    for ignored in [
        "d.txt",
        ".e.yaml",
        "f.yaml~",
        "#g.yaml",
        "..data/h.yaml",
        "i.yaml.swp",
    ] {
        directory.write(ignored, &object("X"));
    }
    symlink(&directory.0, directory.path("loop")).unwrap();
    symlink(directory.path("c.yaml"), directory.path("d.yaml")).unwrap();
    symlink("nowhere", directory.path("e.yaml")).unwrap();
    let loaded = directory.loader().load().unwrap();
    assert_eq!(kinds(&loaded), ["A", "B", "C"]);
    assert!(loaded.diagnostics.is_empty() && loaded.changed);
    assert_eq!(
        loaded.files[0].path,
        directory.path("a/z.json").display().to_string()
    );
    let place = loaded.documents[1].place(&crate::FieldPath::root());
    assert_eq!(place, format!("{}:1", directory.path("b.yml").display()));
}

#[test]
fn a_missing_path_is_the_environments_fault() {
    let path = PathBuf::from("no/such/path");
    let error = Loader::new(vec![Input::Path(path)]).load().unwrap_err();
    assert!(matches!(error, LoadError::Missing { .. }));
    assert!(error.to_string().contains("no/such/path"));
}

#[test]
fn unchanged_files_keep_their_documents() {
    let directory = Directory::new();
    directory.write("a.yaml", &object("A"));
    directory.write("b.yaml", &object("B"));
    let mut loader = directory.loader();
    let first = loader.load().unwrap();
    let second = loader.load().unwrap();
    assert!(first.changed && !second.changed);
    assert!(Arc::ptr_eq(&first.documents[0], &second.documents[0]));
    directory.write("b.yaml", &object("BB"));
    let third = loader.load().unwrap();
    assert!(third.changed);
    assert!(Arc::ptr_eq(&first.documents[0], &third.documents[0]));
    assert_eq!(kinds(&third), ["A", "BB"]);
    fs::remove_file(directory.path("a.yaml")).unwrap();
    assert_eq!(kinds(&loader.load().unwrap()), ["BB"]);
}

#[test]
fn an_edit_in_place_costs_one_document() {
    let directory = Directory::new();
    let parts = ["A1", "B1", "C1"].map(object);
    directory.write("a.yaml", &parts.join("---\n"));
    let mut loader = directory.loader();
    let first = loader.load().unwrap().documents;
    directory.write("a.yaml", &parts.join("---\n").replace("B1", "B2"));
    let second = loader.load().unwrap();
    assert_eq!(kinds(&second), ["A1", "B2", "C1"]);
    let same = |at: usize| Arc::ptr_eq(&first[at], &second.documents[at]);
    assert_eq!([same(0), same(1), same(2)], [true, false, true]);
    // Moved documents are read again: their lines changed.
    directory.write("a.yaml", &parts.join("---\n").replace("B1", "B2\nx: 1"));
    let third = loader.load().unwrap().documents;
    assert!(Arc::ptr_eq(&first[0], &third[0]));
    assert_eq!(third[2].position(third[2].root.span).unwrap().line, 8);
    // The same offset on another line: `\n` took the place of a letter.
    directory.write("a.yaml", &parts.join("---\n").replace("B1", "B2\n#  "));
    let fourth = loader.load().unwrap().documents;
    assert_eq!(fourth[2].position(fourth[2].root.span).unwrap().line, 8);
}

#[test]
fn many_edits_do_not_keep_many_texts_alive() {
    let directory = Directory::new();
    let mut loader = directory.loader();
    let mut last = Loaded::default();
    let mut fresh = 0;
    for round in 10..60 {
        directory.write(
            "a.yaml",
            &format!("{}---\n{}", object("A"), object(&format!("B{round}"))),
        );
        let loaded = loader.load().unwrap();
        let kept = last.documents.first();
        fresh += u32::from(!kept.is_some_and(|kept| Arc::ptr_eq(kept, &loaded.documents[0])));
        last = loaded;
    }
    assert!((2..10).contains(&fresh), "{fresh}");
}

#[test]
fn a_broken_file_keeps_its_last_good_documents() {
    let directory = Directory::new();
    directory.write("a.yaml", &object("A"));
    directory.write("b.yaml", "broken: [\n");
    let mut loader = directory.loader();
    let first = loader.load().unwrap();
    assert_eq!(kinds(&first), ["A"]);
    assert_eq!(first.diagnostics.len(), 1);
    assert!(!first.files[1].stale && first.files[1].error.is_some());
    for broken in ["apiVersion: v1\nkind: A\nkind: B\n", "kind: A\n"] {
        directory.write("a.yaml", broken);
        let loaded = loader.load().unwrap();
        assert!(Arc::ptr_eq(&first.documents[0], &loaded.documents[0]));
        assert!(loaded.changed && loaded.files[0].stale);
        assert_eq!(
            (loaded.diagnostics.len(), loaded.files[0].documents),
            (2, 1)
        );
        assert!(!loader.load().unwrap().changed);
    }
    fs::write(directory.path("a.yaml"), b"kind: \xff\n").unwrap();
    let loaded = loader.load().unwrap();
    assert_eq!(loaded.diagnostics[0].code, "file-encoding");
    assert_eq!(kinds(&loaded), ["A"]);
    directory.write("a.yaml", &object("A"));
    let healed = loader.load().unwrap();
    assert!(!healed.files[0].stale && Arc::ptr_eq(&first.documents[0], &healed.documents[0]));
    directory.write("a.yaml", "");
    assert!(kinds(&loader.load().unwrap()).is_empty());
}

#[test]
fn an_unreadable_file_keeps_its_last_good_documents() {
    let directory = Directory::new();
    directory.write("a.yaml", &object("A"));
    let mut loader = directory.loader();
    let first = loader.load().unwrap();
    // A directory in the place of a file cannot be read, whoever asks.
    let file = super::File::read(Path::new("/"), None, Fragments::Refused);
    assert_eq!(file.diagnostics()[0].code, "file-unreadable");
    let kept = loader.files.remove(&directory.path("a.yaml")).unwrap();
    let kept = super::File::read(&directory.0, Some(kept), Fragments::Refused);
    assert!(kept.is_stale());
    assert!(Arc::ptr_eq(
        kept.documents().next().unwrap(),
        &first.documents[0]
    ));
}

/// Writes a version of a ConfigMap as the kubelet does: a new directory, then one rename.
fn publish(mount: &Directory, version: &str, text: &str) {
    mount.write(&format!("..{version}/a.yaml"), text);
    symlink(format!("..{version}"), mount.path("..data_tmp")).unwrap();
    fs::rename(mount.path("..data_tmp"), mount.path("..data")).unwrap();
}

#[test]
fn a_config_map_swap_is_noticed() {
    for named_file in [false, true] {
        let mount = Directory::new();
        publish(&mount, "1", &object("A"));
        symlink("..data/a.yaml", mount.path("a.yaml")).unwrap();
        let path = if named_file {
            mount.path("a.yaml")
        } else {
            mount.0.clone()
        };
        let mut loader = Loader::new(vec![Input::Path(path)]);
        assert_eq!(kinds(&loader.load().unwrap()), ["A"]);
        let (watcher, calls) = watch(&loader);
        for (version, kind) in [("2", "B"), ("3", "C")] {
            publish(&mount, version, &object(kind));
            let loaded = until_changed(&mut loader, &calls);
            assert_eq!(kinds(&loaded), [kind]);
        }
        drop(watcher);
    }
}

#[test]
fn new_directories_are_watched_and_reading_is_no_change() {
    let directory = Directory::new();
    directory.write("a.yaml", &object("A"));
    let mut loader = directory.loader();
    loader.load().unwrap();
    let (_watcher, calls) = watch(&loader);
    directory.write("sub/b.yaml", &object("B"));
    assert_eq!(kinds(&until_changed(&mut loader, &calls)), ["A", "B"]);
    directory.write("sub/b.yaml", &object("C"));
    assert_eq!(kinds(&until_changed(&mut loader, &calls)), ["A", "C"]);
    while calls.recv_timeout(Duration::from_millis(300)).is_ok() {}
    loader.load().unwrap();
    assert!(calls.recv_timeout(Duration::from_millis(300)).is_err());
}

fn watch(loader: &Loader) -> (Watcher, Receiver<()>) {
    let (sender, calls) = channel();
    let watcher = Watcher::spawn(loader.paths(), move |_| {
        let _ = sender.send(());
    });
    (watcher.unwrap(), calls)
}

/// Loads at each call until something changed. Sooner than the poll would notice it.
fn until_changed(loader: &mut Loader, calls: &Receiver<()>) -> Loaded {
    let deadline = Instant::now() + Duration::from_secs(4);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        calls.recv_timeout(left).unwrap();
        let loaded = loader.load().unwrap();
        if loaded.changed {
            return loaded;
        }
    }
}
