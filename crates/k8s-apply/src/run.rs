//! The whole way of a set into a cluster: [`propose`] finds out, [`Proposal::carry_out`] does.
//!
//! Everything that it is made of can be used by itself; this is the order in which it is safe:
//! what the set will contain is written into its parent, then objects are applied stage by stage, then they are waited
//! for, and only if all of that went well objects that are in the set no more are removed, and the parent forgets them.

use std::collections::BTreeSet;
use std::time::Duration;

use diagnostics::Problem;
use thiserror::Error;

use crate::apply::{self, Applied, Applier};
use crate::apply_set::removal::{self, Fate, Member, Removal, Removed, Rules};
use crate::apply_set::{PART_OF, Parent, ParentError, Reach, RunEnded, SetRef};
use crate::cluster::{Applying, CallError, Cluster, Kinds};
use crate::manifest::Manifest;
use crate::object::{Object, ObjectKey};
use crate::order::{self, Schedule};
use crate::plan::{self, Action, Options, Plan, Prepared};
use crate::wait::{self, Goal, WaitOptions, Waited};

/// How a set is to be brought into a cluster.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// How objects are applied.
    pub apply: Options,
    /// The set that the objects are members of.
    pub set: Option<SetRef>,
    /// How members that are in the set no more are removed; none if they stay.
    pub prune: Option<Rules>,
    /// How to wait.
    pub wait: WaitOptions,
    /// Whether to wait until everything is ready. What others depend on is waited for in any case.
    pub wait_for_all: bool,
    /// Who runs this, for the history.
    pub by: String,
}

/// Why there is no proposal.
#[derive(Debug, Error)]
pub enum ProposeError {
    /// The set belongs to somebody else, or cannot be read.
    #[error(transparent)]
    Parent(#[from] ParentError),
    /// The server does not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What bringing a set into a cluster would do.
pub struct Proposal<'m> {
    /// The set.
    pub prepared: Prepared<'m>,
    /// The order of its objects.
    pub schedule: Schedule,
    /// What is to be done about them. It may have problems; it must not be carried out then.
    pub plan: Plan,
    /// The set's parent.
    pub parent: Option<Parent>,
    /// What the set has at the moment.
    pub members: Vec<Member>,
    /// What becomes of members that are in the set no more.
    pub removals: Vec<Removal>,
}

/// Finds out what bringing a set into a cluster would do. Nothing is written.
///
/// # Errors
/// If the set belongs to another tool, or the server does not answer. What is wrong with the manifests is in the plan.
pub async fn propose<'m>(
    cluster: &Cluster,
    manifests: &'m [Manifest],
    options: &RunOptions,
) -> Result<Proposal<'m>, ProposeError> {
    let kinds = Kinds::discover(cluster).await?;
    propose_with(cluster, manifests, options, kinds).await
}

/// The same, where the kinds of the cluster are known.
///
/// # Errors
/// As of [`propose`].
pub async fn propose_with<'m>(
    cluster: &Cluster,
    manifests: &'m [Manifest],
    options: &RunOptions,
    kinds: Kinds,
) -> Result<Proposal<'m>, ProposeError> {
    let mut applying = options.apply.clone();
    if let Some(set) = &options.set {
        applying.label = Some((PART_OF.to_owned(), set.id()));
    }
    let prepared = plan::prepare(manifests, kinds, &applying);
    let objects: Vec<_> = prepared.items.iter().map(|item| &item.object).collect();
    let place = |at: usize| Some(prepared.manifests[prepared.items[at].manifest].origin.place());
    let (schedule, faults) = order::plan(&objects, &applying.default_namespace, place);
    let is_parent = |key: &ObjectKey| options.set.as_ref().is_some_and(|set| set.is_kept_in(key));
    let own = prepared.items.iter().position(|item| is_parent(&item.key));
    let parent = match &options.set {
        Some(set) => Some(Parent::read(cluster, set).await?),
        None => None,
    };
    let reading = async {
        match &parent {
            Some(parent) if parent.exists => {
                let reach = Reach::of(prepared.items.iter().map(|item| &item.key));
                removal::members(cluster, &prepared.kinds, parent, &reach).await
            }
            _ => Ok(Vec::new()),
        }
    };
    let (mut plan, members) = tokio::try_join!(plan::plan(cluster, &prepared, &applying), reading)?;
    plan.problems.extend(faults.into_iter().map(|(at, fault)| prepared.settle(at, fault)));
    plan.problems.extend(own.map(|at| {
        let message =
            format!("the set is kept in {}: it cannot be a member", prepared.items[at].key);
        let problem = Problem::error("set-of-itself", message).at(["metadata", "name"].into());
        prepared.settle(at, problem.help("give the set another name"))
    }));
    plan.problems.sort_by(|a, b| a.place.cmp(&b.place));
    let wanted: BTreeSet<ObjectKey> = prepared.items.iter().map(|item| item.key.clone()).collect();
    let mut removals =
        removal::prune(&members, &wanted, options.prune.as_ref().unwrap_or(&Rules::default()));
    removal::spare_definitions(cluster, &prepared.kinds, &mut removals).await?;
    Ok(Proposal { prepared, schedule, plan, parent, members, removals })
}

