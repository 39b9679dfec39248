//! `wf-run cancel`: ends a run on a cluster.

use std::time::Duration;

use anyhow::Result;
use cli::{Exit, counted, invalid, note};

use crate::cli::CancelArgs;
use crate::cluster::{self, cancel};

pub(super) fn cancel(args: &CancelArgs) -> Result<Exit> {
    let patience = Duration::try_from_secs_f64(args.timeout)
        .map_err(|_| invalid("--timeout takes a number of seconds from 0"))?;
    let at = &args.connection;
    let found = cluster::asking(async {
        let cluster = cluster::connect(at.kubeconfig.as_deref(), at.context.as_deref()).await?;
        cancel::cancel(&cluster, &at.namespace, &args.run, patience).await
    })?;
    if found.jobs + found.others == 0 {
        note(&format!("nothing of run {} is in the namespace {}", args.run, at.namespace));
    } else {
        note(&format!(
            "run {} is cancelled: {} and {} deleted, its pods are gone",
            args.run,
            counted(found.jobs, "Job"),
            counted(found.others, "other object")
        ));
    }
    Ok(Exit::Ok)
}
