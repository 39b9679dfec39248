//! What a member in memory answers.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::{Disk, FakeCluster, Saved, State, hashed};
use crate::api::{Api, EtcdError, Written, hexadecimal, number};
use crate::rules::quorum;
use crate::snapshot;
use crate::view::{Alarm, Member, View};

/// A member in memory, whether it runs or not.
#[derive(Debug)]
pub struct FakeMember {
    cluster: FakeCluster,
    peer_url: String,
}

impl FakeMember {
    pub(super) fn new(cluster: FakeCluster, peer_url: &str) -> Self {
        Self { cluster, peer_url: peer_url.to_owned() }
    }

    fn unreachable(&self) -> EtcdError {
        let why = "error trying to connect: Connection refused (os error 111)".to_owned();
        EtcdError::Unreachable { url: self.peer_url.clone(), why }
    }

    /// Its own data.
    fn disk<'s>(&self, state: &'s State) -> Result<&'s Disk, EtcdError> {
        let key = state.running.get(&self.peer_url);
        key.and_then(|key| state.disks.get(key)).ok_or_else(|| self.unreachable())
    }

    /// Its own data, where it has a vote.
    fn voter<'s>(&self, state: &'s State) -> Result<&'s Disk, EtcdError> {
        let disk = self.disk(state)?;
        if is_learner(disk) {
            return Err(EtcdError::of_message("etcdserver: rpc not supported for learner"));
        }
        Ok(disk)
    }

    /// Its own data, where members can agree.
    fn agreeing<'s>(&self, state: &'s State) -> Result<&'s Disk, EtcdError> {
        let disk = self.voter(state)?;
        if state.leaders.contains_key(&disk.cluster) {
            return Ok(disk);
        }
        Err(EtcdError::of_message("context deadline exceeded"))
    }
}

fn is_learner(disk: &Disk) -> bool {
    disk.members.iter().any(|it| it.id == hexadecimal(disk.id) && it.learner)
}

/// A change is refused while something has just changed.
fn unsettled(state: &mut State) -> Result<(), EtcdError> {
    if state.unsettled == 0 {
        return Ok(());
    }
    state.unsettled -= 1;
    Err(EtcdError::of_message("etcdserver: unhealthy cluster"))
}

/// How many of these run.
fn run(state: &State, cluster: u64, voters: &[&Member]) -> usize {
    let runs = |member: &&&Member| {
        state.running.values().any(|key| {
            let disk = &state.disks[key];
            disk.cluster == cluster && hexadecimal(disk.id) == member.id
        })
    };
    voters.iter().filter(runs).count()
}

impl Api for FakeMember {
    fn view(&self) -> Result<View, EtcdError> {
        let state = self.cluster.state();
        let disk = self.disk(&state)?;
        let leader = state.leaders.get(&disk.cluster);
        let learner = is_learner(disk);
        let complaints =
            if leader.is_none() { vec!["etcdserver: no leader".to_owned()] } else { Vec::new() };
        Ok(View {
            version: "3.6.6".to_owned(),
            cluster: hexadecimal(disk.cluster),
            member: hexadecimal(disk.id),
            leader: leader.map(|id| hexadecimal(*id)),
            learner,
            healthy: leader.is_some() && state.alarms.is_empty(),
            complaints,
            alarms: if leader.is_some() && !learner { state.alarms.clone() } else { Vec::new() },
            revision: i64::try_from(disk.log.len() + 1).unwrap_or(i64::MAX),
            db_bytes: 20480,
            members: if learner { Vec::new() } else { disk.members.clone() },
        })
    }

    fn members(&self) -> Result<Vec<Member>, EtcdError> {
        let state = self.cluster.state();
        Ok(self.agreeing(&state)?.members.clone())
    }

