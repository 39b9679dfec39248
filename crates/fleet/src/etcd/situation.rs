//! What the hosts of a cluster say of its etcd, together.

use std::collections::{BTreeMap, BTreeSet};

use etcd::rules::{called, is_of, quorum, same_address, same_url};
use etcd::{Alarm, Member, View, Vote};
use node_bootstrap::agent::{EtcdHere, ManifestPlace};

use super::alarm::alarms;

/// A control plane, and what it says of its member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name, as [`Contact`](crate::Contact) knows it.
    pub name: String,
    /// The address that the others reach it at.
    pub address: String,
    /// What it says; or why it says nothing.
    pub here: Result<EtcdHere, String>,
    /// Whether nothing answers at its address: it may be gone for good.
    pub unreachable: bool,
}

/// What the control planes of a cluster say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Situation {
    /// Each of them.
    pub hosts: Vec<Host>,
}

/// The members, as a member says it that takes part in a cluster that can write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The number of the cluster.
    pub cluster: String,
    /// All members.
    pub members: Vec<Member>,
    /// The number of the one that leads.
    pub leader: Option<String>,
    /// Voting members that are healthy: their host, and their number. The one that leads is the first.
    pub healthy: Vec<(String, String)>,
}

/// Whether the members agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// They do.
    Agreed(Agreed),
    /// Enough of them answer, and none is healthy: they may be about to choose who leads.
    Choosing {
        /// What they complain of.
        complaints: Vec<String>,
    },
    /// They do, and an alarm keeps them from being healthy.
    Alarmed {
        /// The alarms.
        alarms: Vec<Alarm>,
    },
    /// Too few of them answer.
    Lost {
        /// What is known, in a sentence.
        why: String,
    },
    /// There are two clusters, and none is the larger one.
    Torn {
        /// Hosts of each.
        sides: Vec<Vec<String>>,
    },
}

impl Situation {
    /// Whether control planes have members, as far as hosts answered: else etcd is elsewhere, or nowhere.
    #[must_use]
    pub fn has_members(&self) -> bool {
        let is_one =
            |host: &Host| host.said().is_some_and(|here| here.manifest != ManifestPlace::None);
        self.hosts.iter().any(is_one)
    }

    /// Whether all is well: the members agree, and that of each host is healthy and has a vote.
    #[must_use]
    pub fn is_well(&self) -> bool {
        matches!(self.standing(), Standing::Agreed(_))
            && self.hosts.iter().all(|host| host.said().is_some_and(EtcdHere::is_well))
    }
}

impl Host {
    /// What it says, if it does.
    pub(super) fn said(&self) -> Option<&EtcdHere> {
        self.here.as_ref().ok()
    }

    /// What its member says, if it runs where it belongs.
    pub(super) fn view(&self) -> Option<&View> {
        let here = self.said().filter(|here| here.manifest == ManifestPlace::InPlace)?;
        here.view.as_ref()
    }

    /// Whether this member is the one of this host: by the URL of its manifest; or where it has none or says nothing, by its
    /// address or its name, which kubeadm gives to the member as well.
    pub(super) fn owns(&self, member: &Member) -> bool {
        match self.said().map(|here| here.peer_url.as_str()).filter(|url| !url.is_empty()) {
            Some(own) => member.peer_urls.iter().any(|url| same_url(own, url)),
            None => is_of(member, &self.name, &self.address),
        }
    }

    /// Why its member is of no use, for a sentence.
    fn trouble(&self) -> String {
        let what = match &self.here {
            Err(why) => format!("cannot be asked ({why})"),
            Ok(here) => match (here.manifest, &here.view) {
                (ManifestPlace::None, _) => "has no member".to_owned(),
                (ManifestPlace::Parked, _) => "is parked".to_owned(),
                (ManifestPlace::InPlace, None) => {
                    let why = here.silence.as_deref().unwrap_or("no reason is known");
                    format!("does not answer ({why})")
                }
                (ManifestPlace::InPlace, Some(view)) if !view.healthy => {
                    format!("answers, and is not healthy ({})", view.complaints.join("; "))
                        .replace(" ()", "")
                }
                (ManifestPlace::InPlace, Some(view)) if view.learner => "is a learner".to_owned(),
                (ManifestPlace::InPlace, Some(_)) => "answers".to_owned(),
            },
        };
        format!("{} {what}", self.name)
    }
}

