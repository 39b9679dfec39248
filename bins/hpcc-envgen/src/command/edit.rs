//! `hpcc-envgen edit`: envgen2's operations on an environment.

use std::path::Path;

use anyhow::Result;
use cli::{Exit, InvalidInput, say};
use envxml::edit::{EditOptions, Style, apply, parse};
use envxml::plan::StableStorage;
use envxml::{Diff, RestartPlan};

use crate::cli::{Edit, EditStyle};
use crate::file;

/// Applies the operations: all or none.
pub(super) fn edit(arguments: &Edit) -> Result<Exit> {
    let before = file::read(&arguments.file)?;
    let files = |name: &str| file::text(Path::new(name)).map_err(|error| error.to_string());
    let edits = parse(&arguments.operations, &files).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        InvalidInput(lines.join("\n"))
    })?;
    let style = match arguments.style {
        EditStyle::File => Style::File,
        EditStyle::Envgen => Style::Envgen,
        EditStyle::Envgen2 => Style::Envgen2,
    };
    let mut document = before.clone();
    let outcome = apply(&mut document, &edits, &EditOptions { style, force: arguments.force })
        .map_err(|errors| {
            let lines: Vec<String> =
                errors.iter().map(|error| format!("edit {}: {error}", error.edit + 1)).collect();
            InvalidInput(lines.join("\n"))
        })?;
    for warning in &outcome.warnings {
        say(&format!("warning: edit {}: {warning}", warning.edit + 1));
    }
    for change in &outcome.applied {
        say(&change.to_string());
    }
    if arguments.plan {
        file::print_text(&RestartPlan::new(&before, &document, &StableStorage::none()).to_text())?;
    }
    if arguments.dry_run {
        if !arguments.plan {
            file::print_text(&Diff::new(&before, &document).to_text())?;
        }
        return Ok(Exit::Ok);
    }
    let target = arguments.to.as_deref().unwrap_or(&arguments.file);
    let text = document.to_text();
    if target == Path::new("-") {
        file::print(&text)?;
    } else {
        file::write(target, &text)?;
    }
    Ok(Exit::Ok)
}