    fn member_add_learner(&self, peer_url: &str) -> Result<String, EtcdError> {
        let state = &mut *self.cluster.state();
        let disk = self.agreeing(state)?.clone();
        if disk.members.iter().any(|it| it.learner) {
            return Err(EtcdError::TooManyLearners);
        }
        if disk.members.iter().any(|it| it.peer_urls.iter().any(|url| url == peer_url)) {
            return Err(EtcdError::of_message("etcdserver: Peer URLs already exists"));
        }
        let voters: Vec<&Member> = disk.members.iter().filter(|it| !it.learner).collect();
        if run(state, disk.cluster, &voters) < voters.len() {
            return Err(EtcdError::of_message("etcdserver: unhealthy cluster"));
        }
        unsettled(state)?;
        state.added += 1;
        let id = hexadecimal(hashed((disk.cluster, peer_url, state.added)));
        let new = Member {
            id: id.clone(),
            peer_urls: vec![peer_url.to_owned()],
            learner: true,
            ..Member::default()
        };
        state.change(disk.cluster, |members| members.push(new.clone()));
        Ok(id)
    }

    fn member_promote(&self, id: &str) -> Result<(), EtcdError> {
        let id = number(id)?;
        let state = &mut *self.cluster.state();
        let disk = self.agreeing(state)?.clone();
        let member = disk.members.iter().find(|it| it.id == hexadecimal(id));
        let member = member.ok_or(EtcdError::NotFound)?;
        if !member.learner {
            return Err(EtcdError::of_message("etcdserver: can only promote a learner member"));
        }
        let behind = state.behind.entry(id).or_default();
        let is_behind = *behind > 0;
        *behind = behind.saturating_sub(1);
        if is_behind || run(state, disk.cluster, &[member]) == 0 {
            return Err(EtcdError::NotInSync);
        }
        state.change(disk.cluster, |members| {
            for member in members.iter_mut().filter(|it| it.id == hexadecimal(id)) {
                member.learner = false;
            }
        });
        Ok(())
    }

    fn member_remove(&self, id: &str) -> Result<(), EtcdError> {
        let id = hexadecimal(number(id)?);
        let state = &mut *self.cluster.state();
        let disk = self.agreeing(state)?.clone();
        let member = disk.members.iter().find(|it| it.id == id).ok_or(EtcdError::NotFound)?;
        let others: Vec<&Member> =
            disk.members.iter().filter(|it| !it.learner && it.id != id).collect();
        if !member.learner
            && !state.is_lenient
            && run(state, disk.cluster, &others) < quorum(others.len())
        {
            return Err(EtcdError::of_message("etcdserver: unhealthy cluster"));
        }
        unsettled(state)?;
        state.change(disk.cluster, |members| members.retain(|it| it.id != id));
        Ok(())
    }

    fn move_leader(&self, to: &str) -> Result<(), EtcdError> {
        let to = number(to)?;
        let state = &mut *self.cluster.state();
        let disk = self.agreeing(state)?.clone();
        if state.leaders.get(&disk.cluster) != Some(&disk.id) {
            return Err(EtcdError::of_message("etcdserver: not leader"));
        }
        let target = disk.members.iter().find(|it| it.id == hexadecimal(to) && !it.learner);
        if target.is_none_or(|target| run(state, disk.cluster, &[target]) == 0) {
            return Err(EtcdError::of_message("etcdserver: bad leader transferee"));
        }
        state.leaders.insert(disk.cluster, to);
        Ok(())
    }

    fn snapshot(&self, to: &mut dyn Write) -> Result<Written, EtcdError> {
        let state = self.cluster.state();
        let disk = self.voter(&state)?;
        let mut content = serde_json::to_vec(&Saved { log: disk.log.clone() })
            .map_err(|error| EtcdError::Broken(error.to_string()))?;
        content.resize(content.len().next_multiple_of(snapshot::PAGE), b' ');
        let checksum = Sha256::digest(&content);
        content.extend_from_slice(&checksum);
        to.write_all(&content)?;
        to.flush()?;
        let digest = Sha256::digest(&content);
        Ok(Written {
            bytes: content.len() as u64,
            sha256: format!("{digest:x}"),
            revision: i64::try_from(disk.log.len() + 1).unwrap_or(i64::MAX),
        })
    }

    fn alarms(&self) -> Result<Vec<Alarm>, EtcdError> {
        let state = self.cluster.state();
        self.agreeing(&state).map(|_| state.alarms.clone())
    }
}