impl Agreed {
    /// The members that vote.
    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.learner)
    }

    /// How many healthy voting members there are beside this one.
    #[must_use]
    pub fn healthy_beside(&self, id: &str) -> usize {
        self.healthy.iter().filter(|(_, other)| other != id).count()
    }

    /// What a change is decided on.
    pub(super) fn votes(&self) -> Vec<Vote> {
        self.members.iter().map(Vote::from).collect()
    }

    /// The members of a host.
    pub(super) fn of<'a>(&'a self, host: &'a Host) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(|member| host.owns(member))
    }

    /// A healthy voting member to ask, that is none of these: the one that leads, if it can be.
    pub(super) fn to_ask(&self, without: &[&str]) -> Option<&(String, String)> {
        self.healthy.iter().find(|(_, id)| !without.contains(&id.as_str()))
    }

    /// Voting members that are not healthy, by name or URL.
    pub(super) fn ill(&self) -> impl Iterator<Item = &Member> {
        self.voters().filter(|member| !self.healthy.iter().any(|(_, id)| *id == member.id))
    }
}

/// The command that begins anew without hosts that are gone.
pub(super) fn restore_without(gone: &[&str]) -> String {
    let mut command = "k8s-cluster etcd restore --from SNAPSHOT".to_owned();
    for name in gone {
        command.push_str(" --without ");
        command.push_str(name);
    }
    command
}

