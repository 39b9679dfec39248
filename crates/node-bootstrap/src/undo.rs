//! What was changed is taken back, the last change first.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::apply::{Event, Watch};
use crate::change::{Change, ChangeError, Poke, State, is_of, unit};
use crate::host::{Host, HostError};
use crate::journal::{By, Journal, JournalError, Made, Work};

/// The step whose files say where packages come from.
const REPOSITORIES: &str = "repositories";

/// What is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Extent {
    /// Everything that stands.
    #[default]
    All,
    /// What the last runs changed, from this one on.
    SinceRun(u32),
    /// What this step changed.
    Step(String),
}

/// How it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What.
    pub extent: Extent,
    /// Whether to restore also what someone else has changed since.
    pub force: bool,
    /// Whether to go on where a change cannot be taken back. It stays standing, with older changes of the same thing.
    pub keep_going: bool,
    /// Whether the data of etcd go where kubeadm made this host a control plane.
    pub with_data: bool,
}

/// Something that is not as it was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Foreign {
    /// What it is: a path, the name of a unit.
    pub resource: String,
    /// The step that had changed it.
    pub step: String,
    /// How it differs.
    pub why: String,
}

impl std::fmt::Display for Foreign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.resource, self.step, self.why)
    }
}

/// Why something could not be taken back.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// The host refused.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Someone else has changed things since. Nothing was taken back.
    #[error(
        "this cannot be taken back without loss, and nothing was; `--force` does it all the same:\n{}",
        lines(.0)
    )]
    Changed(Vec<Foreign>),
    /// One could not be taken back. Those before it were.
    #[error(
        "{step}: failed to take back: {what} (older changes stand; `undo --keep-going` leaves this one and goes on with them)"
    )]
    Change {
        /// The step that had wished it.
        step: String,
        /// What had been done.
        what: String,
        /// How many were taken back before it.
        taken_back: usize,
        /// What went wrong.
        source: Box<ChangeError>,
    },
}

fn lines(all: &[Foreign]) -> String {
    all.iter().map(|one| format!("  {one}")).collect::<Vec<_>>().join("\n")
}

/// What became of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Undone {
    /// How many changes were taken back.
    pub changes: usize,
    /// How many could not be taken back, and stand.
    pub failed: usize,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

/// The changes that would be taken back, in that order.
#[must_use]
pub fn plan<'j>(journal: &'j Journal<'_>, extent: &Extent) -> Vec<&'j Made> {
    let is_meant = |made: &&Made| match extent {
        Extent::All => true,
        Extent::SinceRun(run) => made.run >= *run,
        Extent::Step(step) => made.step == *step,
    };
    let all: Vec<&Made> = journal.standing().rev().filter(is_meant).collect();
    let mut plan = Vec::with_capacity(all.len());
    for run in all.chunk_by(|one, other| one.run == other.run) {
        // Packages that go back to another version come from the repositories of then: these are back first.
        let at = run.iter().position(|made| changes_versions(made)).unwrap_or(run.len());
        let (later, from_there) = run.split_at(at);
        let (first, rest): (Vec<&Made>, Vec<&Made>) =
            from_there.iter().partition(|made| made.step == REPOSITORIES);
        plan.extend(later.iter().copied().chain(first).chain(rest));
    }
    plan
}

/// Whether packages that were there before have another version now, or are gone.
fn changes_versions(made: &Made) -> bool {
    match (&made.change, &made.before, &made.after) {
        (Change::Install { .. }, State::Packages(before), Some(State::Packages(after))) => {
            before.iter().any(|(name, version)| after.get(name) != Some(version))
        }
        _ => false,
    }
}

/// What of it is not as it was left, so that taking it back would lose someone else's work.
///
/// # Errors
/// If the host cannot be looked at.
pub fn foreign(
    host: &dyn Host,
    journal: &Journal<'_>,
    extent: &Extent,
) -> Result<Vec<Foreign>, HostError> {
    // Of several changes to one thing, what the last of them left should stand there, whichever are meant.
    let mut last = BTreeMap::new();
    for made in journal.standing() {
        last.insert(made.change.resource(), made);
    }
    let meant: BTreeSet<String> =
        plan(journal, extent).iter().map(|made| made.change.resource()).collect();
    let mut found = Vec::new();
    for made in last.values().filter(|made| meant.contains(&made.change.resource())) {
        // Where taking it back was begun, what stands there is ours.
        let Some(after) = made.after.as_ref().filter(|_| !made.taking_back) else { continue };
        let now = made.change.probe(host)?;
        if let Some(why) = difference(&made.before, after, &now) {
            let (resource, step) = (made.change.resource(), made.step.clone());
            found.push(Foreign { resource, step, why });
        }
    }
    found.extend(later_steps(journal, extent));
    found.extend(packages(host, journal, extent)?);
    Ok(found)
}

