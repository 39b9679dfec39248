//! The command line and the report of `wf-run`, all in this one place.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::k8s::Mode;

/// Where the JSON report says how long the run waited for its journal, in seconds.
const JOURNAL_SECONDS: &str = "/journal_seconds";

/// What carries the tasks out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Executor {
    /// Processes on this machine.
    Local,
    /// Nothing: every task succeeds at once.
    Noop,
}

/// A cluster for [`WfRun::on_cluster`].
#[derive(Debug)]
pub(crate) struct OnCluster<'a> {
    /// Which cluster.
    pub(crate) kubeconfig: &'a Path,
    /// Where in it.
    pub(crate) namespace: &'a str,
    /// How tasks get into pods.
    pub(crate) mode: Mode,
    /// How many run at once.
    pub(crate) slots: u32,
    /// The port for workers.
    pub(crate) port: u16,
    /// More options.
    pub(crate) more: &'a [String],
}

/// The binary under test.
#[derive(Debug, Clone)]
pub(crate) struct WfRun {
    program: PathBuf,
}

impl WfRun {
    /// The binary at `program`.
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// A run with journal and logs as by default, without looking at files.
    pub(crate) fn run(&self, file: &Path, slots: u32, runs: &Path, executor: Executor) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("run").arg(file).args(["-j", &slots.to_string(), "--files", "off"]);
        command.args([
            "--executor",
            match executor {
                Executor::Local => "local",
                Executor::Noop => "noop",
            },
        ]);
        command.arg("--runs").arg(runs);
        command
    }

    /// The same, with a report for [`journal_seconds`] on standard output.
    pub(crate) fn run_with_report(&self, file: &Path, slots: u32, runs: &Path) -> Command {
        let mut command = self.run(file, slots, runs, Executor::Local);
        command.args(["-o", "json"]);
        command
    }

    /// A run on a cluster.
    pub(crate) fn on_cluster(&self, file: &Path, runs: &Path, on: &OnCluster<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("run").arg(file).args(["--files", "off", "--executor", "k8s"]);
        command.arg("--kubeconfig").arg(on.kubeconfig).args(["--namespace", on.namespace]);
        let slots = on.slots.to_string();
        command.args(["--mode", on.mode.name(), "-j", &slots, "--max-pods", &slots]);
        // There are no images where nodes are played.
        command.args(["--image", "none", "--worker-image", "none"]);
        if on.mode == Mode::Job {
            command.args(["--reach", "none"]);
        } else {
            // Workers are processes of this machine.
            let address = format!("127.0.0.1:{}", on.port);
            command.args(["--reach", &address, "--listen", &address]);
        }
        command.arg("--runs").arg(runs).args(on.more);
        command
    }

    /// Resumes the latest run of the folder.
    pub(crate) fn resume(&self, runs: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("resume").arg("--runs").arg(runs);
        command
    }

    /// Loads and checks a workflow.
    pub(crate) fn check(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("check").arg(file);
        command
    }
}

/// The journal's seconds in a report; `None` when the report does not tell.
pub(crate) fn journal_seconds(report: &str) -> Option<f64> {
    let report: serde_json::Value = serde_json::from_str(report.trim()).ok()?;
    report.pointer(JOURNAL_SECONDS)?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_seconds_are_read_from_the_report() {
        assert_eq!(journal_seconds("{\"journal_seconds\":0.25}\n"), Some(0.25));
        assert_eq!(journal_seconds("{}"), None);
        assert_eq!(journal_seconds("not JSON"), None);
    }
}
