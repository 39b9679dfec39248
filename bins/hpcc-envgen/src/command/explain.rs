//! `hpcc-envgen explain`: where values come from.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use anyhow::Result;
use cli::{Exit, InvalidInput, OutputFormat};
use envxml::catalogue::Catalogue;
use envxml::edit::{Change as Changed, EditOptions, apply};
use envxml::explain::{Explanation, Origin, explain as explained};
use envxml::tree::XPath;
use envxml::{Document, Environment, secret};
use serde::Serialize;

use crate::cli::Explain;
use crate::problems::Report;
use crate::settings::{Change, Settings};
use crate::{file, source};

/// An explanation with the setting that an override comes from.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    explanation: Explanation,
    /// `hpcc.yaml:12:5`, `override.envgen2:2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_by: Option<String>,
}

/// Prints where the values that a path names come from; exit code 2 when it names nothing.
pub(super) fn explain(arguments: &Explain) -> Result<Exit> {
    let document = file::read(&arguments.file)?;
    let path: XPath = arguments.xpath.parse().map_err(|error| InvalidInput(format!("{error}")))?;
    let mut report = Report::default();
    let settings = Settings::of_files(
        arguments.cluster.as_deref(),
        arguments.config_dir.as_deref(),
        &mut report,
    )?;
    let catalogue = catalogue(arguments, &document)?;
    let found = explained(&document, &path, catalogue);
    if found.is_empty() {
        return Err(cli::invalid(format!("{path} names nothing in {}", arguments.file.display())));
    }
    let settings = set_by(&document, &found, &settings.from_files);
    let told: Vec<Told> = found
        .into_iter()
        .map(|explanation| {
            let set_by = settings.get(&explanation.path).cloned();
            let explanation = masked(explanation);
            Told { explanation, set_by }
        })
        .collect();
    match arguments.output.output {
        OutputFormat::Json => file::print_json(&told)?,
        OutputFormat::Text => {
            let lines: String = told.iter().map(|one| line(arguments, one)).collect();
            file::print_text(&lines)?;
        }
    }
    Ok(Exit::Ok)
}

fn catalogue(arguments: &Explain, document: &Document) -> Result<&'static Catalogue> {
    match (&arguments.hpcc_version, Environment::new(document).build()) {
        (Some(version), _) => source::catalogue(version),
        // A build's name may be anything: `community_10.4.2`.
        (None, Some(build)) => {
            let digits = build.trim_start_matches(|c: char| !c.is_ascii_digit());
            Ok(Catalogue::for_version(digits)
                .map_or_else(Catalogue::newest, |found| found.catalogue))
        }
        (None, None) => Ok(Catalogue::newest()),
    }
}

/// The settings that give the overridden values: of several for one attribute the last one that gives its value.
fn set_by(
    document: &Document,
    found: &[Explanation],
    changes: &[Change],
) -> HashMap<String, String> {
    // Without the values, the change that brings one back is the one that set it.
    let mut scratch = document.clone();
    let mut wanted: HashMap<&str, &str> = HashMap::new();
    for explanation in found.iter().filter(|one| matches!(one.origin, Origin::Override { .. })) {
        let Ok(path) = explanation.path.parse::<XPath>() else { continue };
        // Names stay: they are how elements are found.
        let Some(attribute) = path.attribute.as_deref().filter(|name| *name != "name") else {
            continue;
        };
        for place in scratch.root.select_paths(&path) {
            if let Some(element) = scratch.root.at_mut(&place) {
                element.set(attribute, "\u{0}");
                wanted.insert(&explanation.path, &explanation.value);
            }
        }
    }
    let mut changes: Vec<&Change> =
        if wanted.is_empty() { Vec::new() } else { changes.iter().collect() };
    let options = EditOptions { force: true, ..EditOptions::default() };
    let mut settings = HashMap::new();
    while !changes.is_empty() {
        let edits: Vec<_> = changes.iter().map(|change| change.edit.clone()).collect();
        match apply(&mut scratch, &edits, &options) {
            Ok(outcome) => {
                for applied in outcome.applied {
                    if let Changed::Attribute { name, after: Some(after), .. } = applied.change {
                        let path = format!("{}/@{name}", applied.path);
                        if wanted.get(path.as_str()).is_some_and(|value| *value == after) {
                            settings.insert(path, changes[applied.edit].origin.clone());
                        }
                    }
                }
                break;
            }
            // What cannot be applied to the finished environment set nothing in it.
            Err(errors) => {
                let failed: HashSet<usize> = errors.iter().map(|error| error.edit).collect();
                let mut index = 0;
                changes.retain(|_| {
                    index += 1;
                    !failed.contains(&(index - 1))
                });
            }
        }
    }
    settings
}

/// The explanation as it may be shown.
fn masked(mut explanation: Explanation) -> Explanation {
    let attribute = explanation.path.rsplit('@').next().unwrap_or_default().to_owned();
    explanation.value = secret::shown(&attribute, &explanation.value).into_owned();
    if let Origin::Override { instead_of: Some(value), .. } = &mut explanation.origin {
        *value = secret::shown(&attribute, value).into_owned();
    }
    explanation
}

fn line(arguments: &Explain, told: &Told) -> String {
    let Told { explanation, set_by } = told;
    let mut text =
        format!("{} = {:?}: {}", explanation.path, explanation.value, explanation.origin);
    if let Origin::Override { at, .. } = &explanation.origin {
        if let Some(at) = at {
            let _ = write!(text, " at {}:{}:{}", arguments.file.display(), at.line, at.column);
        }
        if let Some(origin) = set_by {
            text.push_str(", set by ");
            text.push_str(origin);
        }
    }
    text.push('\n');
    text
}
