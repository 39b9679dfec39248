//! `delete`: removes objects, dependents first.

use std::collections::BTreeSet;

use ::cli::{Exit, confirmed, counted, note, say};
use anyhow::Result;
use k8s_apply::ObjectKey;
use k8s_apply::apply_set::PART_OF;
use k8s_apply::apply_set::removal::{
    Event, Fate, Removal, asked_to_stay, foreign_resources, remove, spare_homes,
};
use k8s_apply::plan::FIELD_MANAGER;

use super::objects::find;
use crate::cli::{Connection, Waiting, Which};
use crate::session::{Session, aside, run, wait_options};
use crate::show;

/// What was said about it.
pub(super) struct Asked {
    pub(super) yes: bool,
    pub(super) with_resources: bool,
    pub(super) dry_run: bool,
}

pub(super) fn delete(
    connection: &Connection,
    which: &Which,
    asked: &Asked,
    waiting: &Waiting,
) -> Result<Exit> {
    let exit = run(async {
        let session = Session::open(connection).await?;
        let found = find(&session, which).await?;
        let mut removals: Vec<Removal> = found
            .members()
            .into_iter()
            .map(|member| Removal {
                key: member.object.key(),
                fate: asked_to_stay(&member.object).map_or(Fate::Delete, Fate::Detach),
                member,
            })
            .collect();
        spare_homes(&mut removals);
        // There will be no set any more that they could stay in.
        for one in &mut removals {
            if let Fate::Keep(why) = &mut one.fate {
                one.fate = Fate::Detach(std::mem::take(why));
            }
        }
        let lost = foreign_resources(&session.cluster, &found.kinds, &removals).await?;
        for (definition, resources) in &lost {
            let names: Vec<String> = resources.iter().take(5).map(ToString::to_string).collect();
            say(&format!(
                "{definition} takes {} with it: {}",
                counted(resources.len(), "other resource"),
                names.join(", ")
            ));
        }
        if !lost.is_empty() && !asked.with_resources {
            say("nothing was deleted; --with-resources deletes these too");
            return Ok(Exit::Invalid);
        }
        if removals.is_empty() && found.parent.is_none() {
            note("nothing of it is there");
            return Ok(Exit::Ok);
        }
        for one in &removals {
            match &one.fate {
                Fate::Delete if asked.dry_run || !asked.yes => {
                    say(&format!("- delete    {}", one.key));
                }
                Fate::Delete => {}
                // Who named it should know why it stays, asked or not.
                Fate::Detach(why) | Fate::Keep(why) => {
                    say(&format!("  keep      {} ({why})", one.key));
                }
            }
        }
        if asked.dry_run {
            return Ok(Exit::Ok);
        }
        let count = removals.len();
        if !asked.yes
            && !aside(move || confirmed(&format!("delete {}", counted(count, "object")), "delete"))
                .await?
        {
            say("nothing was deleted");
            return Ok(Exit::Failed);
        }
        let members: BTreeSet<ObjectKey> = removals
            .iter()
            .filter(|one| one.member.object.label(PART_OF).is_some())
            .map(|one| one.key.clone())
            .collect();
        let tell = |event: &Event<'_>| match event {
            Event::Deleted(key) => say(&format!("deleted   {key}")),
            Event::Detached(key) if members.contains(key) => say(&format!("detached  {key}")),
            Event::Detached(_) => {}
            Event::Waiting(progress) => say(&show::progress(progress)),
        };
        let options = wait_options(waiting);
        let removed = remove(&session.cluster, FIELD_MANAGER, removals, &options, &tell).await;
        if !removed.is_complete() {
            say(&show::not_removed(&removed));
            return Ok(if removed.deleted.is_empty() { Exit::Failed } else { Exit::Partial });
        }
        if let Some(parent) = &found.parent
            && parent.delete(&session.cluster).await?
        {
            say(&format!("deleted   {} (the set)", parent.set));
        }
        note(&format!("{} gone", counted(removed.deleted.len(), "object")));
        Ok(Exit::Ok)
    })?;
    Ok(exit.unwrap_or(Exit::Interrupted))
}