/// Whether two changes with the same resource are about all of it, so that one cannot be taken back below the other.
fn is_whole(change: &Change) -> bool {
    !matches!(
        change,
        Change::Install { .. } | Change::Hold { .. } | Change::Poke(_) | Change::Run { .. }
    )
}

/// What other steps have changed after the step that is meant: the former state would lose that.
fn later_steps(journal: &Journal<'_>, extent: &Extent) -> Vec<Foreign> {
    let Extent::Step(step) = extent else { return Vec::new() };
    let mut first = BTreeMap::new();
    for made in plan(journal, extent).into_iter().filter(|made| is_whole(&made.change)) {
        first.insert(made.change.resource(), made.number);
    }
    let mut found = BTreeMap::new();
    for made in journal.standing().filter(|made| made.step != *step && is_whole(&made.change)) {
        let resource = made.change.resource();
        if first.get(&resource).is_some_and(|first| *first < made.number) {
            let why = format!("step {} has changed it later: take that back first", made.step);
            let one = Foreign { resource: resource.clone(), step: step.clone(), why };
            found.insert((resource, made.step.clone()), one);
        }
    }
    found.into_values().collect()
}

/// What would be lost with the packages that go: packages of others, and a node.
fn packages(
    host: &dyn Host,
    journal: &Journal<'_>,
    extent: &Extent,
) -> Result<Vec<Foreign>, HostError> {
    const NODE: &str = "/etc/kubernetes/kubelet.conf";
    let plan = plan(journal, extent);
    let (mut came, mut changed) = (BTreeSet::new(), BTreeSet::new());
    let mut last = None;
    for made in &plan {
        if let Change::Install { manager, .. } = &made.change
            && let (State::Packages(before), Some(State::Packages(after))) =
                (&made.before, &made.after)
        {
            came.extend(after.keys().filter(|name| !before.contains_key(*name)).cloned());
            let is_changed = |name: &&String| after.get(*name) != before.get(*name);
            changed.extend(before.keys().filter(is_changed));
            last = Some((*manager, made.step.clone()));
        }
    }
    let Some((manager, step)) = last else { return Ok(Vec::new()) };
    let now = manager.present(host)?;
    came.retain(|name| now.contains_key(name));
    if came.is_empty() {
        return Ok(Vec::new());
    }
    let foreign =
        |resource: String, why: &str| Foreign { resource, step: step.clone(), why: why.to_owned() };
    // What is only put back in its former version is not lost.
    let is_lost = |named: &String| !changed.iter().any(|name| is_of(name, named));
    let along = manager.go_along(host, &came)?.into_iter().filter(is_lost);
    let mut found: Vec<Foreign> = along
        .map(|name| foreign(name, "it came from elsewhere, and needs packages that would go"))
        .collect();
    let is_ours = plan
        .iter()
        .any(|made| matches!(made.change, Change::Kubeadm { verb, .. } if verb.makes_node()));
    if !is_ours && host.entry(NODE)?.is_some() {
        let why = "this host is a node of a cluster, and its packages would go: take it out with `node-prep reset`";
        found.push(foreign(NODE.to_owned(), why));
    }
    Ok(found)
}

/// How what is there differs from what was left; `None` if it does not, or is back already.
fn difference(before: &State, after: &State, now: &State) -> Option<String> {
    if now == after || now == before {
        return None;
    }
    match (after, now) {
        (State::Path(Some(left)), State::Path(Some(now))) if left.what == now.what => {
            Some("its mode, owner or attributes have changed".to_owned())
        }
        (State::Path(Some(_)), State::Path(None)) => Some("it is gone".to_owned()),
        (State::Path(None), State::Path(Some(_))) => Some("it is there again".to_owned()),
        (State::Path(_), _) => Some("its content has changed".to_owned()),
        (State::Value(left), State::Value(now)) => {
            let shown =
                |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
            Some(format!("it was left at {} and is {}", shown(left), shown(now)))
        }
        // Whether a unit runs at this moment is no one's decision, and one that is gone went with its package.
        (State::Unit { enabled: left, .. }, State::Unit { enabled: now, .. }) => {
            (left != now && !now.is_empty()).then(|| format!("it was left {left} and is {now}"))
        }
        (State::Packages(left), State::Packages(now)) => {
            let State::Packages(before) = before else { return None };
            let changed = left.iter().filter(|(name, version)| before.get(*name) != Some(*version));
            let other: Vec<String> = changed
                .filter(|(name, version)| {
                    // Gone, or back to what it was, is what is wished.
                    now.get(*name)
                        .is_some_and(|now| now != *version && Some(now) != before.get(*name))
                })
                .map(|(name, version)| format!("{name} was left at {version}"))
                .collect();
            (!other.is_empty()).then(|| other.join(", "))
        }
        (State::Held(_), State::Held(_)) => Some("other packages are held now".to_owned()),
        _ => None,
    }
}

