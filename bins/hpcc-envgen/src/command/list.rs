//! `hpcc-envgen list`: the lists of `configgen`.

use std::fmt::Write as _;

use anyhow::Result;
use cli::{Exit, InvalidInput};
use envxml::list::{self, ListError, Row};

use crate::cli::{List, ListFormat, ListKind};
use crate::file;

/// Prints a list.
pub(super) fn list(arguments: &List) -> Result<Exit> {
    let document = file::read(&arguments.file)?;
    let local = arguments.local.as_str();
    let text = match arguments.kind {
        ListKind::All => {
            let rows = list::processes(&document, local);
            show(
                rows.map(|mut rows| {
                    rows.retain(|row| !row.is_thor_worker());
                    rows
                }),
                arguments,
            )
        }
        ListKind::All2 => show(list::processes(&document, local), arguments),
        ListKind::Machines => show(list::machines(&document, local), arguments),
        ListKind::EspServices => show(Ok(list::esp_services(&document, local)), arguments),
        ListKind::CommonDirs => show(list::common_directories(&document), arguments),
        ListKind::DropZones => show(list::drop_zones(&document, local), arguments),
        ListKind::Ldaps => show(list::ldap_servers(&document, local), arguments),
    };
    // Text is configgen's own, byte for byte.
    match arguments.output {
        ListFormat::Table => file::print_text(&text?)?,
        ListFormat::Text | ListFormat::Json => file::print(&text?)?,
    }
    Ok(Exit::Ok)
}

fn show<R: Row>(rows: Result<Vec<R>, ListError>, arguments: &List) -> Result<String> {
    let rows =
        rows.map_err(|error| InvalidInput(format!("{}: {error}", arguments.file.display())))?;
    Ok(match arguments.output {
        ListFormat::Text => list::to_text(&rows),
        ListFormat::Table => table(&rows),
        ListFormat::Json => serde_json::to_string_pretty(&rows)? + "\n",
    })
}

/// Columns under their names.
fn table<R: Row>(rows: &[R]) -> String {
    let mut lines: Vec<Vec<String>> =
        vec![R::HEADER.iter().map(|name| name.to_uppercase()).collect()];
    lines.extend(rows.iter().map(|row| row.cells().iter().map(ToString::to_string).collect()));
    let columns = R::HEADER.len();
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut shown = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(shown, "{cell:width$}  ");
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}
