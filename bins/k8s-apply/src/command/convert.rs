//! `convert`: rewrites manifests of removed versions.

use ::cli::{Exit, say};
use anyhow::Result;
use diagnostics::Problem;
use k8s_apply::convert::convert_manifest;

use crate::cli::{Connection, Files};
use crate::{intake, show};

pub(super) fn convert(connection: &Connection, files: &Files) -> Result<Exit> {
    let namespace = connection.namespace.as_deref().unwrap_or("default");
    let loaded = intake::usable(&files.files, !files.not_recursive, namespace)?;
    let mut losses = Vec::new();
    let mut objects = Vec::new();
    for manifest in &loaded.manifests {
        let (converted, changes, lost) = convert_manifest(manifest);
        for change in changes {
            say(&format!("{}: {change}", converted.object.key()));
        }
        losses.extend(lost);
        objects.push(converted.object);
    }
    intake::show(&losses, &loaded.sources);
    if losses.iter().any(Problem::is_error) {
        say("nothing was printed");
        return Ok(Exit::Invalid);
    }
    // JSON is YAML, and a List is read wherever manifests are.
    show::json(&serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
    Ok(Exit::Ok)
}
