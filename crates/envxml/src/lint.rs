//! Finds faults of an environment before HPCC does.
//!
//! [`lint`] gives [`Finding`]s: which [`Rule`] was broken, where, and how to mend it. Rules that only
//! make sense for pods run with [`Target::Kubernetes`]. No environment is too broken: attributes may be
//! missing and references may lead nowhere.
//!
//! ```
//! use envxml::lint::{LintOptions, Rule, Severity, lint};
//!
//! let document = envxml::Document::parse(
//!     "<Environment><Hardware><Computer name='a' domain='d' netAddress='10.1.1.999'/>\
//!      <Domain name='d'/></Hardware></Environment>",
//! )?;
//! let findings = lint(&document, &LintOptions::default());
//! let error = findings.iter().find(|finding| finding.severity == Severity::Error).unwrap();
//! assert_eq!(error.rule, Rule::BadAddress);
//! assert_eq!(error.path, "Hardware/Computer[@name='a']/@netAddress");
//! # Ok::<(), envxml::ReadError>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use crate::tree::{Document, Position};
use crate::view::Environment;

mod components;
mod context;
mod findings;
mod hardware;
mod kubernetes;
mod ports;
mod references;
mod roles;
mod roxie;
mod rules;
mod thor;
mod topology;
mod values;

pub use rules::Rule;

use context::Context;
use findings::Findings;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// It works, but likely not as it was meant.
    Warning,
    /// HPCC refuses it, or a part of the cluster cannot work.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What the cluster runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Machines with addresses that stay.
    #[default]
    Host,
    /// Pods.
    Kubernetes,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Host => "host",
            Self::Kubernetes => "kubernetes",
        })
    }
}

/// What the labels of a pod say about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PodRole {
    /// Its type: `thor`, `thormaster`, `roxie`, `thor_roxie`, `esp`, `dali`, `support`, `node`, ...
    pub role: String,
    /// The name of the cluster that it belongs to, if it tells one.
    pub cluster: Option<String>,
}

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct LintOptions {
    /// What the cluster runs on. Rules for Kubernetes run only there.
    pub target: Target,
    /// Rules that are not applied.
    pub disabled: BTreeSet<Rule>,
    /// The pods by address, where they are known. Compared with the target Kubernetes only.
    pub pods: Option<BTreeMap<String, PodRole>>,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule was broken.
    pub rule: Rule,
    /// How bad it is.
    pub severity: Severity,
    /// The element as an XPath below `Environment`, with `/@name` where it is about an attribute.
    pub path: String,
    /// Where it stands in the file; `None` when it was not read from one.
    #[serde(serialize_with = "position")]
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: String,
}

/// Three lines: what, where, and how to mend it.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[{}]: {}", self.severity, self.rule, self.message)?;
        match self.position {
            Some(Position { line, column }) => writeln!(f, "  at {line}:{column} {}", self.path)?,
            None => writeln!(f, "  at {}", self.path)?,
        }
        write!(f, "  help: {}", self.help)
    }
}

#[expect(clippy::ref_option, reason = "the form that serde asks for")]
fn position<S: Serializer>(position: &Option<Position>, to: S) -> Result<S::Ok, S::Error> {
    position
        .map(|position| BTreeMap::from([("line", position.line), ("column", position.column)]))
        .serialize(to)
}

/// Finds all faults of a document, in the order of the file; several at one place in that of the rules.
#[must_use]
pub fn lint(document: &Document, options: &LintOptions) -> Vec<Finding> {
    let environment = Environment::new(document);
    let context = Context::new(&environment, options);
    let mut found = Findings::new(&options.disabled);
    hardware::check(&context, &mut found);
    components::check(&context, &mut found);
    references::check(&context, &mut found);
    topology::check(&context, &mut found);
    values::check(&context, &mut found);
    thor::check(&context, &mut found);
    roxie::check(&context, &mut found);
    ports::check(&context, &mut found);
    roles::check(&context, &mut found);
    if options.target == Target::Kubernetes {
        kubernetes::check(&context, &mut found);
    }
    found.finish(document)
}
