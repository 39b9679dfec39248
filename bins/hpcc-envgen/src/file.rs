//! The environment as a file.

use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use cli::{Exit, InvalidInput, note};
use envxml::{Diff, Document};
use files::{Backup, Outcome};

/// Text on standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// A value as JSON on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Replaces a file in one step; what was there is kept as a dated backup. A device is written to as it is.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let is_special = path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
    if is_special {
        return std::fs::write(path, text)
            .with_context(|| format!("failed to write {}", path.display()));
    }
    match files::replace(path, text.as_bytes(), Backup::Dated(SystemTime::now()))? {
        Outcome::Created => {}
        Outcome::Unchanged => note(&format!("{} is up to date", path.display())),
        Outcome::Replaced { backup: Some(backup) } => {
            note(&format!("{} replaced; the former file is {}", path.display(), backup.display()));
        }
        Outcome::Replaced { backup: None } => note(&format!("{} replaced", path.display())),
    }
    Ok(())
}

/// Reads an environment.
pub(crate) fn read(path: &Path) -> Result<Document> {
    let text = text(path)?;
    Document::parse(&text)
        .map_err(|error| InvalidInput(format!("{}:{error}", path.display())).into())
}

/// Reads a text file; `-` is standard input.
pub(crate) fn text(path: &Path) -> Result<String> {
    let read = || {
        if path == Path::new("-") {
            io::read_to_string(io::stdin().lock())
        } else {
            std::fs::read_to_string(path)
        }
    };
    read().map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
            _ => error.to_string(),
        };
        InvalidInput(format!("failed to read {}: {kind}", path.display())).into()
    })
}

/// Compares an environment with the one in a file.
pub(crate) fn compare(path: &Path, document: &Document) -> Result<Exit> {
    if !path.exists() {
        note(&format!("{} is not there", path.display()));
        return Ok(Exit::Differences);
    }
    let diff = Diff::new(&read(path)?, document);
    if diff.is_empty() {
        return Ok(Exit::Ok);
    }
    print(&diff.to_text())?;
    Ok(Exit::Differences)
}
