//! Files as texts, and what is wrong with them as text.

use std::path::Path;

use ::cli::{invalid, say};
use anyhow::Result;
use diagnostics::Problem;
use openpai::{Cluster, Loaded, SourceFile, load, report};

/// More than any configuration has; what is larger is something else.
const LARGEST_BYTES: u64 = 32 << 20;

/// A file with its path as the user gave it.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Text {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let failed =
            |error: &dyn std::fmt::Display| invalid(format!("failed to read {name}: {error}"));
        let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
        if size > LARGEST_BYTES {
            return Err(failed(&"it is larger than any configuration"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        Ok(Self { path: name, text })
    }

    pub(crate) fn source(&self) -> SourceFile<'_> {
        SourceFile { path: &self.path, text: &self.text }
    }
}

/// The YAML files of a folder, by name.
pub(crate) fn folder(path: &Path) -> Result<Vec<Text>> {
    let failed = |error| invalid(format!("failed to read the folder {}: {error}", path.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_yaml =
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| Text::read(path)).collect()
}

/// OpenPAI's files of a folder, with the texts.
pub(crate) fn openpai(path: &Path) -> Result<(Loaded, Vec<Text>)> {
    let texts = folder(path)?;
    let files: Vec<SourceFile<'_>> = texts.iter().map(Text::source).collect();
    Ok((load(&files), texts))
}

/// The cluster that OpenPAI's files mean. What is strange is told; if anything is wrong, everything is told.
pub(crate) fn cluster(path: &Path) -> Result<Option<Cluster>> {
    let (loaded, texts) = openpai(path)?;
    tell(&loaded.problems, &texts);
    Ok(loaded.cluster)
}

/// Tells problems with their lines, secrets taken out.
pub(crate) fn tell(problems: &[Problem], texts: &[Text]) {
    let files: Vec<SourceFile<'_>> = texts.iter().map(Text::source).collect();
    let text = report(problems, &files);
    if !text.is_empty() {
        say(text.trim_end());
    }
}
