//! `hpcc-envgen lint`: faults of an environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use cli::{Exit, InvalidInput, OutputFormat, counted};
use discovery::{Options, discover, read_pods};
use envxml::lint::{Finding, LintOptions, PodRole, Rule, Severity, Target, lint as found};
use topology::Role;

use crate::cli::{Lint, LintTarget};
use crate::file;

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
    let pods = arguments.pods.as_deref().map(pods).transpose()?;
    let document = file::read(path)?;
    let findings = found(&document, &LintOptions { target, disabled, pods });
    match arguments.output.output {
        OutputFormat::Json => file::print_json(&findings)?,
        OutputFormat::Text => file::print(&text(path, &findings))?,
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
        text.push_str(&format!(
            "{place}: {}: {} [{}]\n   at {}\n   help: {}\n",
            finding.severity, finding.message, finding.rule, finding.path, finding.help
        ));
    }
    let count = |severity| findings.iter().filter(|one| one.severity == severity).count();
    text.push_str(&format!(
        "{}: {}, {}, {} to know\n",
        path.display(),
        counted(count(Severity::Error), "error"),
        counted(count(Severity::Warning), "warning"),
        count(Severity::Info)
    ));
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
            let lines: String = Rule::ALL
                .iter()
                .map(|rule| {
                    format!(
                        "{:28} {:8} {:11} {}\n",
                        rule.name(),
                        rule.severity(),
                        rule.target(),
                        rule.description()
                    )
                })
                .collect();
            file::print(&lines)?;
        }
    }
    Ok(Exit::Ok)
}

/// What the pods of a file say of themselves, by address.
fn pods(path: &Path) -> Result<BTreeMap<String, PodRole>> {
    let read = read_pods(&file::text(path)?, "cluster.local")
        .map_err(|error| InvalidInput(format!("{}: {error}", path.display())))?;
    let found = discover(&read, &Options::default());
    let mut pods = BTreeMap::new();
    for (key, machines) in found.placement.iter() {
        let role = match key.role() {
            Role::ThorSlave => "thor",
            Role::ThorMaster => "thormaster",
            other => other.as_str(),
        };
        for machine in machines {
            pods.insert(
                machine.address.to_string(),
                PodRole { role: role.to_owned(), cluster: key.cluster().map(ToString::to_string) },
            );
        }
    }
    Ok(pods)
}