/// What happens while a proposal is carried out.
#[derive(Debug)]
pub enum Event<'a> {
    /// An object is applied.
    Applying(&'a apply::Event<'a>),
    /// Everything is waited for.
    Waiting(&'a wait::Progress),
    /// An object is removed.
    Removing(&'a removal::Event<'a>),
}

/// How carrying out a proposal ended.
#[derive(Debug, Default)]
pub struct Report {
    /// What was applied.
    pub applied: Applied,
    /// What was waited for, unless it was not asked for.
    pub waited: Option<Waited>,
    /// What was removed, unless that was not asked for, or could not be risked.
    pub removed: Option<Removed>,
    /// Why what should be removed was not even begun to be.
    pub not_pruned: Option<String>,
    /// Why the set's parent could not be written.
    pub parent: Option<ParentError>,
}

impl Report {
    /// Whether everything went well.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.applied.is_complete()
            && self.waited.as_ref().is_none_or(Waited::is_complete)
            && self.removed.as_ref().is_none_or(Removed::is_complete)
            && self.not_pruned.is_none()
            && self.parent.is_none()
    }

    /// Whether anything was written.
    #[must_use]
    pub fn wrote(&self) -> bool {
        self.applied.written() > 0
            || self
                .removed
                .as_ref()
                .is_some_and(|one| !one.deleted.is_empty() || !one.detached.is_empty())
    }
}

