//! What has to be done so that a host is what it shall be.
//!
//! A plan is data: it is printed by `plan`, carried out by [`apply`](crate::apply::apply), and empty where nothing is left
//! to do. Steps make it through [`Planning`], which shows them the host as it will be once all that is planned so far
//! is done.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use crate::change::{
    Change, ChangeError, Enablement, Poke, Shown, State, Wanted, one_line, written,
};
use crate::data::{self, distribution::PackageManager};
use crate::edit::Edit;
use crate::facts::Facts;
use crate::fetch::Fetched;
use crate::host::{Command, Entry, Host, HostError, Kind, Meta, Output, folder_of, is_stage};
use crate::journal::Journal;
use crate::spec::Node;
use crate::text::drop_in;
use crate::text::sysctl::Key;

/// What has to be done, step by step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Steps with something to do or to say, in their order.
    pub steps: Vec<StepPlan>,
    /// Why the machine has to be started again afterwards; empty where it has not.
    pub reboot: Vec<String>,
}

/// What one step has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// The step.
    pub step: String,
    /// Its changes, in their order.
    pub changes: Vec<Planned>,
    /// What a tree cannot have done to it, and its first boot brings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_first_boot: Vec<Change>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why it cannot be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
}

/// A change, and what it does to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// The lines that differ, as a unified diff. `None` where it is about no file, or about a secret one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// Why a step cannot be carried out.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'p> {
    /// The step.
    pub step: &'p str,
    /// What is wrong, and how to mend it.
    pub why: &'p str,
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.why)
    }
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none()
    }

    /// All changes in their order, each with its step.
    pub fn changes(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.steps.iter().flat_map(|step| {
            step.changes.iter().map(|planned| (step.step.as_str(), &planned.change))
        })
    }

    /// Why it cannot be carried out.
    pub fn refusals(&self) -> impl Iterator<Item = Refusal<'_>> {
        self.steps
            .iter()
            .flat_map(|step| step.refusals.iter().map(|why| Refusal { step: &step.step, why }))
    }
}

/// Why a plan cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {source}")]
pub struct PlanError {
    /// The step.
    pub step: String,
    /// What went wrong.
    pub source: Box<ChangeError>,
}

/// A wish about a host.
pub trait Step: Sync {
    /// Its name, which does not change.
    fn id(&self) -> &'static str;

    /// What it is for, in a sentence or two.
    fn why(&self) -> &'static str;

    /// Looks at the host and says what has to be done. Pushes nothing where the wish is fulfilled, or where there
    /// is none.
    ///
    /// # Errors
    /// If the host cannot be looked at, or a file not understood.
    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError>;

    /// What is wrong although the plan is empty: what the next boot would do, what others override.
    ///
    /// # Errors
    /// If the host cannot be looked at.
    fn verify(&self, _planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        Ok(())
    }
}

/// What is known of a host, what it shall be, and what is planned so far.
pub struct Planning<'h> {
    host: &'h dyn Host,
    /// What the host shall be.
    pub node: &'h Node,
    /// What the host is.
    pub facts: &'h Facts,
    /// Files as they will be.
    files: BTreeMap<String, Option<Entry>>,
    /// Packages that will be there.
    coming: Vec<(String, Option<String>)>,
    fetched: Option<&'h Fetched>,
    installed: OnceCell<BTreeMap<String, String>>,
    step: StepPlan,
    plan: Plan,
}

impl fmt::Debug for Planning<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planning").field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// What has to be done on a host: the steps are asked one after another.
///
/// Nothing is fetched for it: what would have to be is told as left to do.
///
/// `owed` is what an interrupted run did not have read its files again ([`Journal::owed`](crate::journal::Journal::owed)).
///
/// # Errors
/// If the host cannot be looked at, or a file on it not understood.
pub fn plan<'p>(
    host: &dyn Host,
    node: &Node,
    facts: &Facts,
    steps: impl IntoIterator<Item = &'p dyn Step>,
    owed: impl IntoIterator<Item = Poke>,
) -> Result<Plan, PlanError> {
    make(Planning::new(host, node, facts), steps, owed)
}

/// As [`plan`], with what was fetched of what is [needed](crate::steps::needs).
///
/// # Errors
/// If the host cannot be looked at, or a file on it not understood.
pub fn plan_with<'p>(
    host: &dyn Host,
    node: &Node,
    facts: &Facts,
    steps: impl IntoIterator<Item = &'p dyn Step>,
    owed: impl IntoIterator<Item = Poke>,
    fetched: &Fetched,
) -> Result<Plan, PlanError> {
    let mut planning = Planning::new(host, node, facts);
    planning.fetched = Some(fetched);
    make(planning, steps, owed)
}

