//! `diff`: what apply would change.

use ::cli::{Exit, OutputFormat, say};
use anyhow::Result;
use k8s_apply::apply_set::removal::{Fate, Removal, is_large};
use k8s_apply::plan::Plan;
use k8s_apply::run::propose;
use serde::Serialize;

use super::options::run_options;
use crate::cli::{Applying, Connection};
use crate::session::{Session, run};
use crate::{intake, show};

/// A proposal for programs.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    removals: &'a [Removal],
}

pub(super) fn diff(connection: &Connection, arguments: &Applying) -> Result<Exit> {
    let exit = run(async {
        let session = Session::open(connection).await?;
        let files = &arguments.files;
        let loaded =
            intake::usable_aside(&files.files, !files.not_recursive, &session.namespace).await?;
        let options = run_options(&session, arguments)?;
        let proposal = propose(&session.cluster, &loaded.manifests, &options).await?;
        let prune = options.prune.is_some();
        match connection.output {
            OutputFormat::Text => {
                show::out(&show::plan(&proposal.plan, &proposal.removals, prune))?;
            }
            OutputFormat::Json => {
                show::json(&Shown { plan: &proposal.plan, removals: &proposal.removals })?;
            }
        }
        intake::show(&proposal.plan.problems, &loaded.sources);
        let many = options.prune.as_ref().is_none_or(|rules| rules.many);
        if !many && is_large(&proposal.removals, proposal.members.len()) {
            say(
                "note: apply prunes nothing of this, because it is most of the set; --prune-many lets it go",
            );
        }
        Ok(if !proposal.plan.problems.is_empty() {
            Exit::Invalid
        } else if proposal.is_empty(prune) {
            Exit::Ok
        } else {
            Exit::Differences
        })
    })?;
    Ok(exit.unwrap_or(Exit::Interrupted))
}

/// Whether something would be pruned if that was asked for.
pub(super) fn has_leavers(removals: &[Removal]) -> bool {
    removals.iter().any(|one| one.fate == Fate::Delete)
}
