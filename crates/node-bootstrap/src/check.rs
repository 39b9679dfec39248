//! Whether a host can become a node, and whether it is what it shall be.
//!
//! [`check`] asks what kubeadm asks before `init` and `join`, under kubeadm's own names, and more that kubeadm does not
//! ask. It changes nothing, and runs a program only where no file tells. Of a tree only what files can tell is asked.
//! [`verify`] asks whether anything is left to do for a `node.yaml`, now and at the next boot.

mod boot;
mod containers;
mod files;
mod look;
mod machine;
mod network;
mod repositories;
#[cfg(test)]
mod tests;
mod versions;

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::facts::Facts;
use crate::host::{Host, HostError};
use crate::journal::Journal;
use crate::plan::{Planning, plan};
use crate::spec::Node;
use crate::steps;
use look::Looker;

/// What a host is checked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To begin a cluster, by `kubeadm init`.
    Init,
    /// To join one, by `kubeadm join`.
    #[serde(rename_all = "camelCase")]
    Join {
        /// As a control plane.
        control_plane: bool,
    },
    /// To run beside a cluster, or later in one: only what every host needs.
    Host,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Sound.
    Pass,
    /// It could not be looked at here, or it does not matter.
    Skip,
    /// A person should know.
    Warn,
    /// In the way.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Skip => "SKIP",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The check. kubeadm's own have kubeadm's names, such as `Port-6443`.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether it would have failed, had it not been ignored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// What was found.
    pub message: String,
    /// How to mend it; absent where nothing is to be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ignored = if self.ignored { " (ignored)" } else { "" };
        write!(f, "{} {}: {}{ignored}", self.verdict, self.name, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "\n     {help}"))
    }
}

/// Checks whose failures are only warnings, as `--ignore-preflight-errors` of kubeadm names them: in any case, `all` for
/// every one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore {
    all: bool,
    names: BTreeSet<String>,
}

/// A list of checks to ignore that kubeadm would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`all` ignores every check; leave the other names out, or leave out `all`")]
pub struct AllAndMore;

impl Ignore {
    /// Of names, or lists of names with commas between them.
    ///
    /// # Errors
    /// If `all` stands beside other names, which kubeadm refuses.
    pub fn parse<S: AsRef<str>>(lists: impl IntoIterator<Item = S>) -> Result<Self, AllAndMore> {
        let mut names = BTreeSet::new();
        for list in lists {
            let of_list = list.as_ref().split(',').map(|name| name.trim().to_ascii_lowercase());
            names.extend(of_list.filter(|name| !name.is_empty()));
        }
        let all = names.remove("all");
        if all && !names.is_empty() { Err(AllAndMore) } else { Ok(Self { all, names }) }
    }

    /// Whether failures of this check are only warnings.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.all || self.names.contains(&name.to_ascii_lowercase())
    }
}

/// How one check ended, before it has its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Outcome {
    verdict: Verdict,
    message: String,
    help: Option<String>,
}

type Looked = Result<Outcome, HostError>;

fn pass(message: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Pass, message: message.into(), help: None }
}

fn skip(message: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Skip, message: message.into(), help: None }
}

fn warn(message: impl Into<String>, help: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Warn, message: message.into(), help: Some(help.into()) }
}

fn fail(message: impl Into<String>, help: impl Into<String>) -> Outcome {
    Outcome { verdict: Verdict::Fail, message: message.into(), help: Some(help.into()) }
}

/// The checks that a purpose needs, in the order in which they are told.
#[derive(Default)]
struct Findings(Vec<(String, Looked)>);

impl Findings {
    fn add(&mut self, name: impl Into<String>, looked: Looked) {
        self.0.push((name.into(), looked));
    }

