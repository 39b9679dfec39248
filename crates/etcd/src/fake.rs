//! A cluster in memory, for tests: its members behave as those of etcd 3.4 to 3.6 do where members come and go.
//!
//! Time stands still: what passes with time at a real one passes with calls here. A write that was acknowledged is remembered,
//! so that a test can ask whether it was lost.

mod member;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::api::{EtcdError, hexadecimal};
use crate::rules::quorum;
use crate::view::{Alarm, Member};

pub use member::FakeMember;

/// How many changes are refused after a member has joined.
const UNSETTLED: usize = 3;
/// How often a learner is not in sync yet.
const BEHIND: usize = 2;
/// What data begin with that were made of a snapshot.
const RESTORED: &str = "restored ";

/// Clusters in memory. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct FakeCluster(Arc<Mutex<State>>);

/// How a member is started.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Its name.
    pub name: String,
    /// Its peer URL.
    pub peer_url: String,
    /// Its client URL.
    pub client_url: String,
    /// Names and peer URLs: `a=https://10.0.0.1:2380`.
    pub initial_cluster: Vec<String>,
    /// Whether `--initial-cluster-state` is `existing`.
    pub existing: bool,
    /// What was written to its disk before; `None` where there is nothing.
    pub data: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    /// What is on the disks, by what a host has written.
    disks: BTreeMap<String, Disk>,
    /// The keys of disks of members that run, by peer URL.
    running: BTreeMap<String, String>,
    /// Who leads, by cluster.
    leaders: BTreeMap<u64, u64>,
    /// How many changes are refused.
    unsettled: usize,
    /// How often learners are not in sync.
    behind: BTreeMap<u64, usize>,
    acknowledged: Vec<String>,
    added: u64,
    alarms: Vec<Alarm>,
    /// Whether members may be taken out though too few of the others run.
    is_lenient: bool,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    cluster: u64,
    id: u64,
    members: Vec<Member>,
    log: Vec<String>,
    removed: bool,
}

/// What a snapshot has.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    log: Vec<String>,
}

/// What was made of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
struct Restored {
    name: String,
    initial_cluster: Vec<String>,
    token: String,
    log: Vec<String>,
}

