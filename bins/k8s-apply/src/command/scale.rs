//! `scale`: the number of replicas of a workload.

use ::cli::{Exit, invalid, note, say};
use anyhow::Result;
use k8s_apply::cluster::{Kinds, PatchCall};
use k8s_apply::plan::FIELD_MANAGER;
use k8s_apply::wait::{self, Goal, Progress};
use serde_json::json;

use super::objects::named;
use crate::cli::{Connection, Waiting};
use crate::session::{Session, run, wait_options};
use crate::show;

pub(super) fn scale(
    connection: &Connection,
    target: &str,
    replicas: u32,
    wait_for_it: bool,
    waiting: &Waiting,
) -> Result<Exit> {
    let exit = run(async {
        let session = Session::open(connection).await?;
        let kinds = Kinds::discover(&session.cluster).await?;
        let mut target = named(&kinds, target, &session.namespace)?;
        if !target.kind.scalable {
            return Err(invalid(format!(
                "a {} has no replicas to be scaled",
                target.kind.gvk.kind
            )));
        }
        let namespace = target.key.namespace.clone();
        let name = target.key.name.clone();
        let read = || session.cluster.get(&target.kind, namespace.as_deref(), &name);
        let Some(object) = read().await? else {
            return Err(invalid(format!("there is no {}", target.key)));
        };
        let before = object.number("/spec/replicas");
        if before == Some(i64::from(replicas)) {
            note(&format!("{} has {replicas} replicas already", target.key));
        } else {
            let body = json!({"spec": {"replicas": replicas}});
            let call = PatchCall {
                words: "scale",
                manager: FIELD_MANAGER,
                subresource: Some("scale"),
                body: &body,
            };
            session.cluster.patch(&target.kind, &object, &call).await?;
            let before = before.map_or_else(|| "?".to_owned(), |number| number.to_string());
            note(&format!("scaled {} from {before} to {replicas}", target.key));
        }
        if !wait_for_it {
            return Ok(Exit::Ok);
        }
        target.object = read().await?;
        let tell = |progress: &Progress| say(&show::progress(progress));
        let options = wait_options(waiting);
        let waited =
            wait::until(&session.cluster, vec![target], Goal::Ready, &options, &tell).await;
        if waited.is_complete() {
            return Ok(Exit::Ok);
        }
        say(&show::waited(&waited));
        Ok(Exit::Failed)
    })?;
    Ok(exit.unwrap_or(Exit::Interrupted))
}