impl Proposal<'_> {
    /// Whether carrying it out would change nothing.
    #[must_use]
    pub fn is_empty(&self, prune: bool) -> bool {
        self.plan.is_empty()
            && self.plan.problems.is_empty()
            && !(prune && self.removals.iter().any(|one| !matches!(one.fate, Fate::Keep(_))))
    }

    /// Does it. `now` is the time for the history (RFC 3339), asked for when the run has ended.
    pub async fn carry_out(
        mut self,
        cluster: &Cluster,
        options: &RunOptions,
        now: &(dyn Fn() -> String + Sync),
        events: &(dyn Fn(&Event<'_>) + Sync),
    ) -> Report {
        let mut report = Report::default();
        let mut applying = options.apply.clone();
        let mut waiting = options.wait.clone();
        if let Some(set) = &options.set {
            applying.label = Some((PART_OF.to_owned(), set.id()));
            waiting.selector = Some(set.selector());
        }
        let manager = applying.manager.clone();
        let wanted = Reach::of(self.prepared.items.iter().map(|item| &item.key));
        let mut home = None;
        if let Some(mut parent) = self.parent.take() {
            let widened = match self.make_home(cluster, &manager, &parent, waiting.timeout).await {
                Ok(made) => {
                    if made.is_some() {
                        // With the namespace that was there before it went too.
                        parent = parent.as_new();
                    }
                    home = made;
                    parent.widen(cluster, &manager, &wanted).await.map(drop)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = widened {
                report.parent = Some(error);
                report.applied.not_begun =
                    self.prepared.items.iter().map(|item| item.key.clone()).collect();
                return report;
            }
            self.parent = Some(parent);
        }
        let applier = Applier {
            cluster,
            prepared: &self.prepared,
            options: &applying,
            schedule: &self.schedule,
            waiting: &waiting,
        };
        let tell = |event: &apply::Event<'_>| events(&Event::Applying(event));
        if let Some(key) = &home {
            tell(&apply::Event::Written { key, action: Action::Create });
        }
        report.applied = applier.apply(std::mem::take(&mut self.plan), &tell).await;
        if let Some(done) =
            report.applied.done.iter_mut().find(|done| Some(&done.key) == home.as_ref())
        {
            done.action = Action::Create;
        }
        if report.applied.is_complete() && options.wait_for_all {
            let tell = |progress: &wait::Progress| events(&Event::Waiting(progress));
            let mut targets = report.applied.targets();
            if report.applied.written() > 0 {
                self.look_again(cluster, &report.applied, &mut targets).await;
            }
            report.waited = Some(wait::until(cluster, targets, Goal::Ready, &waiting, &tell).await);
        }
        let well = report.is_complete();
        let mut removals = std::mem::take(&mut self.removals);
        // The same object may be known in two groups: what was applied is not removed.
        let uids: BTreeSet<&str> =
            report.applied.done.iter().filter_map(|one| one.object.uid()).collect();
        removals.retain(|one| one.member.object.uid().is_none_or(|uid| !uids.contains(uid)));
        let mut stay: Vec<ObjectKey> = Vec::new();
        if let Some(rules) = &options.prune {
            let going = removals.iter().any(|one| !matches!(one.fate, Fate::Keep(_)));
            let kept = removals.iter().filter(|one| matches!(one.fate, Fate::Keep(_)));
            stay.extend(kept.map(|one| one.key.clone()));
            if going && !well {
                report.not_pruned = Some("because not everything went well before".into());
            } else if !rules.many && removal::is_large(&removals, self.members.len()) {
                report.not_pruned =
                    Some("because that is most of the set; --prune-many lets it go".into());
            } else if going {
                let tell = |event: &removal::Event<'_>| events(&Event::Removing(event));
                let removed = removal::remove(cluster, &manager, removals, &waiting, &tell).await;
                report.removed = Some(removed);
            }
        } else {
            stay.extend(removals.into_iter().map(|one| one.key));
        }
        if let Some(parent) = self.parent.as_mut().filter(|_| report.is_complete()) {
            let items = self.prepared.items.iter();
            let ended = RunEnded {
                objects: items.map(|item| (&item.key, &item.object)).collect(),
                time: &now(),
                by: &options.by,
            };
            let mut reach = wanted.with(&Reach::of(&stay));
            // Kinds that the server does not serve at the moment may still have members.
            let kinds = &self.prepared.kinds;
            let hidden = parent.reach.kinds.iter().filter(|kind| kinds.preferred(kind).is_none());
            reach.kinds.extend(hidden.cloned());
            report.parent = parent.settle(cluster, &manager, &reach, &ended).await.err();
        }
        report
    }

    /// Reads again what was found unchanged: others may have changed it while this run was at work.
    async fn look_again(&self, cluster: &Cluster, applied: &Applied, targets: &mut [wait::Target]) {
        // What cannot be read now is judged by how it was.
        let Ok(now) = plan::Live::read(cluster, &self.prepared).await else { return };
        for (done, target) in applied.done.iter().zip(targets) {
            if done.action == Action::Unchanged && !done.kind.from_set {
                target.object = now.get(&done.key).cloned();
            }
        }
    }

    /// Makes the namespace of the parent, if that is in the set and not there yet. Answers what was made.
    async fn make_home(
        &mut self,
        cluster: &Cluster,
        manager: &str,
        parent: &Parent,
        limit: Duration,
    ) -> Result<Option<ObjectKey>, ParentError> {
        let Some(&at) = self.prepared.namespaces.get(&parent.set.namespace) else {
            return Ok(None);
        };
        let steps = &mut self.plan.steps;
        let Some(step) =
            steps.iter_mut().find(|step| step.item == at && step.action == Action::Create)
        else {
            return Ok(None);
        };
        let item = &self.prepared.items[at];
        let failed = |source| ParentError::call("make the namespace of", &parent.set, source);
        let old = cluster.get(&item.kind, None, &item.key.name).await.map_err(failed)?;
        if let Some(old) = old.filter(Object::is_being_deleted) {
            apply::wait_gone(cluster, &item.kind, &old, limit).await.map_err(failed)?;
        }
        let how = Applying { manager, force: false, dry_run: false, just_made: false };
        let made = cluster.apply(&item.kind, &step.send, &how).await;
        let (object, _) = made.map_err(failed)?;
        // It needs no second write.
        step.live = Some(object);
        step.action = Action::Unchanged;
        Ok(Some(item.key.clone()))
    }
}
