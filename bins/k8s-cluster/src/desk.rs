//! What every command needs that asks hosts: the cluster, what its hosts shall be, and the way to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::cli::{Exit, invalid, say};
use anyhow::{Context, Result};
use diagnostics::Problem;
use diagnostics::yaml::Tree;
use fleet::survey::{Depth, Seen, Surveys, survey};
use fleet::wish::wishes;
use fleet::{Contact, Watch as _};
use node_bootstrap::agent::Wish;
use openpai::{Document, NodeList, recognise};
use topology::Inventory;
use topology::inventory::{Host, Problems};

use crate::cli::{self, Named};
use crate::intake::{self, Text};
use crate::nodes;
use crate::tell::Teller;

/// A cluster, and the way to its hosts.
pub(crate) struct Desk {
    pub(crate) inventory: Inventory,
    pub(crate) wishes: BTreeMap<String, Wish>,
    pub(crate) contact: Box<dyn Contact>,
    pub(crate) teller: Teller,
    pub(crate) at_once: usize,
    pub(crate) wait: Duration,
    /// What describes the cluster, for people.
    pub(crate) source: PathBuf,
}

impl Desk {
    /// Reads what describes the cluster, and what each host shall be. What is wrong with it was told where there is none.
    pub(crate) fn open(asked: &cli::Desk) -> Result<Option<Self>> {
        let Some(mut desk) = Self::look(asked)? else { return Ok(None) };
        desk.wishes = wishes_of(&desk.inventory, &desk.source)?;
        Ok(Some(desk))
    }

    /// The same without what hosts shall be: for what has to work although a file is not at this desk.
    pub(crate) fn look(asked: &cli::Desk) -> Result<Option<Self>> {
        let Some((inventory, source)) = described(asked)? else { return Ok(None) };
        let teller = Teller::new()?;
        let contact = crate::reach::contact(asked, &inventory, teller.stop())?;
        let wait = Duration::try_from(asked.wait)
            .map_err(|_| invalid("--wait: give a time that is not in the past"))?;
        let at_once = asked.parallel.max(1);
        let wishes = BTreeMap::new();
        Ok(Some(Self { inventory, wishes, contact, teller, at_once, wait, source }))
    }

    /// Asks these hosts what they are.
    pub(crate) fn survey<'h>(
        &self,
        hosts: impl Iterator<Item = &'h Host>,
        wishes: &BTreeMap<String, Wish>,
        depth: Depth,
    ) -> Surveys {
        let hosts: Vec<_> = hosts.map(|host| (host, wishes.get(&host.name))).collect();
        survey(&*self.contact, &hosts, depth, self.at_once, &self.teller)
    }

    /// Asks all hosts what they are.
    pub(crate) fn survey_all(&self, depth: Depth) -> Surveys {
        self.survey(self.inventory.hosts.iter(), &self.wishes, depth)
    }

    pub(crate) fn seen<'s>(&'s self, surveys: &'s Surveys) -> Seen<'s> {
        Seen { inventory: &self.inventory, surveys }
    }

    /// The hosts that were named, which are in the inventory.
    pub(crate) fn named(&self, named: &Named) -> Result<Vec<String>> {
        let mut chosen = named.hosts.clone();
        if let Some(path) = &named.list {
            let file = Text::read(path)?;
            let (list, problems) = NodeList::read(file.source());
            intake::tell(&problems, std::slice::from_ref(&file));
            let list = list.filter(|_| !problems.iter().any(Problem::is_error));
            let list = list.ok_or_else(|| {
                invalid(format!("{} has no list of nodes that can be used", path.display()))
            })?;
            chosen.extend(list.hosts.iter().map(|host| host.name.to_ascii_lowercase()));
        }
        let mut faults = Vec::new();
        for name in &chosen {
            if !self.inventory.hosts.iter().any(|host| host.name == *name) {
                faults.push(format!("there is no host `{name}` in {}", self.source.display()));
            }
        }
        if faults.is_empty() { Ok(chosen) } else { Err(invalid(faults.join("\n"))) }
    }

    /// The control plane that speaks for the cluster.
    pub(crate) fn speaker(&self) -> Result<String> {
        let depth = Depth::default();
        let none = BTreeMap::new();
        let surveys = self.survey(
            self.inventory.with_role(topology::inventory::HostRole::ControlPlane),
            &none,
            depth,
        );
        let seen = self.seen(&surveys);
        seen.speaker().map(|host| host.name.clone()).with_context(|| silence(seen))
    }

    /// How a command ends that was stopped.
    pub(crate) fn stopped(&self) -> Option<Exit> {
        self.teller.stopped().then_some(Exit::Interrupted)
    }
}

/// Why nobody speaks for the cluster.
pub(crate) fn silence(seen: Seen<'_>) -> String {
    let why = "no control plane of the cluster answers; `k8s-cluster status` shows what there is";
    seen.cut_off().unwrap_or_else(|| why.to_owned())
}

/// The cluster that is described, and where.
pub(crate) fn described(asked: &cli::Desk) -> Result<Option<(Inventory, PathBuf)>> {
    let (inventory, source) = match (&asked.input.path, &asked.input.file) {
        (Some(folder), _) => (openpai(folder)?, folder.clone()),
        (None, Some(file)) => (own(file)?, file.clone()),
        (None, None) => return Err(invalid("give -p DIR or -f FILE")),
    };
    Ok(inventory.map(|inventory| (inventory, source)))
}

/// What the hosts shall be. Paths of files are as seen from the file that has them.
pub(crate) fn wishes_of(inventory: &Inventory, source: &Path) -> Result<BTreeMap<String, Wish>> {
    let folder = if source.is_dir() { Some(source) } else { source.parent() };
    let read = |path: &str| {
        fs::read_to_string(folder.map_or_else(|| PathBuf::from(path), |folder| folder.join(path)))
    };
    wishes(inventory, &read).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        invalid(lines.join("\n"))
    })
}

/// The cluster that OpenPAI's files mean.
fn openpai(folder: &Path) -> Result<Option<Inventory>> {
    let Some(cluster) = intake::cluster(folder)? else { return Ok(None) };
    let converted = openpai::convert(&cluster);
    for note in &converted.notes {
        say(&format!("note: {note}"));
    }
    let errors: Vec<String> = converted
        .inventory
        .validate()
        .iter()
        .filter(|problem| problem.is_error())
        .map(ToString::to_string)
        .collect();
    if errors.is_empty() { Ok(Some(converted.inventory)) } else { Err(invalid(errors.join("\n"))) }
}

/// The cluster of a cluster.yaml.
fn own(path: &Path) -> Result<Option<Inventory>> {
    let file = Text::read(path)?;
    let tree =
        Tree::parse(&file.path, &file.text).map_err(|fault| invalid(fault.problem.to_string()))?;
    if let Some(document) = recognise(&tree)
        && !matches!(document, Document::Own)
    {
        return Err(invalid(format!(
            "{} is {}; give a cluster.yaml, or OpenPAI's folder with -p",
            file.path,
            document.name()
        )));
    }
    let (inventory, problems) = match Inventory::read(&file.path, &file.text) {
        Ok((inventory, mut problems)) => {
            problems.extend(nodes::check(&inventory, &tree));
            problems.sort_by(|one, other| one.place.cmp(&other.place));
            (Some(inventory), problems)
        }
        Err(Problems(problems)) => (None, problems),
    };
    let is_wrong = problems.iter().any(Problem::is_error);
    intake::tell(&problems, std::slice::from_ref(&file));
    Ok(inventory.filter(|_| !is_wrong))
}
