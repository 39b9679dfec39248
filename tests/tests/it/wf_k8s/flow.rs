//! Small workflows.

use serde_json::{Value, json};

/// A workflow in the making. Signals are named by what tasks read and make; those that none makes are there from the
/// begin.
#[derive(Debug, Default, Clone)]
pub(super) struct Flow {
    processes: Vec<Value>,
    signals: Vec<String>,
    made: Vec<usize>,
}

impl Flow {
    fn signal(&mut self, name: &str) -> usize {
        self.signals.iter().position(|known| known == name).unwrap_or_else(|| {
            self.signals.push(name.to_owned());
            self.signals.len() - 1
        })
    }

    /// Adds a task with this argument vector.
    pub(super) fn task(self, name: &str, argv: &[&str], ins: &[&str], outs: &[&str]) -> Self {
        self.task_with(name, argv, ins, outs, &json!({}))
    }

    /// Adds a task; more fields of its `executor`.
    pub(super) fn task_with(
        mut self,
        name: &str,
        argv: &[&str],
        ins: &[&str],
        outs: &[&str],
        more: &Value,
    ) -> Self {
        // Little enough for several pods on a small node.
        let mut executor = json!({"executable": argv[0], "args": argv[1..], "cpu": 0.1});
        for (key, value) in more.as_object().unwrap() {
            executor[key] = value.clone();
        }
        let ins: Vec<usize> = ins.iter().map(|name| self.signal(name)).collect();
        let outs: Vec<usize> = outs.iter().map(|name| self.signal(name)).collect();
        self.made.extend(&outs);
        self.processes.push(json!({
            "name": name, "function": "command", "firingLimit": 1,
            "config": {"executor": executor}, "ins": ins, "outs": outs,
        }));
        self
    }

    /// The same with a line for the shell.
    pub(super) fn sh(self, name: &str, line: &str, ins: &[&str], outs: &[&str]) -> Self {
        self.task(name, &["sh", "-c", line], ins, outs)
    }

    /// As a file.
    pub(super) fn text(&self) -> String {
        let mut outer = Vec::new();
        let signals: Vec<Value> = self
            .signals
            .iter()
            .enumerate()
            .map(|(at, name)| {
                if self.made.contains(&at) {
                    json!({"name": name})
                } else {
                    outer.push(at);
                    json!({"name": name, "data": [{}]})
                }
            })
            .collect();
        json!({"name": "small", "processes": self.processes, "signals": signals, "ins": outer, "outs": []})
            .to_string()
    }
}
