//! Finding runs: the folder of all runs, and a run in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cli::invalid;
use workflow_engine::model::{Variables, Workflow};
use workflow_engine::store::{Contents, read};

/// The folder of all runs: the given one, or `.windlass/runs` in a work directory.
pub(crate) fn folder(given: Option<&Path>, work_dir: &Path) -> PathBuf {
    let folder = given.map_or_else(|| work_dir.join(".windlass/runs"), Path::to_owned);
    // Absolute, because a run changes the current directory.
    std::path::absolute(&folder).unwrap_or(folder)
}

/// The folder of all runs as seen from the current directory.
pub(crate) fn folder_here(given: Option<&Path>) -> PathBuf {
    folder(given, Path::new("."))
}

/// All runs of a folder, oldest first: by the begin that their journals state.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(format!("failed to read {}", folder.display())),
    };
    let mut runs: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|dir| dir.join("journal").exists())
        .collect();
    // Ids begin with the time, and a number follows where a second holds several.
    runs.sort_by_key(|dir| {
        let journal = std::fs::metadata(dir.join("lock")).and_then(|file| file.created()).ok();
        let stamp = dir.file_name().map(|name| name.to_string_lossy().chars().take(15).collect());
        (stamp.unwrap_or_else(String::new), journal)
    });
    Ok(runs)
}

/// The folder of one run: by id, by the start of an id, or the newest.
pub(crate) fn find(folder: &Path, id: Option<&str>) -> Result<PathBuf> {
    let runs = list(folder)?;
    let Some(id) = id else {
        return runs.last().cloned().ok_or_else(|| {
            invalid(format!(
                "there are no runs in {}; name the folder with --runs",
                folder.display()
            ))
        });
    };
    let named = |dir: &&PathBuf| dir.file_name().is_some_and(|name| name == id);
    if let Some(dir) = runs.iter().find(named) {
        return Ok(dir.clone());
    }
    let begins =
        |dir: &&PathBuf| dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(id));
    let matching: Vec<&PathBuf> = runs.iter().filter(begins).collect();
    match matching.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(invalid(format!(
            "there is no run {id} in {}; `wf-run ls` lists them",
            folder.display()
        ))),
        several => {
            Err(invalid(format!("{} runs begin with {id}; give more of the id", several.len())))
        }
    }
}

/// The variables that a run began with.
pub(crate) fn recorded_variables(contents: &Contents) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in &contents.begin.variables {
        variables.set(name, value);
    }
    variables
}

/// A run's journal and the workflow as it was when the run began.
pub(crate) fn open(dir: &Path) -> Result<(Contents, Workflow)> {
    let contents = read(dir).with_context(|| format!("cannot read run {}", dir.display()))?;
    let copy = dir.join(&contents.begin.copy);
    let text = workflow_engine::read_file(&copy)?;
    let workflow = Workflow::from_text(text, &recorded_variables(&contents))
        .map_err(|(_, invalid)| invalid)
        .with_context(|| format!("the run's copy {} is damaged", copy.display()))?;
    Ok((contents, workflow))
}
