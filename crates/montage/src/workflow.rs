//! HyperFlow's `workflow.json` as types, and the builder that keeps its indexes right.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

/// A workflow graph in HyperFlow's format; serialise it with `serde_json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workflow {
    /// Name of the workflow.
    pub name: String,
    /// The tasks.
    pub processes: Vec<Process>,
    /// The files between tasks.
    pub signals: Vec<Signal>,
    /// Indexes of the signals that must be there before the run.
    pub ins: Vec<usize>,
    /// Indexes of the signals that no task uses: the results.
    pub outs: Vec<usize>,
}

/// One task. It fires once, when all its inputs are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// Type of the task, by convention the name of the program.
    pub name: String,
    /// HyperFlow's kind of process, always `dataflow`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// HyperFlow's function, always `command`.
    pub function: &'static str,
    /// How often the process fires, always 1.
    #[serde(rename = "firingLimit")]
    pub firing_limit: u32,
    /// What is executed.
    pub config: Config,
    /// Indexes of the signals that are read.
    pub ins: Vec<usize>,
    /// Indexes of the signals that are written.
    pub outs: Vec<usize>,
}

/// Configuration of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The command.
    pub executor: Executor,
}

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Executor {
    /// The program, found through `PATH`.
    pub executable: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The file that receives standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
}

/// A file, relative to the work directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signal {
    /// Name of the file.
    pub name: String,
    /// Says that the name is that of a file, always true.
    pub file: bool,
    /// `[{}]` for a file that is there from the start: one instance without content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<[Instance; 1]>,
}

/// The content of a signal that only says that its file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Instance {}

/// A text file that must be written before a workflow starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Name, relative to the work directory.
    pub name: String,
    /// The whole content.
    pub content: String,
}

impl Workflow {
    /// The directories in which tasks read or write, parents first. No Montage program makes a
    /// directory, so all of them must exist before the run.
    #[must_use]
    pub fn directories(&self) -> Vec<&str> {
        let parts = self
            .signals
            .iter()
            .flat_map(|signal| signal.name.match_indices('/').map(|(at, _)| &signal.name[..at]));
        parts.filter(|name| !name.is_empty()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Number of tasks of each type, by name.
    #[must_use]
    pub fn tasks_by_type(&self) -> Vec<(&str, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for process in &self.processes {
            *counts.entry(process.name.as_str()).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

/// A task before its files are numbered.
#[derive(Debug, Default)]
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) executable: &'static str,
    pub(crate) args: Vec<String>,
    pub(crate) stdout: Option<String>,
    pub(crate) reads: Vec<String>,
    pub(crate) writes: Vec<String>,
}

/// Collects tasks; every file gets one signal.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    indexes: HashMap<String, usize>,
    names: Vec<String>,
    processes: Vec<Process>,
}

impl Builder {
    /// Adds a task. What goes to `stdout` counts as written.
    pub(crate) fn task(&mut self, mut task: Task) {
        task.writes.extend(task.stdout.clone());
        let ins = self.signals(&task.reads);
        let outs = self.signals(&task.writes);
        let executor = Executor {
            executable: task.executable.to_owned(),
            args: task.args,
            stdout: task.stdout,
        };
        self.processes.push(Process {
            name: task.name.to_owned(),
            kind: "dataflow",
            function: "command",
            firing_limit: 1,
            config: Config { executor },
            ins,
            outs,
        });
    }

    fn signals(&mut self, files: &[String]) -> Vec<usize> {
        let mut indexes = Vec::with_capacity(files.len());
        for file in files {
            let index = self.indexes.get(file).copied().unwrap_or_else(|| {
                self.names.push(file.clone());
                self.indexes.insert(file.clone(), self.names.len() - 1);
                self.names.len() - 1
            });
            indexes.push(index);
        }
        indexes
    }

    /// Numbers inputs and results of the whole.
    pub(crate) fn finish(self, name: &str) -> Workflow {
        let mut written = vec![false; self.names.len()];
        let mut read = vec![false; self.names.len()];
        for process in &self.processes {
            process.outs.iter().for_each(|&index| written[index] = true);
            process.ins.iter().for_each(|&index| read[index] = true);
        }
        let indexes = 0..self.names.len();
        let ins: Vec<usize> = indexes.clone().filter(|&index| !written[index]).collect();
        let outs = indexes.filter(|&index| !read[index]).collect();
        let signals = self.names.into_iter().zip(&written);
        let signals = signals.map(|(name, &written)| Signal {
            name,
            file: true,
            data: (!written).then_some([Instance {}]),
        });
        Workflow {
            name: name.to_owned(),
            signals: signals.collect(),
            processes: self.processes,
            ins,
            outs,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Checks what every plan must keep: each file has one writer, no cycle, and the order of the
    /// processes is one in which they can run.
    pub(crate) fn assert_runs_in_order(workflow: &Workflow) {
        let mut there = vec![false; workflow.signals.len()];
        workflow.ins.iter().for_each(|&index| there[index] = true);
        for process in &workflow.processes {
            for &index in &process.ins {
                assert!(there[index], "{} reads {} too early", process.name, index);
            }
            for &index in &process.outs {
                let name = &workflow.signals[index].name;
                assert!(!there[index], "{name} is written twice");
                there[index] = true;
            }
        }
        for (index, signal) in workflow.signals.iter().enumerate() {
            assert_eq!(signal.data.is_some(), workflow.ins.contains(&index));
        }
        let text = serde_json::to_string(workflow).unwrap();
        assert!(!text.contains("{{"), "HyperFlow would take {{{{ for a template variable");
    }

    #[test]
    fn a_workflow_serialises_to_the_format_of_hyperflow() {
        let mut builder = Builder::default();
        builder.task(Task {
            name: "copy",
            executable: "cat",
            args: vec!["in/a".into()],
            stdout: Some("out/deep/b".into()),
            reads: vec!["in/a".into()],
            ..Task::default()
        });
        let workflow = builder.finish("two files");
        assert_runs_in_order(&workflow);
        assert_eq!(workflow.directories(), ["in", "out", "out/deep"]);
        assert_eq!(workflow.tasks_by_type(), [("copy", 1)]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&workflow).unwrap());
    }
}
