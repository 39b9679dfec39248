//! `hpcc-envgen lint`: faults of an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use cli::{Exit, InvalidInput, OutputFormat, counted};
use discovery::{Options, discover};
use envxml::lint::{Finding, LintOptions, PodRole, Rule, Severity, Target, lint as found};
use envxml::{Document, Environment};
use topology::{Machine, Role};

use crate::cli::{Lint, LintTarget};
use crate::file;

/// What ends host names while pods are read. Any other end in the environment is as good.
const DOMAIN: &str = "cluster.local";

/// Prints what is wrong; exit code 3 when there is an error or a warning.
pub(super) fn lint(arguments: &Lint) -> Result<Exit> {
    if arguments.rules {
        return rules(arguments.output.output);
    }
    let Some(path) = &arguments.file else {
        return Err(cli::invalid("expected an environment, or --rules"));
    };
    let target = match arguments.target {
        LintTarget::Host if arguments.pods.is_none() => Target::Host,
        LintTarget::Host | LintTarget::Kubernetes => Target::Kubernetes,
    };
    let mut disabled = BTreeSet::new();
    for name in &arguments.disable {
        let rule: Rule =
            name.parse().map_err(|error| InvalidInput(format!("--disable: {error}")))?;
        disabled.insert(rule);
    }
    let document = file::read(path)?;
    let pods = arguments.pods.as_deref().map(|file| pods(file, &document)).transpose()?;
    let findings = found(&document, &LintOptions { target, disabled, pods });
    match arguments.output.output {
        OutputFormat::Json => file::print_json(&findings)?,
        OutputFormat::Text => file::print_text(&text(path, &findings))?,
    }
    let faults = findings.iter().any(|finding| finding.severity > Severity::Info);
    Ok(if faults { Exit::Differences } else { Exit::Ok })
}

/// Findings as text, with a last line that counts them.
pub(super) fn text(path: &Path, findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let place = match finding.position {
            Some(at) => format!("{}:{}:{}", path.display(), at.line, at.column),
            None => path.display().to_string(),
        };
        let _ = writeln!(
            text,
            "{place}: {}: {} [{}]\n   at {}\n   help: {}",
            finding.severity, finding.message, finding.rule, finding.path, finding.help
        );
    }
    let count = |severity| findings.iter().filter(|one| one.severity == severity).count();
    let _ = writeln!(
        text,
        "{}: {}, {}, {} to know",
        path.display(),
        counted(count(Severity::Error), "error"),
        counted(count(Severity::Warning), "warning"),
        count(Severity::Info)
    );
    text
}

fn rules(output: OutputFormat) -> Result<Exit> {
    match output {
        OutputFormat::Json => {
            let all: Vec<_> = Rule::ALL
                .iter()
                .map(|rule| {
                    serde_json::json!({
                        "rule": rule.name(),
                        "severity": rule.severity(),
                        "target": rule.target(),
                        "description": rule.description(),
                    })
                })
                .collect();
            file::print_json(&all)?;
        }
        OutputFormat::Text => {
            let mut lines = String::new();
            for rule in Rule::ALL {
                let (name, description) = (rule.name(), rule.description());
                let _ = writeln!(
                    lines,
                    "{name:28} {:8} {:11} {description}",
                    rule.severity(),
                    rule.target()
                );
            }
            file::print(&lines)?;
        }
    }
    Ok(Exit::Ok)
}

/// What the pods of a file say of themselves, by the address under which the environment knows them: one of a
/// pod's host names if there is a computer with it, else the address.
fn pods(path: &Path, document: &Document) -> Result<BTreeMap<String, PodRole>> {
    let found = discover(&file::pods(path, DOMAIN)?, &Options::default());
    let environment = Environment::new(document);
    let computers: BTreeSet<&str> =
        environment.computers.iter().map(|computer| computer.address.as_ref()).collect();
    let known_as = |machine: &Machine| -> String {
        let by_name = machine.host_name.as_ref().and_then(|name| {
            let name = name.to_string();
            let stem = name.strip_suffix(DOMAIN).unwrap_or(&name);
            computers.iter().find(|known| known.to_ascii_lowercase().starts_with(stem))
        });
        by_name.map_or_else(|| machine.address.to_string(), ToString::to_string)
    };
    let mut pods = BTreeMap::new();
    for (key, machines) in found.placement.iter() {
        let role = match key.role() {
            Role::ThorSlave => "thor",
            Role::ThorMaster => "thormaster",
            other => other.as_str(),
        };
        for machine in machines {
            pods.insert(
                known_as(machine),
                PodRole { role: role.to_owned(), cluster: key.cluster().map(ToString::to_string) },
            );
        }
    }
    Ok(pods)
}
