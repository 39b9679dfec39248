//! `check`: looks manifests over without a cluster.

use ::cli::{Exit, OutputFormat, counted, note};
use anyhow::Result;
use diagnostics::Problem;
use k8s_apply::{convert, order};

use crate::cli::{Connection, Files};
use crate::{intake, show};

pub(super) fn check(connection: &Connection, files: &Files) -> Result<Exit> {
    let namespace = connection.namespace.as_deref().unwrap_or("default");
    let mut loaded = intake::read(&files.files, !files.not_recursive, namespace)?;
    for manifest in &loaded.manifests {
        loaded.problems.extend(convert::lint(manifest, None));
    }
    let (_, faults) = order::plan_manifests(&loaded.manifests, namespace);
    loaded.problems.extend(faults);
    match connection.output {
        OutputFormat::Text => intake::show(&loaded.problems, &loaded.sources),
        OutputFormat::Json => show::json(&loaded.problems)?,
    }
    note(&format!("{} looked over", counted(loaded.manifests.len(), "object")));
    Ok(if loaded.problems.iter().any(Problem::is_error) { Exit::Invalid } else { Exit::Ok })
}
