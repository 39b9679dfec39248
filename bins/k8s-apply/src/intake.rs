//! Manifests as the user names them.

use std::io::Read;
use std::path::{Path, PathBuf};

use ::cli::{invalid, say};
use anyhow::{Context, Result};
use diagnostics::{Problem, render};
use k8s_apply::manifest::{Input, LoadOptions, Loaded, Sources, load};

use crate::session::aside;

/// Reads manifests; standard input for `-`.
pub(crate) fn read(files: &[PathBuf], recursive: bool, namespace: &str) -> Result<Loaded> {
    let mut inputs = Vec::new();
    for file in files {
        if file == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .context("failed to read standard input")?;
            inputs.push(Input::text("standard input", bytes));
        } else {
            inputs.push(Input::Path(file.clone()));
        }
    }
    let options = LoadOptions { recursive, default_namespace: namespace.to_owned() };
    Ok(load(&inputs, &options))
}

/// Shows problems with their lines.
pub(crate) fn show(problems: &[Problem], sources: &Sources) {
    let text = render(problems, &sources.texts());
    if !text.is_empty() {
        say(text.trim_end());
    }
}

/// Manifests that can be used; else their problems are shown and that is the error.
pub(crate) fn usable(files: &[PathBuf], recursive: bool, namespace: &str) -> Result<Loaded> {
    let loaded = read(files, recursive, namespace)?;
    show(&loaded.problems, &loaded.sources);
    if loaded.has_errors() {
        return Err(invalid("these manifests cannot be used; nothing was asked of the cluster"));
    }
    Ok(loaded)
}

/// The same, while an interruption is noticed.
pub(crate) async fn usable_aside(
    files: &[PathBuf],
    recursive: bool,
    namespace: &str,
) -> Result<Loaded> {
    let (files, namespace) = (files.to_owned(), namespace.to_owned());
    aside(move || usable(&files, recursive, &namespace)).await
}
