//! The program as a process that can be waited for, with a limit, and killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than any run takes that goes to its end.
pub(super) const LONG: Duration = Duration::from_secs(90);

/// The program. Another build may replace it while tests run that start it a thousand times, so they have their own.
fn program() -> &'static Path {
    static COPIED: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPIED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k8s-apply");
        std::fs::copy(tests::k8s_apply(), &path).unwrap();
        (folder, path)
    });
    path
}

/// A run that has begun.
pub(super) struct Running {
    child: Child,
    said: PathBuf,
    began: Instant,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code; none if a signal ended it.
    pub(super) code: Option<i32>,
    /// What it said on standard error.
    pub(super) said: String,
    /// How long it took.
    pub(super) took: Duration,
}

impl Running {
    /// Starts the program with these arguments. What it says goes into a file of this folder.
    pub(super) fn start(folder: &Path, kubeconfig: &Path, arguments: &[&str]) -> Self {
        Self::start_with(folder, kubeconfig, arguments, Stdio::null())
    }

    /// The same, with something on its standard input.
    pub(super) fn start_with(
        folder: &Path,
        kubeconfig: &Path,
        arguments: &[&str],
        input: Stdio,
    ) -> Self {
        let said = folder.join("said");
        let child = Command::new(program())
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .env("USER", "tester")
            .env("NO_COLOR", "1")
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        Self { child, said, began: Instant::now() }
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends. One that does not is killed, and has no exit code.
    pub(super) fn end(mut self, limit: Duration) -> Ended {
        while !self.has_ended() {
            if self.began.elapsed() > limit {
                self.child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let code = self.child.wait().unwrap().code();
        let said = std::fs::read_to_string(&self.said).unwrap();
        Ended { code, said, took: self.began.elapsed() }
    }

    /// Kills it as nothing can be caught.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