fn hashed(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn split(initial_cluster: &[String]) -> Vec<(String, String)> {
    let pair = |one: &String| {
        let (name, url) = one.split_once('=').unwrap_or((one, ""));
        (name.to_owned(), url.to_owned())
    };
    initial_cluster.iter().map(pair).collect()
}

impl FakeCluster {
    /// Nothing runs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a member. Answers what is written to its disk.
    ///
    /// # Errors
    /// If it ends again at once; the error is what it says.
    pub fn start(&self, order: &Order) -> Result<String, String> {
        let state = &mut *self.state();
        let key = match &order.data {
            Some(data) => state.known(data, order)?,
            None if order.existing => state.joined(order)?,
            None => state.bootstrapped(order)?,
        };
        state.running.insert(order.peer_url.clone(), key.clone());
        state.name(&key, order);
        state.settle();
        Ok(key)
    }

    /// Ends a member.
    pub fn kill(&self, peer_url: &str) {
        let state = &mut *self.state();
        state.running.remove(peer_url);
        state.settle();
    }

    /// From now on a member may be taken out though too few of the others run: `--strict-reconfig-check=false`.
    pub fn without_strict_check(&self) {
        self.state().is_lenient = true;
    }

    /// A member raises an alarm of this kind.
    pub fn alarm(&self, kind: &str, peer_url: &str) {
        let state = &mut *self.state();
        let disk = state.running.get(peer_url).and_then(|key| state.disks.get(key));
        let member = hexadecimal(disk.map_or(0, |disk| disk.id));
        state.alarms.push(Alarm { kind: kind.to_owned(), member });
    }

    /// Somebody disarms all alarms.
    pub fn disarm(&self) {
        self.state().alarms.clear();
    }

    /// Whether a member runs.
    #[must_use]
    pub fn runs(&self, peer_url: &str) -> bool {
        self.state().running.contains_key(peer_url)
    }

    /// The member with this peer URL, to ask it, whether it runs or not.
    #[must_use]
    pub fn member(&self, peer_url: &str) -> FakeMember {
        FakeMember::new(self.clone(), peer_url)
    }

    /// A client writes. What is acknowledged must never be lost.
    ///
    /// # Errors
    /// If there is no quorum: it is not acknowledged.
    pub fn write(&self, text: &str) -> Result<(), EtcdError> {
        let state = &mut *self.state();
        let Some(cluster) = state.leaders.keys().next().copied() else {
            return Err(EtcdError::NoQuorum("etcdserver: no leader".to_owned()));
        };
        if !state.alarms.is_empty() {
            return Err(EtcdError::Refused("etcdserver: mvcc: database space exceeded".to_owned()));
        }
        for disk in state.running_disks(cluster) {
            disk.log.push(text.to_owned());
        }
        state.acknowledged.push(text.to_owned());
        Ok(())
    }

    /// Writes that were acknowledged, and that no member which runs has.
    #[must_use]
    pub fn lost(&self) -> Vec<String> {
        let state = self.state();
        let has =
            |text: &String| state.running.values().any(|key| state.disks[key].log.contains(text));
        state.acknowledged.iter().filter(|text| !has(text)).cloned().collect()
    }

    /// What `etcdutl snapshot restore` writes to a disk.
    ///
    /// # Errors
    /// If this is no snapshot.
    pub fn restored(
        snapshot: &[u8],
        name: &str,
        initial_cluster: &[String],
        token: &str,
    ) -> Result<String, String> {
        let damaged = |_| "snapshot missing hash but --skip-hash-check=false".to_owned();
        crate::check_snapshot(snapshot).map_err(damaged)?;
        let pages = &snapshot[..snapshot.len() - crate::snapshot::CHECKSUM];
        let saved: Saved = serde_json::from_slice(pages).map_err(|error| error.to_string())?;
        let restored = Restored {
            name: name.to_owned(),
            initial_cluster: initial_cluster.to_vec(),
            token: token.to_owned(),
            log: saved.log,
        };
        let text = serde_json::to_string(&restored).map_err(|error| error.to_string())?;
        Ok(format!("{RESTORED}{text}"))
    }
}

impl State {
    /// Starts with data.
    fn known(&mut self, data: &str, order: &Order) -> Result<String, String> {
        if let Some(text) = data.strip_prefix(RESTORED) {
            let restored: Restored =
                serde_json::from_str(text).map_err(|error| error.to_string())?;
            let cluster = hashed((&restored.initial_cluster, &restored.token));
            let disk =
                Disk { log: restored.log, ..founder(cluster, &restored.initial_cluster, order)? };
            return Ok(self.write_disk(disk));
        }
        let disk = self.disks.get(data).ok_or("failed to recover the data: unknown")?;
        let (id, cluster) = (disk.id, disk.cluster);
        let others = self.running.values().map(|key| &self.disks[key]);
        let mut others = others.filter(|other| other.cluster == cluster);
        if disk.removed
            || others.any(|other| other.members.iter().all(|it| it.id != hexadecimal(id)))
        {
            return Err("the member has been permanently removed from the cluster".to_owned());
        }
        Ok(data.to_owned())
    }

    /// Starts without data in a cluster that is there.
    fn joined(&mut self, order: &Order) -> Result<String, String> {
        let named = split(&order.initial_cluster);
        local_name(&named, order)?;
        let other = named.iter().find_map(|(_, url)| self.running.get(url));
        let Some(other) = other.map(|key| &self.disks[key]) else {
            return Err("cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs".to_owned());
        };
        let mut urls: Vec<&String> = named.iter().map(|(_, url)| url).collect();
        let mut known: Vec<&String> = other.members.iter().flat_map(|it| &it.peer_urls).collect();
        urls.sort();
        known.sort();
        if urls != known {
            return Err("error validating peerURLs: member count is unequal".to_owned());
        }
        let own = other.members.iter().find(|it| it.peer_urls.contains(&order.peer_url));
        let own = own.ok_or("error validating peerURLs: unmatched member")?;
        if !own.name.is_empty() {
            return Err(format!(
                "panic: tocommit({}) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?",
                other.log.len() + 5
            ));
        }
        let id = crate::api::number(&own.id).map_err(|error| error.to_string())?;
        let disk =
            Disk { cluster: other.cluster, id, members: other.members.clone(), ..Disk::default() };
        self.behind.insert(id, BEHIND);
        self.unsettled = UNSETTLED;
        Ok(self.write_disk(disk))
    }

    /// Starts without data in a cluster that its members make together.
    fn bootstrapped(&mut self, order: &Order) -> Result<String, String> {
        let named = split(&order.initial_cluster);
        for other in named.iter().filter_map(|(_, url)| self.running.get(url)) {
            let known = self.disks[other]
                .members
                .iter()
                .find(|it| it.peer_urls.contains(&order.peer_url) && it.name == order.name);
            let cluster = hashed((&order.initial_cluster, ""));
            if let Some(known) = known
                && (self.disks[other].cluster != cluster || !self.disks[other].log.is_empty())
            {
                return Err(format!("member {} has already been bootstrapped", known.id));
            }
        }
        let cluster = hashed((&order.initial_cluster, ""));
        let disk = founder(cluster, &order.initial_cluster, order)?;
        Ok(self.write_disk(disk))
    }

    fn write_disk(&mut self, disk: Disk) -> String {
        self.added += 1;
        let key = format!("disk {}", self.added);
        self.disks.insert(key.clone(), disk);
        key
    }

    fn running_disks(&mut self, cluster: u64) -> impl Iterator<Item = &mut Disk> {
        let running: Vec<&String> = self.running.values().collect();
        let disks = self.disks.iter_mut().filter(move |(key, _)| running.contains(key));
        disks.map(|(_, disk)| disk).filter(move |disk| disk.cluster == cluster)
    }

    /// A member that has started tells its name.
    fn name(&mut self, key: &str, order: &Order) {
        let (cluster, id) = (self.disks[key].cluster, hexadecimal(self.disks[key].id));
        for disk in self.running_disks(cluster) {
            if let Some(own) = disk.members.iter_mut().find(|it| it.id == id) {
                own.name.clone_from(&order.name);
                own.client_urls = vec![order.client_url.clone()];
            }
        }
    }

    /// Members that run elect a leader where they can, and those who were away learn what was done.
    fn settle(&mut self) {
        let mut clusters: Vec<u64> =
            self.running.values().map(|key| self.disks[key].cluster).collect();
        clusters.sort_unstable();
        clusters.dedup();
        self.leaders.retain(|cluster, _| clusters.contains(cluster));
        for cluster in clusters {
            let running: Vec<Disk> = self.running_disks(cluster).map(|disk| disk.clone()).collect();
            let has_vote = |disk: &&Disk, of: &Disk| {
                of.members.iter().any(|it| it.id == hexadecimal(disk.id) && !it.learner)
            };
            // Who has the most has all that a quorum agreed on.
            let best = running
                .iter()
                .filter(|disk| has_vote(disk, disk))
                .max_by_key(|disk| disk.log.len());
            let leads = best.and_then(|best| {
                let voters = best.members.iter().filter(|it| !it.learner).count();
                let run: Vec<u64> = running
                    .iter()
                    .filter(|disk| has_vote(disk, best))
                    .map(|disk| disk.id)
                    .collect();
                (run.len() >= quorum(voters)).then(|| (best.clone(), run))
            });
            let Some((best, run)) = leads else {
                self.leaders.remove(&cluster);
                continue;
            };
            let leader = self.leaders.get(&cluster).copied();
            let leader = leader.filter(|id| run.contains(id)).unwrap_or(best.id);
            self.leaders.insert(cluster, leader);
            let mut members = best.members;
            // Each tells its own URL to the others, once there is a quorum.
            for member in members.iter_mut().filter(|member| member.client_urls.is_empty()) {
                let told = running.iter().flat_map(|disk| &disk.members);
                let mut told = told.filter(|it| it.id == member.id && !it.client_urls.is_empty());
                if let Some(told) = told.next() {
                    member.client_urls.clone_from(&told.client_urls);
                }
            }
            for disk in self.running_disks(cluster) {
                disk.log.clone_from(&best.log);
                disk.members.clone_from(&members);
            }
        }
    }

    /// All that run hear of a change of members; who is out ends.
    fn change(&mut self, cluster: u64, change: impl Fn(&mut Vec<Member>)) {
        let mut out = Vec::new();
        for disk in self.running_disks(cluster) {
            change(&mut disk.members);
            if disk.members.iter().all(|it| it.id != hexadecimal(disk.id)) {
                disk.removed = true;
                out.push(disk.id);
            }
        }
        let disks = &self.disks;
        self.running.retain(|_, key| !out.contains(&disks[key].id));
        self.settle();
    }
}

/// Data of a member that is there from the beginning.
fn founder(cluster: u64, initial_cluster: &[String], order: &Order) -> Result<Disk, String> {
    let named = split(initial_cluster);
    local_name(&named, order)?;
    let member = |(name, url): &(String, String)| Member {
        id: hexadecimal(hashed((cluster, url))),
        name: name.clone(),
        peer_urls: vec![url.clone()],
        client_urls: Vec::new(),
        learner: false,
    };
    let members = named.iter().map(member).collect();
    let id = hashed((cluster, &order.peer_url));
    Ok(Disk { cluster, id, members, ..Disk::default() })
}

fn local_name(named: &[(String, String)], order: &Order) -> Result<(), String> {
    if named.iter().any(|(name, url)| *name == order.name && *url == order.peer_url) {
        return Ok(());
    }
    Err(format!("couldn't find local name {:?} in the initial cluster configuration", order.name))
}
