//! `wait`: until objects are ready or gone.

use ::cli::{Exit, OutputFormat, counted, note, say};
use anyhow::Result;
use k8s_apply::readiness::CustomRules;
use k8s_apply::wait::{self, Goal as WaitGoal, Progress};

use super::objects::find;
use crate::cli::{Connection, Goal, Waiting, Which};
use crate::session::{Session, run, wait_options};
use crate::show;

pub(super) fn wait(
    connection: &Connection,
    which: &Which,
    goal: &Goal,
    waiting: &Waiting,
) -> Result<Exit> {
    let exit = run(async {
        let session = Session::open(connection).await?;
        let found = find(&session, which).await?;
        let mut options = wait_options(waiting);
        if let Goal::Rule(rule) = goal {
            let rules = CustomRules { ready_when: vec![rule.clone()], ..CustomRules::default() };
            let kinds = found.targets.iter().map(|target| target.key.group_kind.clone());
            options.rules.rules.extend(kinds.map(|kind| (kind, rules.clone())));
        }
        let goal = if *goal == Goal::Gone { WaitGoal::Gone } else { WaitGoal::Ready };
        let total = found.targets.len();
        let tell = |progress: &Progress| say(&show::progress(progress));
        let waited = wait::until(&session.cluster, found.targets, goal, &options, &tell).await;
        if connection.output == OutputFormat::Json {
            show::json(&waited)?;
        }
        if waited.is_complete() {
            let word = if goal == WaitGoal::Ready { "as waited for" } else { "gone" };
            note(&format!("{}: all {word}", counted(total, "object")));
            return Ok(Exit::Ok);
        }
        say(&show::waited(&waited));
        Ok(Exit::Failed)
    })?;
    Ok(exit.unwrap_or(Exit::Interrupted))
}