impl Situation {
    /// A host by its name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == name)
    }

    pub(super) fn here_mut(&mut self, name: &str) -> Option<&mut EtcdHere> {
        self.hosts.iter_mut().find(|host| host.name == name)?.here.as_mut().ok()
    }

    /// Views by the cluster that they are of, with their hosts.
    pub(super) fn sides(&self) -> BTreeMap<&str, Vec<(&Host, &View)>> {
        let mut sides: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for host in &self.hosts {
            if let Some(view) = host.view() {
                sides.entry(view.cluster.as_str()).or_default().push((host, view));
            }
        }
        sides
    }

    /// Why it is not known which host has which member: then what is meant for one may hit another.
    pub(super) fn confusion(&self) -> Option<String> {
        for (number, host) in self.hosts.iter().enumerate() {
            let Some(here) = host.said() else { continue };
            let url = &here.peer_url;
            for other in &self.hosts[..number] {
                let Some(there) = other.said() else { continue };
                let both = |view: &View| (view.cluster.clone(), view.member.clone());
                let member = here.view.as_ref().map(both);
                if member.is_some() && member == there.view.as_ref().map(both)
                    || same_url(url, &there.peer_url)
                {
                    return Some(format!(
                        "{} and {} lead to the same member of etcd ({url}): one of their addresses in the inventory is wrong",
                        other.name, host.name
                    ));
                }
            }
            if !url.is_empty() && !same_address(url, &host.address) {
                return Some(format!(
                    "{} has the address {} in the inventory, and the member of etcd there is {} at {url}: it may be another machine. \
                     Correct the address, or where the host is reached",
                    host.name, host.address, here.name
                ));
            }
        }
        let Standing::Agreed(agreed) = self.standing() else { return None };
        agreed.members.iter().find_map(|member| {
            let owners = self.hosts.iter().filter(|host| host.owns(member));
            let owners: Vec<&str> = owners.map(|host| host.name.as_str()).collect();
            (owners.len() > 1).then(|| {
                format!(
                    "{} may be the member of {}: correct their addresses in the inventory",
                    called(member),
                    owners.join(", or of ")
                )
            })
        })
    }

    /// Members that are of no host here: who they are is not known.
    pub(super) fn strays<'a>(&self, agreed: &'a Agreed) -> Vec<&'a Member> {
        let owned = |member: &Member| self.hosts.iter().any(|host| host.owns(member));
        agreed.members.iter().filter(|member| !owned(member)).collect()
    }

    /// Members that anybody knows, also of a cluster that is no more, and that are of no host here.
    pub(super) fn forgotten(&self) -> Vec<&Member> {
        let mut found: Vec<&Member> = Vec::new();
        for member in self.hosts.iter().filter_map(Host::view).flat_map(|view| &view.members) {
            let is_new = found.iter().all(|known| known.peer_urls != member.peer_urls);
            if is_new && !self.hosts.iter().any(|host| host.owns(member)) {
                found.push(member);
            }
        }
        found
    }

    /// Why nothing can be changed where too few members are left, and how it goes on.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        let Standing::Lost { why } = self.standing() else { return None };
        let gone = self.hosts.iter().filter(|host| host.unreachable);
        let gone: Vec<&str> = gone.map(|host| host.name.as_str()).collect();
        // With none left there is nothing to begin anew on.
        let gone = if gone.len() < self.hosts.len() { gone } else { Vec::new() };
        let only = match gone[..] {
            [] => "",
            _ => ", where those are gone for good",
        };
        Some(format!(
            "{why}. Without them nothing can be changed: get them to run again, or give up what was written after a snapshot with `{}`{only}",
            restore_without(&gone)
        ))
    }

    /// The highest revision that a member knows.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        self.hosts.iter().filter_map(Host::view).map(|view| view.revision).max()
    }

    /// Whether the members agree, and on what.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let mut found: Vec<Agreed> =
            self.sides().iter().filter_map(|(cluster, views)| agreed(cluster, views)).collect();
        found.sort_by_key(|agreed| std::cmp::Reverse(agreed.healthy.len()));
        match &found[..] {
            [] => self.without_agreement(),
            [one, other, ..] if one.healthy.len() == other.healthy.len() => Standing::Torn {
                sides: found
                    .iter()
                    .map(|side| side.healthy.iter().map(|(host, _)| host.clone()).collect())
                    .collect(),
            },
            _ => Standing::Agreed(found.swap_remove(0)),
        }
    }

    fn without_agreement(&self) -> Standing {
        let mut best: Option<(usize, usize)> = None;
        for views in self.sides().values() {
            let full = views.iter().filter(|(_, view)| !view.members.is_empty());
            let Some((_, newest)) = full.max_by_key(|(_, view)| view.revision) else { continue };
            let voters = newest.members.iter().filter(|member| !member.learner);
            let answering = voters
                .clone()
                .filter(|m| views.iter().any(|(_, view)| view.member == m.id))
                .count();
            let voters = voters.count();
            if answering > 0 && answering >= quorum(voters) {
                let alarms = alarms(views);
                if !alarms.is_empty() {
                    return Standing::Alarmed { alarms };
                }
                let complaints = views.iter().flat_map(|(host, view)| {
                    view.complaints.iter().map(|complaint| format!("{}: {complaint}", host.name))
                });
                return Standing::Choosing { complaints: complaints.collect() };
            }
            if best.is_none_or(|(most, _)| answering > most) {
                best = Some((answering, voters));
            }
        }
        let troubles: Vec<String> = self.hosts.iter().map(Host::trouble).collect();
        let troubles = troubles.join(", ");
        let why = match best {
            Some((answering, voters)) => format!(
                "{answering} of {voters} voting members of etcd answer, and {} have to: {troubles}",
                quorum(voters)
            ),
            None if self.hosts.is_empty() => "the cluster has no control plane".to_owned(),
            None => format!("no member of etcd answers: {troubles}"),
        };
        Standing::Lost { why }
    }
}

/// What healthy members of a cluster say. The one that leads knows best, then the one that has seen the most.
fn agreed(cluster: &str, views: &[(&Host, &View)]) -> Option<Agreed> {
    let healthy = views.iter().filter(|(_, view)| view.healthy && !view.learner);
    let (_, best) = healthy
        .clone()
        .filter(|(_, view)| view.members.iter().any(|member| member.id == view.member))
        .max_by_key(|(_, view)| (view.leader.as_deref() == Some(&view.member), view.revision))?;
    let votes = |id: &str| best.members.iter().any(|member| member.id == id && !member.learner);
    // Two names of one machine are one vote.
    let mut counted = BTreeSet::new();
    let mut healthy: Vec<(String, String)> = healthy
        .filter(|(_, view)| votes(&view.member) && counted.insert(view.member.as_str()))
        .map(|(host, view)| (host.name.clone(), view.member.clone()))
        .collect();
    healthy.sort_by_key(|(_, id)| best.leader.as_ref() != Some(id));
    Some(Agreed {
        cluster: cluster.to_owned(),
        members: best.members.clone(),
        leader: best.leader.clone(),
        healthy,
    })
}