    /// One that asks what only a host that runs can tell.
    fn live(&mut self, looker: &Looker<'_>, name: &str, check: fn(&Looker<'_>) -> Looked) {
        let live = looker.facts.live;
        self.add(name, if live { check(looker) } else { Ok(skip("the host does not run")) });
    }

    fn told(self, ignore: &Ignore) -> Vec<Finding> {
        let told = |(name, looked): (String, Looked)| {
            let outcome = looked.unwrap_or_else(|error| {
                fail(told_whole(&error), "mend what the system says, and check again")
            });
            let ignored = outcome.verdict == Verdict::Fail && ignore.has(&name);
            let verdict = if ignored { Verdict::Warn } else { outcome.verdict };
            Finding { name, verdict, ignored, message: outcome.message, help: outcome.help }
        };
        self.0.into_iter().map(told).collect()
    }
}

/// An error with what caused it.
pub(crate) fn told_whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What stands in the way of a purpose. What cannot be looked at is a finding as well.
#[must_use]
pub fn check(
    host: &dyn Host,
    facts: &Facts,
    node: &Node,
    purpose: Purpose,
    ignore: &Ignore,
) -> Vec<Finding> {
    let looker = Looker::new(host, facts, node, purpose);
    let mut found = Findings::default();
    machine::add(&looker, &mut found);
    versions::add(&looker, &mut found);
    files::add(&looker, &mut found);
    containers::add(&looker, &mut found);
    network::add(&looker, &mut found);
    boot::add(&looker, &mut found);
    repositories::add(&looker, &mut found);
    found.told(ignore)
}

/// Whether a host is what a `node.yaml` wishes: each change that is left is a failure under the name of its step, and so
/// is what the next boot or others would undo.
#[must_use]
pub fn verify(host: &dyn Host, facts: &Facts, node: &Node) -> Vec<Finding> {
    let mut found = Findings::default();
    let owed: Vec<_> = match Journal::read(host) {
        Ok(journal) => journal.owed().cloned().collect(),
        Err(error) => {
            let why = format!("what an interrupted run owes is not known: {}", told_whole(&error));
            found.add("interrupted", Ok(skip(why)));
            Vec::new()
        }
    };
    for poke in &owed {
        let left = format!("left to do since a run that was cut short: {poke}");
        found.add("interrupted", Ok(fail(left, "`node-prep apply` does it")));
    }
    let planned = match plan(host, node, facts, steps::all().iter().copied(), []) {
        Ok(planned) => planned,
        Err(error) => {
            let help = "mend what stands there, or take the step out of node.yaml";
            found.add(error.step, Ok(fail(told_whole(&*error.source), help)));
            return found.told(&Ignore::default());
        }
    };
    for step in steps::all() {
        let id = step.id();
        let before = found.0.len();
        for planned in planned.steps.iter().filter(|planned| planned.step == id) {
            for change in &planned.changes {
                let left = format!("left to do: {}", change.change);
                found.add(id, Ok(fail(left, "`node-prep apply` does it")));
            }
            for change in &planned.at_first_boot {
                found.add(id, Ok(skip(format!("left for the first boot: {change}"))));
            }
            said(&mut found, id, &planned.refusals, &planned.notes);
        }
        match Planning::new(host, node, facts).verify(*step) {
            Ok(told) => said(&mut found, id, &told.refusals, &told.notes),
            Err(error) => {
                let help = "mend what the system says, and verify again";
                found.add(id, Ok(fail(told_whole(&error), help)));
            }
        }
        if found.0.len() == before {
            found.add(id, Ok(pass("as wished")));
        }
    }
    for why in &planned.reboot {
        found.add("RebootRequired", Ok(warn(why.clone(), "start the machine again")));
    }
    found.told(&Ignore::default())
}

fn said(found: &mut Findings, id: &str, refusals: &[String], notes: &[String]) {
    let outcome =
        |verdict, message: &String| Outcome { verdict, message: message.clone(), help: None };
    for refusal in refusals {
        found.add(id, Ok(outcome(Verdict::Fail, refusal)));
    }
    for note in notes {
        found.add(id, Ok(outcome(Verdict::Warn, note)));
    }
}
