//! `hpcc-envgen generate`: machines in, environment.xml out.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

use anyhow::Result;
use cli::{Exit, say};
use envxml::Document;
use envxml::catalogue::Catalogue;
use envxml::compat::{self, EnvgenArgs};
use envxml::edit::{EditOptions, apply};
use envxml::lint::{Finding, LintOptions, Rule, Severity, Target, lint};
use envxml::place;
use hpcc_envgen::intake::{self, Answer};

use crate::cli::Generate;
use crate::file;
use crate::problems::{Report, refuse};
use crate::settings::{Change, Settings};
use crate::source::{self, Machines};

/// Generates an environment, or does one of the two things that need none: the Role, envgen's usage.
pub(super) fn generate(arguments: &Generate) -> Result<Exit> {
    if arguments.print_rbac {
        return source::print_rbac(arguments);
    }
    let typed = match intake::take(&arguments.envgen, arguments.compat) {
        Ok(typed) => typed,
        Err(answer) => return Ok(answer.give()?),
    };
    if arguments.compat { as_envgen(arguments, &typed) } else { ours(arguments, &typed) }
}

/// What envgen does, with its messages and exit codes.
fn as_envgen(arguments: &Generate, typed: &EnvgenArgs) -> Result<Exit> {
    let addresses = match typed.address_texts(|path| std::fs::read_to_string(path)) {
        Ok(texts) => texts.concat(),
        Err(problem) => return Ok(Answer::refusal(&[problem], true).give()?),
    };
    let catalogue = match &arguments.hpcc_version {
        Some(version) => source::catalogue(version)?,
        None => Catalogue::newest(),
    };
    let made = compat::generate(typed, &addresses, catalogue, &arguments.host_label, &resolve);
    let tell =
        |warnings: &[String]| warnings.iter().for_each(|text| say(text.trim_end_matches('\n')));
    match made {
        Ok(made) => {
            tell(&made.warnings);
            let written = typed
                .env
                .as_deref()
                .map_or(Ok(()), |path| file::write_quietly(path, &made.document.to_envgen_text()));
            match written {
                Ok(()) => Ok(Exit::Ok),
                // There is no exit code 2 in envgen.
                Err(error) => {
                    cli::error("hpcc-envgen", &error);
                    Ok(Exit::Failed)
                }
            }
        }
        Err(error) => {
            tell(&error.warnings);
            say(&error.to_string());
            Ok(Exit::Failed)
        }
    }
}

/// Our own way: by role, checked, explained.
fn ours(arguments: &Generate, typed: &EnvgenArgs) -> Result<Exit> {
    let mut report = Report::default();
    let settings = Settings::read(arguments, typed, &mut report)?;
    let Some(machines) = source::machines(arguments, typed, &settings.spec, &mut report)? else {
        return Ok(Exit::Invalid);
    };
    let catalogue = source::version(arguments, &settings.spec, &machines)?;
    let placed = match &machines {
        Machines::List(addresses) => {
            place::from_list(typed, addresses, catalogue, arguments.share, &resolve)
        }
        Machines::Roles { placement, .. } => {
            place::from_roles(placement, &settings.spec, catalogue)
        }
    };
    let placed = match placed {
        Ok(placed) => placed,
        Err(problems) => return Ok(refuse(&problems, &report)),
    };
    for line in &placed.notes {
        say(line);
    }
    let mut document = placed.blueprint.document(catalogue, &arguments.host_label);
    if !change(&mut document, &settings.changes(&machines)) || has_faults(&document, &machines) {
        return Ok(Exit::Invalid);
    }
    if !settings.typed.is_empty() {
        if !change(&mut document, &settings.typed) {
            return Ok(Exit::Invalid);
        }
        // As with envgen these are written as they were asked for, also where HPCC will not like them.
        for finding in faults(&document, &machines) {
            say(&Finding { severity: Severity::Warning, ..finding }.to_string());
        }
    }
    finish(arguments, typed, &document)
}

/// Applies changes, all or none; says what is wrong, and whether they were applied.
fn change(document: &mut Document, changes: &[Change]) -> bool {
    let edits: Vec<_> = changes.iter().map(|change| change.edit.clone()).collect();
    match apply(document, &edits, &EditOptions::default()) {
        Ok(outcome) => {
            for warning in &outcome.warnings {
                say(&format!("{}: warning: {warning}", changes[warning.edit].origin));
            }
            true
        }
        Err(errors) => {
            for error in &errors {
                say(&format!("{}: error: {error}", changes[error.edit].origin));
            }
            false
        }
    }
}

/// Shows what is wrong with the environment, and tells whether it must not be used.
fn has_faults(document: &Document, machines: &Machines) -> bool {
    let mut found = findings(document, machines);
    for finding in &mut found {
        // Values stand there because somebody asked for them; they were written, and warned about.
        if matches!(finding.rule, Rule::BadBoolean | Rule::BadNumber) {
            finding.severity = Severity::Warning;
        }
    }
    for finding in &found {
        say(&finding.to_string());
    }
    found.iter().any(|finding| finding.severity == Severity::Error)
}

/// The errors of an environment.
fn faults(document: &Document, machines: &Machines) -> Vec<Finding> {
    let mut found = findings(document, machines);
    found.retain(|finding| finding.severity == Severity::Error);
    found
}

/// The errors and warnings of an environment.
fn findings(document: &Document, machines: &Machines) -> Vec<Finding> {
    let target = match machines {
        Machines::Roles { from_pods: true, .. } => Target::Kubernetes,
        Machines::Roles { .. } | Machines::List(_) => Target::Host,
    };
    let mut found = lint(document, &LintOptions { target, ..LintOptions::default() });
    found.retain(|finding| finding.severity > Severity::Info);
    found
}

/// Writes the environment, or compares it with the file that is there.
fn finish(arguments: &Generate, typed: &EnvgenArgs, document: &Document) -> Result<Exit> {
    let text = document.to_envgen_text();
    let Some(path) = typed.env.as_deref().filter(|path| *path != Path::new("-")) else {
        if arguments.check {
            return Err(cli::invalid("--check needs the file to compare with: -env FILE"));
        }
        file::print(&text)?;
        return Ok(Exit::Ok);
    };
    if arguments.check {
        file::compare(path, document)
    } else {
        file::write(path, &text).map(|()| Exit::Ok)
    }
}

/// The address of a host name, as the system finds it.
fn resolve(name: &str) -> Option<IpAddr> {
    let mut found = (name, 0).to_socket_addrs().ok()?;
    found.next().map(|address| address.ip())
}
