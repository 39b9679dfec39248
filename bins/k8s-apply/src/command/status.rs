//! `status`: how ready objects are.

use std::fmt::Write;

use ::cli::{Exit, OutputFormat};
use anyhow::Result;
use k8s_apply::readiness::{self, Readiness, StorageClasses};
use k8s_apply::{ObjectKey, wait::Target};
use serde::Serialize;

use super::objects::find;
use crate::cli::{Connection, Which};
use crate::session::{Session, run};
use crate::show;

/// An object and how ready it is; none if it is not there.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    key: ObjectKey,
    readiness: Option<Readiness>,
}

pub(super) fn status(connection: &Connection, which: &Which) -> Result<Exit> {
    let exit = run(async {
        let session = Session::open(connection).await?;
        let found = find(&session, which).await?;
        let mut rules = readiness::Options::default();
        let has_claims =
            found.targets.iter().any(|one| one.key.group_kind.is("", "PersistentVolumeClaim"));
        if let Some(kind) = found.kinds.named("storageclasses").filter(|_| has_claims) {
            let classes = session.cluster.list(kind, None, None).await.unwrap_or_default();
            rules.storage_classes = StorageClasses::of(&classes);
        }
        let row = |target: Target| Row {
            readiness: target.object.as_ref().map(|object| readiness::of(object, &rules)),
            key: target.key,
        };
        let rows: Vec<Row> = found.targets.into_iter().map(row).collect();
        match connection.output {
            OutputFormat::Json => show::json(&rows)?,
            OutputFormat::Text => show::out(&table(&rows))?,
        }
        let all = rows.iter().all(|row| row.readiness.as_ref().is_some_and(Readiness::is_ready));
        Ok(if all { Exit::Ok } else { Exit::Differences })
    })?;
    Ok(exit.unwrap_or(Exit::Interrupted))
}

fn table(rows: &[Row]) -> String {
    let names: Vec<String> = rows.iter().map(|row| row.key.to_string()).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (row, name) in rows.iter().zip(names) {
        let state =
            row.readiness.as_ref().map_or_else(|| "not there".to_owned(), ToString::to_string);
        let _ = writeln!(text, "{name:<width$}  {state}");
    }
    text
}