fn make<'p>(
    mut planning: Planning<'_>,
    steps: impl IntoIterator<Item = &'p dyn Step>,
    owed: impl IntoIterator<Item = Poke>,
) -> Result<Plan, PlanError> {
    for step in steps {
        let failed = |source| PlanError { step: step.id().to_owned(), source: Box::new(source) };
        step.plan(&mut planning).map_err(failed)?;
        planning.end_step(step.id());
    }
    let mut plan = planning.plan;
    let mut left = StepPlan { step: "interrupted".to_owned(), ..StepPlan::default() };
    for poke in owed {
        let change = Change::Poke(poke);
        if !plan.changes().any(|(_, planned)| *planned == change) {
            left.changes.push(Planned { change, diff: None });
        }
    }
    if !left.changes.is_empty() {
        plan.steps.push(left);
    }
    Ok(plan)
}

impl<'h> Planning<'h> {
    /// Nothing is planned yet.
    #[must_use]
    pub fn new(host: &'h dyn Host, node: &'h Node, facts: &'h Facts) -> Self {
        Self {
            host,
            node,
            facts,
            files: BTreeMap::new(),
            coming: Vec::new(),
            fetched: None,
            installed: OnceCell::new(),
            step: StepPlan::default(),
            plan: Plan::default(),
        }
    }

    fn end_step(&mut self, id: &str) {
        let mut step = std::mem::take(&mut self.step);
        if step != StepPlan::default() {
            id.clone_into(&mut step.step);
            self.plan.steps.push(step);
        }
    }

    /// What a step says when it is asked to verify: its notes and refusals are findings.
    ///
    /// # Errors
    /// If the host cannot be looked at.
    pub fn verify(mut self, step: &dyn Step) -> Result<StepPlan, ChangeError> {
        step.verify(&mut self)?;
        Ok(self.step)
    }

    // --- what is there -------------------------------------------------------------------------------------------------

