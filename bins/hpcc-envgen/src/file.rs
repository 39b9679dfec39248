//! The environment as a file.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use cli::{Exit, InvalidInput, printable, say};
use discovery::PodListError;
use envxml::{Diff, Document};
use files::{Backup, Outcome};

/// Text on standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// Text for people on standard output: control characters of names do not reach the terminal.
pub(crate) fn print_text(text: &str) -> Result<()> {
    print(&printable(text))
}

/// A value as JSON on standard output.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Replaces a file in one step, and says so; what was there is kept as a dated backup. A device is written to as it is.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let shown = path.display();
    match replace(path, text)? {
        None => {}
        Some(Outcome::Created) => say(&format!("{shown} written")),
        Some(Outcome::Unchanged) => say(&format!("{shown} is up to date")),
        Some(Outcome::Replaced { backup: Some(backup) }) => {
            say(&format!("{shown} replaced; the former file is {}", backup.display()));
        }
        Some(Outcome::Replaced { backup: None }) => say(&format!("{shown} replaced")),
    }
    Ok(())
}

/// The same without a word, as envgen has it. The backup is kept nevertheless.
pub(crate) fn write_quietly(path: &Path, text: &str) -> Result<()> {
    replace(path, text).map(drop)
}

fn replace(path: &Path, text: &str) -> Result<Option<Outcome>> {
    let is_special = path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir());
    if is_special {
        return std::fs::write(path, text)
            .map(|()| None)
            .with_context(|| format!("failed to write {}", path.display()));
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        && !folder.is_dir()
    {
        return Err(cli::invalid(format!(
            "failed to write {}: there is no folder {}",
            path.display(),
            folder.display()
        )));
    }
    Ok(Some(files::replace(path, text.as_bytes(), Backup::Dated(SystemTime::now()))?))
}

/// Reads an environment.
pub(crate) fn read(path: &Path) -> Result<Document> {
    let text = text(path)?;
    let document = Document::parse(&text)
        .map_err(|error| InvalidInput(format!("{}:{error}", path.display())))?;
    if document.root.name() != "Environment" {
        return Err(cli::invalid(format!(
            "{}: the root element is <{}>, where <Environment> was expected",
            path.display(),
            document.root.name()
        )));
    }
    Ok(document)
}

/// Reads a text file; `-` is standard input.
pub(crate) fn text(path: &Path) -> Result<String> {
    let read = || {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        } else {
            std::fs::read(path)
        }
    };
    let bytes = read()
        .map_err(|error| InvalidInput(format!("failed to read {}: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let good = String::from_utf8_lossy(good);
        let line = good.matches('\n').count() + 1;
        let column = good.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        InvalidInput(format!("{}:{line}:{column}: this is not UTF-8 text", path.display())).into()
    })
}

/// Reads pods as `kubectl get pods -o json` prints them; `-` is standard input.
pub(crate) fn pods(path: &Path, cluster_domain: &str) -> Result<Vec<topology::Pod>> {
    let text = text(path)?;
    discovery::read_pods(&text, cluster_domain).map_err(|error| {
        let path = path.display();
        let text = match &error {
            PodListError::Json(cause) => {
                let (line, column) = (cause.line(), cause.column().max(1));
                let at = format!(" at line {} column {}", cause.line(), cause.column());
                let fault = cause.to_string();
                let fault = fault.strip_suffix(&at).unwrap_or(&fault);
                format!("{path}:{line}:{column}: {error}: {fault} (`kubectl get pods -o json` prints one)")
            }
            _ => format!("{path}: {error}"),
        };
        InvalidInput(text).into()
    })
}

/// Compares an environment with the one in a file.
pub(crate) fn compare(path: &Path, document: &Document) -> Result<Exit> {
    if !path.exists() {
        say(&format!("{} is not there", path.display()));
        return Ok(Exit::Differences);
    }
    let diff = Diff::new(&read(path)?, document);
    if diff.is_empty() {
        return Ok(Exit::Ok);
    }
    print_text(&diff.to_text())?;
    Ok(Exit::Differences)
}
