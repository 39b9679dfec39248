//! The command line and the report of `wf-run`, all in this one place.

use std::path::{Path, PathBuf};
use std::process::Command;

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
