// SPDX-License-Identifier: Apache-2.0
//! Running the binary, with files in a directory of their own.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

/// The example, relative to where the binary is run.
pub(crate) const HTTPBIN: &str = "examples/httpbin";

/// How one run ended.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("JSON")
    }

    /// Standard output, which must have all of `parts`.
    pub(crate) fn says(&self, parts: &[&str]) {
        for part in parts {
            assert!(
                self.stdout.contains(part),
                "{part:?} not in:\n{}",
                self.stdout
            );
        }
    }
}

/// Runs the binary at the top of the workspace.
pub(crate) fn run(arguments: &[&str]) -> Run {
    run_with(arguments, "")
}

/// Runs the binary with something on standard input.
pub(crate) fn run_with(arguments: &[&str], input: &str) -> Run {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(arguments)
        .current_dir(root)
        .env_remove("COLUMNS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    // A command that does not read its input closes it early.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the binary ends");
    Run {
        code: output.status.code().expect("no signal"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// A file of its own that is gone after the test.
pub(crate) struct File {
    directory: PathBuf,
}

impl File {
    /// A YAML file with that text.
    pub(crate) fn new(text: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sluicegate-cli-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("manifests.yaml"), text).expect("a file");
        Self { directory }
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        let path = self.directory.join("manifests.yaml");
        path.to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
