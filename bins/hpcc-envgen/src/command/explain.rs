//! `hpcc-envgen explain`: where values come from.

use std::fmt::Write as _;

use anyhow::Result;
use cli::{Exit, InvalidInput, OutputFormat};
use envxml::catalogue::Catalogue;
use envxml::edit::{Change as Changed, EditOptions, apply};
use envxml::explain::{Explanation, Origin, explain as explained};
use envxml::tree::XPath;
use envxml::{Document, Environment};
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
    let told: Vec<Told> = found
        .into_iter()
        .map(|explanation| {
            let set_by = set_by(&document, &explanation, &settings.from_files);
            Told { explanation, set_by }
        })
        .collect();
    match arguments.output.output {
        OutputFormat::Json => file::print_json(&told)?,
        OutputFormat::Text => {
            let lines: String = told.iter().map(|one| line(arguments, one)).collect();
            file::print(&lines)?;
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

/// The setting that gives an overridden value: the last one that sets this attribute to this value.
fn set_by(document: &Document, explanation: &Explanation, changes: &[Change]) -> Option<String> {
    if !matches!(explanation.origin, Origin::Override { .. }) {
        return None;
    }
    let path: XPath = explanation.path.parse().ok()?;
    let name = path.attribute.clone()?;
    let place = document.root.select_paths(&path).into_iter().next()?;
    changes.iter().rev().find_map(|change| {
        // Without the value, the change that brings it back is the one that set it.
        let mut scratch = document.clone();
        scratch.root.at_mut(&place)?.set(&name, "\u{0}");
        let options = EditOptions { force: true, ..EditOptions::default() };
        let outcome = apply(&mut scratch, std::slice::from_ref(&change.edit), &options).ok()?;
        let sets = outcome.applied.iter().any(|applied| match &applied.change {
            Changed::Attribute { name: set, after, .. } => {
                *set == name && after.as_ref() == Some(&explanation.value)
            }
            Changed::Added | Changed::Removed => false,
        });
        let here =
            scratch.root.at(&place)?.get(&name).is_some_and(|value| value == explanation.value);
        (sets && here).then(|| change.origin.clone())
    })
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