/// Takes changes back, the last first. What someone else has changed since is refused before anything is done, unless
/// `force` says otherwise. A killed run is finished by the next.
///
/// # Errors
/// If another one changes this host, something was changed since, the journal cannot be written, or the host refuses.
pub fn undo(
    host: &dyn Host,
    options: &Options,
    by: By,
    watch: &mut Watch<'_>,
) -> Result<Undone, UndoError> {
    let _lock = host.lock()?;
    let mut journal = Journal::open(host)?;
    for made in journal.settle()? {
        (watch.tell)(&Event::Settled(&made));
    }
    let foreign = foreign(host, &journal, &options.extent)?;
    if !foreign.is_empty() && !options.force {
        return Err(UndoError::Changed(foreign));
    }
    let plan: Vec<Made> = plan(&journal, &options.extent).into_iter().cloned().collect();
    let mut undone = Undone::default();
    if plan.is_empty() {
        drop_links(host, &plan)?;
        return Ok(undone);
    }
    let pokes = plan.iter().filter_map(|made| match &made.change {
        Change::Poke(poke) => Some(poke.clone()),
        _ => None,
    });
    let run = journal.begin(Work::Undo, by, pokes.collect())?;
    let mut stuck = BTreeSet::new();
    for made in &plan {
        if (watch.stop)() {
            undone.stopped = true;
            break;
        }
        if is_whole(&made.change) && stuck.contains(&made.change.resource()) {
            undone.failed += 1;
            let change = &made.change;
            (watch.tell)(&Event::Warning(format!("{change} stands: a later change of it does")));
            continue;
        }
        journal.taking_back(made.number)?;
        let empty = State::Unknown;
        let after = made.after.as_ref().unwrap_or(&empty);
        match made.change.take_back(host, &made.before, after, &journal, options.with_data) {
            Ok(None) => {}
            Ok(Some(note)) => (watch.tell)(&Event::Warning(note)),
            Err(source) if options.keep_going => {
                let (step, what) = (&made.step, &made.change);
                let why = told(&source);
                let text = format!("{step}: failed to take back: {what}; it stands: {why}");
                (watch.tell)(&Event::Warning(text));
                stuck.insert(made.change.resource());
                undone.failed += 1;
                continue;
            }
            Err(source) => {
                journal.end(run, false)?;
                return Err(UndoError::Change {
                    step: made.step.clone(),
                    what: made.change.to_string(),
                    taken_back: undone.changes,
                    source: Box::new(source),
                });
            }
        }
        journal.taken_back(made.number)?;
        undone.changes += 1;
        (watch.tell)(&Event::TakenBack(made));
    }
    if host.is_live() && !undone.stopped {
        poke_again(host, &mut journal, watch)?;
    }
    if !undone.stopped && undone.failed == 0 {
        drop_links(host, &plan)?;
    }
    journal.end(run, !undone.stopped && undone.failed == 0)?;
    Ok(undone)
}

/// Units that come and go with packages, in any run.
const UNITS: [&str; 2] = ["containerd.service", "kubelet.service"];

/// No link stays to a unit that is gone, of those that were changed.
fn drop_links(host: &dyn Host, plan: &[Made]) -> Result<(), HostError> {
    let changed = plan.iter().filter_map(|made| match &made.change {
        Change::Unit { unit, .. } | Change::Poke(Poke::Restart(unit)) => Some(unit.as_str()),
        _ => None,
    });
    let units: BTreeSet<&str> = changed.chain(UNITS).collect();
    units.into_iter().try_for_each(|unit| unit::drop_links(host, unit))
}

/// An error with what is behind it.
fn told(error: &dyn std::error::Error) -> String {
    let behind = std::iter::successors(error.source(), |error| error.source());
    behind.fold(error.to_string(), |text, error| format!("{text}: {error}"))
}

/// Who read the files reads them again. That one has gone by now is no fault.
fn poke_again(
    host: &dyn Host,
    journal: &mut Journal<'_>,
    watch: &mut Watch<'_>,
) -> Result<(), JournalError> {
    let owed: Vec<Poke> = journal.owed().cloned().collect();
    for poke in owed {
        if let Err(error) = poke.make_again(host) {
            (watch.tell)(&Event::Warning(format!("failed to {poke}: {error}")));
        }
        journal.poked(poke)?;
    }
    Ok(())
}