    /// Whether the host runs.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.host.is_live()
    }

    /// What will stand at a path; a link there is not followed.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn entry(&self, path: &str) -> Result<Option<Entry>, HostError> {
        match self.files.get(path) {
            Some(planned) => Ok(planned.clone()),
            None => self.host.entry(path),
        }
    }

    /// Where a path leads in the end, links followed.
    ///
    /// # Errors
    /// If the links cannot be followed.
    pub fn resolve(&self, path: &str) -> Result<String, HostError> {
        if self.files.contains_key(path) { Ok(path.to_owned()) } else { self.host.resolve(path) }
    }

    /// Whether something will stand at a path.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn exists(&self, path: &str) -> Result<bool, HostError> {
        Ok(self.entry(path)?.is_some())
    }

    /// Whether somebody listens on this port of TCP now.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn is_served(&self, port: u16) -> Result<bool, HostError> {
        crate::listening::is_served(self.host, port)
    }

    /// Whether the host is a control plane.
    pub(crate) fn is_control_plane(&self) -> Result<bool, HostError> {
        crate::static_pod::is_control_plane(self.host)
    }

    /// The text that a file will have, links followed.
    ///
    /// # Errors
    /// If it cannot be read or is not text.
    pub fn text(&self, path: &str) -> Result<Option<String>, HostError> {
        let real = if self.files.contains_key(path) {
            path.to_owned()
        } else {
            self.host.resolve(path)?
        };
        match self.files.get(&real) {
            None => self.host.text(&real),
            Some(Some(Entry { kind: Kind::File(content), .. })) => {
                let text = String::from_utf8(content.clone());
                text.map(Some).map_err(|_| HostError::NotText { path: real })
            }
            Some(_) => Ok(None),
        }
    }

    /// The names that a folder will have, sorted.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn list(&self, folder: &str) -> Result<Vec<String>, HostError> {
        let mut names = self.host.list(folder)?;
        // What a killed run has left is taken away when this file is written again.
        names.retain(|name| !is_stage(name));
        for (path, planned) in &self.files {
            if folder_of(path) == folder {
                let name = crate::host::name_of(path);
                names.retain(|known| known != name);
                if planned.is_some() {
                    names.push(name.to_owned());
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// The files of a folder of drop-ins (such as `sysctl.d`) in all the places where it may be, with their texts. One
    /// that is a link to `/dev/null` has none.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn drop_ins(&self, folder: &str) -> Result<Vec<(String, String)>, HostError> {
        let mut files = Vec::new();
        for parent in drop_in::PARENTS {
            let folder = format!("{parent}/{folder}");
            for name in self.list(&folder)? {
                let path = format!("{folder}/{name}");
                let text = self.text(&path)?.unwrap_or_default();
                files.push((path, text));
            }
        }
        Ok(files)
    }

    /// The value that the kernel has now; `None` where it knows no such key, and of a tree.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn sysctl(&self, key: &str) -> Result<Option<String>, HostError> {
        if !self.is_live() {
            return Ok(None);
        }
        Ok(self.host.text(&Key::new(key).path())?.map(|value| one_line(&value)))
    }

    /// Whether the kernel will know a key once the modules that are planned are loaded.
    #[must_use]
    pub fn will_come(&self, key: &str) -> bool {
        let brings = |change: &Change| match change {
            Change::LoadModule { name } => data::modules::brings(name, key),
            _ => false,
        };
        self.plan.changes().any(|(_, change)| brings(change))
    }

    /// Runs a program that only looks.
    ///
    /// # Errors
    /// If it cannot be started or takes too long.
    pub fn look(&self, argv: &[&str]) -> Result<Output, HostError> {
        self.host.run(&Command::new(argv.iter().copied()))
    }

    /// As [`Planning::look`], for one that reads from standard input.
    ///
    /// # Errors
    /// If it cannot be started or takes too long.
    pub fn look_reading(&self, command: &Command) -> Result<Output, HostError> {
        self.host.run(command)
    }

    /// How a unit is: as `systemctl is-enabled` says, and whether it runs.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn unit(&self, unit: &str) -> Result<(String, bool), HostError> {
        let probe = Change::Unit { unit: unit.to_owned(), enablement: None, active: None };
        match probe.probe(self.host)? {
            State::Unit { enabled, active } => Ok((enabled, active)),
            _ => Ok((String::new(), false)),
        }
    }

    /// The version of an installed package.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn installed(&self, name: &str) -> Result<Option<&str>, HostError> {
        if self.installed.get().is_none() {
            let found = self.manager().installed(self.host)?;
            // Nobody else sets it: this is one thread.
            let _ = self.installed.set(found);
        }
        Ok(self.installed.get().and_then(|all| all.get(name)).map(String::as_str))
    }

    /// Whether a package is there, or will be.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn will_have(&self, name: &str) -> Result<bool, HostError> {
        Ok(self.coming.iter().any(|(coming, _)| coming == name) || self.installed(name)?.is_some())
    }

    /// What a step changed earlier and stands, the oldest first; nothing where the journal cannot be read, which those
    /// tell that write it.
    #[must_use]
    pub fn changed_earlier(&self, step: &str) -> Vec<Change> {
        let Ok(journal) = Journal::read(self.host) else { return Vec::new() };
        let own = journal.standing().filter(|made| made.step == step);
        own.map(|made| made.change.clone()).collect()
    }

    /// What was fetched from a place.
    #[must_use]
    pub fn fetched(&self, place: &str) -> Option<&'h [u8]> {
        self.fetched?.get(place).map(Vec::as_slice)
    }

    /// Whether what is needed was to be fetched before this is planned.
    #[must_use]
    pub fn has_fetched(&self) -> bool {
        self.fetched.is_some()
    }

    /// Who installs packages here.
    #[must_use]
    pub fn manager(&self) -> PackageManager {
        self.facts.distribution.package_manager
    }

    // --- what shall be -------------------------------------------------------------------------------------------------

    /// Whether this step has planned anything.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.step.changes.is_empty()
    }

    /// How many changes this step has planned.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.step.changes.len()
    }

    /// Something that a person should know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.step.notes.push(note.into());
    }

    /// Something that makes the step impossible, and how to mend it.
    pub fn refuse(&mut self, why: impl Into<String>) {
        self.step.refusals.push(why.into());
    }

    /// The machine has to be started again afterwards.
    pub fn reboot(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.plan.reboot.contains(&why) {
            self.plan.reboot.push(why);
        }
    }

    /// Whether the machine has to be started again afterwards.
    #[must_use]
    pub fn will_reboot(&self) -> bool {
        !self.plan.reboot.is_empty()
    }

    fn push(&mut self, change: Change, diff: Option<String>) {
        if change.is_live() && !self.is_live() {
            self.step.at_first_boot.push(change);
        } else {
            self.step.changes.push(Planned { change, diff });
        }
    }

    /// A file shall have this content. Its folders are made where they are missing; a link is followed.
    ///
    /// # Errors
    /// If the file cannot be read or not understood.
    pub fn write(&mut self, path: &str, edit: Edit, mode: Option<u32>) -> Result<(), ChangeError> {
        self.write_as(path, edit, mode, None)
    }

    /// As [`Planning::write`], for an owner and a group by their numbers.
    ///
    /// # Errors
    /// If the file cannot be read or not understood.
    pub fn write_as(
        &mut self,
        path: &str,
        edit: Edit,
        mode: Option<u32>,
        owner: Option<(u32, u32)>,
    ) -> Result<(), ChangeError> {
        let path = if self.files.contains_key(path) {
            path.to_owned()
        } else {
            self.host.resolve(path)?
        };
        let standing = self.entry(&path)?;
        let entry = written(&path, standing.clone(), &edit, mode, owner)?;
        if standing.as_ref() == Some(&entry) {
            return Ok(());
        }
        self.folder(folder_of(&path))?;
        let is_secret = edit.is_secret() || entry.meta.mode & 0o044 == 0;
        let diff = (!is_secret).then(|| difference(&path, standing.as_ref(), &entry));
        self.push(Change::WriteFile { path: path.clone(), edit, mode, owner }, diff.flatten());
        self.files.insert(path, Some(entry));
        Ok(())
    }

    /// No file or link shall be there.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn remove(&mut self, path: &str) -> Result<(), HostError> {
        if let Some(standing) = self.entry(path)? {
            let gone = Entry { kind: Kind::File(Vec::new()), meta: standing.meta.clone() };
            let is_secret = standing.meta.mode & 0o044 == 0;
            let diff = if is_secret { None } else { difference(path, Some(&standing), &gone) };
            self.push(Change::RemoveFile { path: path.to_owned() }, diff);
            self.files.insert(path.to_owned(), None);
        }
        Ok(())
    }

    /// A folder shall be there, whosever it is.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn folder(&mut self, path: &str) -> Result<(), HostError> {
        let real = self.host.resolve(path)?;
        if self.exists(&real)? {
            return Ok(());
        }
        self.folder_as(path, 0o755, (0, 0))
    }

    /// A folder shall be there, with this mode, owner and group.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn folder_as(&mut self, path: &str, mode: u32, owner: (u32, u32)) -> Result<(), HostError> {
        if path == "/" {
            return Ok(());
        }
        self.folder(folder_of(path))?;
        let standing = self.entry(path)?;
        let mut meta = Meta { mode, uid: owner.0, gid: owner.1, ..Meta::root(mode) };
        if let Some(standing) = &standing {
            meta.xattrs.clone_from(&standing.meta.xattrs);
        }
        let entry = Entry { kind: Kind::Folder, meta };
        if standing.as_ref() != Some(&entry) {
            self.push(Change::MakeFolder { path: path.to_owned(), mode, owner }, None);
            self.files.insert(path.to_owned(), Some(entry));
        }
        Ok(())
    }

    /// A symbolic link shall be there.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn link(&mut self, path: &str, target: &str) -> Result<(), HostError> {
        let wanted = Kind::Link(target.to_owned());
        if self.entry(path)?.is_some_and(|standing| standing.kind == wanted) {
            return Ok(());
        }
        self.folder(folder_of(path))?;
        self.push(Change::MakeLink { path: path.to_owned(), target: target.to_owned() }, None);
        let entry = Entry { kind: wanted, meta: Meta::root(0o777) };
        self.files.insert(path.to_owned(), Some(entry));
        Ok(())
    }

    /// Makes a change of the running host, or lists it as left for the first boot. Who calls this has looked whether
    /// it is needed.
    pub fn live(&mut self, change: Change) {
        self.push(change, None);
    }

    /// As [`Planning::live`], with what it is about, for people.
    pub(crate) fn live_shown(&mut self, change: Change, shown: String) {
        self.push(change, Some(shown));
    }

    /// A unit shall come at boot, or not, and run now, or not. One that does not exist yet comes with a package.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn want_unit(
        &mut self,
        unit: &str,
        enablement: Option<Enablement>,
        active: Option<bool>,
    ) -> Result<(), HostError> {
        let (enabled, is_active) = self.unit(unit)?;
        let enablement = enablement.filter(|wanted| !wanted.is(&enabled));
        let active = active.filter(|wanted| *wanted != is_active);
        let unit = unit.to_owned();
        if !self.is_live() && active.is_some() {
            let later = Change::Unit { unit: unit.clone(), enablement: None, active };
            self.step.at_first_boot.push(later);
        }
        let active = active.filter(|_| self.is_live());
        if enablement.is_some() || active.is_some() {
            self.push(Change::Unit { unit, enablement, active }, None);
        }
        Ok(())
    }

    /// Every boot shall have this word on the kernel's command line. Answers whether the boot loader is known.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn want_kernel_word(&mut self, word: &str) -> Result<bool, ChangeError> {
        const GRUB: &str = "/etc/default/grub";
        if self.exists("/usr/sbin/grubby")? {
            // There the entries themselves have the words, and the file counts only for new ones: grubby knows.
            let change = Change::KernelWord { word: word.to_owned() };
            if !self.is_live() || change.probe(self.host)? != State::Is(true) {
                self.push(change, None);
            }
            return Ok(true);
        }
        if !self.exists(GRUB)? || !self.exists("/usr/sbin/update-grub")? {
            return Ok(false);
        }
        let before = self.text(GRUB)?;
        self.write(GRUB, Edit::KernelWord(word.to_owned()), None)?;
        if self.text(GRUB)? != before {
            self.poke(Poke::Program(vec!["update-grub".to_owned()]));
        }
        Ok(true)
    }

    /// A rule shall be there that a program adds and removes.
    ///
    /// # Errors
    /// If it cannot be learned whether it is.
    pub fn want_rule(
        &mut self,
        add: Vec<String>,
        remove: Vec<String>,
        shown: Shown,
    ) -> Result<(), HostError> {
        // Of a tree only what is in a file can be known.
        let is_known = self.is_live() || !matches!(shown, Shown::Said { .. });
        if !(is_known && shown.is(self.host)?) {
            self.push(Change::Rule { add, remove, shown }, None);
        }
        Ok(())
    }

    /// Packages shall be there, in these versions.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn want_packages(
        &mut self,
        packages: &[Wanted],
        despite_excludes: &[&str],
    ) -> Result<(), HostError> {
        let mut missing = Vec::new();
        for package in packages {
            let is_coming = self.coming.iter().any(|(name, _)| *name == package.name);
            let fits = self.installed(&package.name)?.is_some_and(|version| package.fits(version));
            if !fits && !is_coming {
                missing.push(package.clone());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let coming = missing.iter().map(|package| (package.name.clone(), package.version.clone()));
        self.coming.extend(coming);
        let change = Change::Install {
            manager: self.manager(),
            packages: missing,
            despite_excludes: despite_excludes.iter().map(ToString::to_string).collect(),
        };
        self.push(change, None);
        Ok(())
    }

    /// The version that a package will have, as far as it is known: installed, or wished.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn version_of(&self, name: &str) -> Result<Option<String>, HostError> {
        if let Some((_, version)) = self.coming.iter().find(|(coming, _)| coming == name) {
            return Ok(version.clone());
        }
        Ok(self.installed(name)?.map(str::to_owned))
    }

    /// Packages shall not be changed by upgrades of the system.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn want_held(&mut self, packages: &[&str]) -> Result<(), HostError> {
        let manager = self.manager();
        if manager == PackageManager::Dnf {
            return Ok(());
        }
        let packages = packages.iter().map(ToString::to_string).collect();
        let change = Change::Hold { manager, packages };
        if let State::Held(held) = change.probe(self.host)?
            && held.values().any(|held| !held)
        {
            self.push(change, None);
        }
        Ok(())
    }

    /// Something reads its files again, where this step has changed anything.
    pub fn poke_if_changed(&mut self, poke: Poke) {
        if self.has_changes() {
            self.poke(poke);
        }
    }

    /// Something reads its files again.
    pub fn poke(&mut self, poke: Poke) {
        let change = Change::Poke(poke);
        if !self.step.changes.last().is_some_and(|last| last.change == change) {
            self.push(change, None);
        }
    }
}

/// The lines that differ between what stands there and what will; `None` for what is no file.
fn difference(path: &str, before: Option<&Entry>, after: &Entry) -> Option<String> {
    let text = |entry: &Entry| match &entry.kind {
        Kind::File(content) => String::from_utf8(content.clone()).ok(),
        _ => None,
    };
    let new = text(after)?;
    let old = before.map_or(Some(String::new()), text)?;
    let diff = TextDiff::from_lines(&old, &new);
    let from = if before.is_some() { path } else { "/dev/null" };
    let text = diff.unified_diff().context_radius(2).header(from, path).to_string();
    (!text.is_empty()).then_some(text)
}
