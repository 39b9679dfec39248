//! Hosts with members of a cluster in memory, that a desk may lose at every call.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use etcd::{Api, EtcdError, FakeCluster, Order};
use node_bootstrap::agent::{
    Answer, ClusterState, Done, EtcdHere, EtcdRequest, Event, Failure, FailureKind, ManifestPlace,
    Request, Snapshot, Survey,
};

use crate::etcd::{Goal, OrderError, Orders, Pace, Report, Situation};
use crate::{Contact, ContactError, News, Watch};

/// What a host has of etcd.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(super) struct Disk {
    pub(super) manifest: ManifestPlace,
    pub(super) initial_cluster: Vec<String>,
    pub(super) existing: bool,
    pub(super) data: Option<String>,
    pub(super) old_data: Vec<String>,
    pub(super) kept_data: Vec<String>,
    pub(super) api_server: Vec<String>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Whether nobody reaches it, though its member goes on.
    pub(super) away: bool,
    /// Whether it has no program that restores snapshots.
    pub(super) has_no_tool: bool,
    /// Whether its member ends whenever it is started.
    pub(super) sick: bool,
}

/// When the desk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dies {
    Never,
    /// Before a host hears of this call.
    Before(usize),
    /// When the host has done it, and before the desk hears of that.
    After(usize),
}

/// What somebody else does.
type Meanwhile = Box<dyn FnOnce(&World) + Send>;

pub(super) struct World {
    pub(super) cluster: FakeCluster,
    hosts: Mutex<BTreeMap<String, Disk>>,
    calls: AtomicUsize,
    written: AtomicUsize,
    dies: Dies,
    meanwhile: Mutex<Option<(usize, Meanwhile)>>,
    /// Writes after a snapshot, before all else was lost: to restore gives them up.
    pub(super) given_up: Range<usize>,
    pub(super) said: Mutex<Vec<String>>,
}

fn address(name: &str) -> String {
    format!("10.10.0.{}", name.trim_start_matches('m'))
}

fn peer_url(name: &str) -> String {
    format!("https://{}:2380", address(name))
}

fn client_url(name: &str) -> String {
    format!("https://{}:2379", address(name))
}

fn failed(error: impl std::fmt::Display) -> ContactError {
    let message = error.to_string();
    ContactError::Host(Failure { kind: FailureKind::Failed, message, changes: 0 })
}

impl World {
    /// Members on `m1`, `m11`, `m12`, ...: their addresses all begin alike.
    pub(super) fn of(count: usize) -> Self {
        let name = |number: usize| match number {
            0 => "m1".to_owned(),
            more => format!("m1{more}"),
        };
        let names: Vec<String> = (0..count).map(name).collect();
        let all: Vec<String> =
            names.iter().map(|name| format!("{name}={}", peer_url(name))).collect();
        let disk = || Disk {
            manifest: ManifestPlace::InPlace,
            initial_cluster: all.clone(),
            api_server: names.iter().map(|name| client_url(name)).collect(),
            ..Disk::default()
        };
        let hosts = names.iter().map(|name| (name.clone(), disk())).collect();
        let world = Self {
            cluster: FakeCluster::new(),
            hosts: Mutex::new(hosts),
            calls: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            dies: Dies::Never,
            meanwhile: Mutex::default(),
            given_up: 0..0,
            said: Mutex::default(),
        };
        world.kubelets(&mut world.hosts());
        world.write();
        world
    }

    pub(super) fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Disk>> {
        self.hosts.lock().unwrap()
    }

    pub(super) fn has_calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// From now on the desk goes then.
    pub(super) fn desk(&mut self, dies: Dies) {
        self.dies = dies;
        self.calls = AtomicUsize::new(0);
    }

    /// Somebody else does this when the desk has made so many calls more, before a host hears of the next one.
    pub(super) fn meanwhile(&self, calls: usize, what: impl FnOnce(&Self) + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some((self.has_calls() + calls, Box::new(what)));
    }

    fn others(&self) {
        let mut meanwhile = self.meanwhile.lock().unwrap();
        let now = meanwhile.take_if(|(at, _)| self.has_calls() >= *at);
        drop(meanwhile);
        if let Some((_, what)) = now {
            what(self);
        }
    }

    /// Ends a process. It is started again, if it can be.
    pub(super) fn kill(&self, name: &str) {
        self.cluster.kill(&peer_url(name));
    }

    /// Deletes the data of a member, and ends its process.
    pub(super) fn wipe(&self, name: &str) {
        self.kill(name);
        self.hosts().get_mut(name).unwrap().data = None;
    }

    /// A member that ends whenever it is started, with its data.
    pub(super) fn sicken(&self, name: &str) {
        self.hosts().get_mut(name).unwrap().sick = true;
        self.kill(name);
    }

    /// The one that leads.
    pub(super) fn leader(&self) -> String {
        let hosts = self.hosts();
        let views =
            hosts.keys().filter_map(|name| self.cluster.member(&peer_url(name)).view().ok());
        let mut of = views.filter_map(|view| {
            let leader = view.leader?;
            Some(view.members.into_iter().find(|member| member.id == leader)?.name)
        });
        of.next().unwrap()
    }

    /// How many writes there were.
    pub(super) fn writes(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }

    /// Acknowledged writes that are lost, and not given up.
    pub(super) fn lost(&self) -> Vec<String> {
        let number = |write: &str| write.rsplit(' ').next().unwrap().parse().unwrap();
        let lost = self.cluster.lost().into_iter();
        lost.filter(|write| !self.given_up.contains(&number(write))).collect()
    }

    pub(super) fn write(&self) {
        let number = self.written.fetch_add(1, Ordering::SeqCst);
        // Without a quorum it is not acknowledged.
        let _ = self.cluster.write(&format!("write {number}"));
    }

    /// What every host is, for a comparison.
    pub(super) fn state(&self) -> Vec<String> {
        let situation = self.orders(|orders: &Orders<'_>| Orders::survey(orders));
        let lines = situation.hosts.iter().map(|host| {
            let Ok(here) = &host.here else { return format!("{}: away", host.name) };
            let view = here.view.as_ref().map(|view| (view.healthy, view.learner));
            format!(
                "{}: {:?}, data {}, old data {}, kept data {}, healthy and learner {view:?}, API server {}",
                host.name,
                here.manifest,
                here.has_data,
                here.has_old_data,
                here.has_kept_data,
                here.api_server.join(",")
            )
        });
        lines.collect()
    }

    pub(super) fn orders<R>(&self, work: impl FnOnce(&Orders<'_>) -> R) -> R {
        let hosts: Vec<(String, String)> =
            self.hosts().keys().map(|name| (name.clone(), address(name))).collect();
        let snapshot = self.hosts().values().find_map(|disk| disk.files.get("/snapshot").cloned());
        let none = Duration::ZERO;
        let pace = Pace { whole: Duration::from_mins(1), pause: none, settle: none, rounds: 200 };
        let snapshot = snapshot.as_deref();
        work(&Orders { contact: self, watch: self, hosts: &hosts, snapshot, pace })
    }

    pub(super) fn run(&self, goal: &Goal) -> Result<Report, OrderError> {
        self.orders(|orders| orders.carry_out(goal))
    }

    pub(super) fn survey(&self) -> Situation {
        self.orders(|orders: &Orders<'_>| Orders::survey(orders))
    }

    /// Members whose manifest is in place are started, as the kubelet does.
    fn kubelets(&self, hosts: &mut BTreeMap<String, Disk>) {
        for (name, disk) in hosts {
            let url = peer_url(name);
            if disk.manifest != ManifestPlace::InPlace || disk.sick {
                self.cluster.kill(&url);
            } else if !self.cluster.runs(&url) {
                let order = Order {
                    name: name.clone(),
                    peer_url: url,
                    client_url: client_url(name),
                    initial_cluster: disk.initial_cluster.clone(),
                    existing: disk.existing,
                    data: disk.data.clone(),
                };
                if let Ok(data) = self.cluster.start(&order) {
                    disk.data = Some(data);
                }
            }
        }
    }

    fn here(&self, name: &str, disk: &Disk) -> EtcdHere {
        let view = self.cluster.member(&peer_url(name)).view();
        EtcdHere {
            manifest: disk.manifest,
            name: name.to_owned(),
            peer_url: peer_url(name),
            client_url: client_url(name),
            has_data: disk.data.is_some(),
            has_old_data: !disk.old_data.is_empty(),
            has_kept_data: !disk.kept_data.is_empty(),
            silence: view.as_ref().err().map(ToString::to_string),
            view: view.ok(),
            api_server: disk.api_server.clone(),
        }
    }

    fn serve(
        &self,
        hosts: &mut BTreeMap<String, Disk>,
        name: &str,
        request: &EtcdRequest,
    ) -> Result<Answer, ContactError> {
        let member = self.cluster.member(&peer_url(name));
        let disk = hosts.get_mut(name).unwrap();
        let done = Ok(Answer::Done(Done { changes: 1, reboot: Vec::new() }));
        match request {
            EtcdRequest::Snapshot { path } => {
                let mut content = Vec::new();
                let written = member.snapshot(&mut content).map_err(failed)?;
                disk.files.insert(path.clone(), content);
                return Ok(Answer::Snapshot(Snapshot {
                    path: path.clone(),
                    bytes: written.bytes,
                    sha256: written.sha256,
                    revision: written.revision,
                }));
            }
            EtcdRequest::Remove { decided_on, .. }
            | EtcdRequest::AddLearner { decided_on, .. }
            | EtcdRequest::Promote { decided_on, .. }
                if member.members().is_ok_and(|now| !etcd::rules::unchanged(&now, decided_on)) =>
            {
                let message = "the members have changed since: run it again".to_owned();
                let kind = FailureKind::Refused;
                return Err(ContactError::Host(Failure { kind, message, changes: 0 }));
            }
            EtcdRequest::Remove { id, .. } => match patiently(|| member.member_remove(id)) {
                Ok(()) | Err(EtcdError::NotFound) => {}
                Err(error) => return Err(failed(error)),
            },
            EtcdRequest::AddLearner { peer_url, .. } => {
                let id = patiently(|| member.member_add_learner(peer_url)).map_err(failed)?;
                return Ok(Answer::Member(id));
            }
            EtcdRequest::Promote { id, .. } => {
                patiently(|| member.member_promote(id)).map_err(failed)?;
            }
            EtcdRequest::HandOver { to } => member.move_leader(to).map_err(failed)?,
            EtcdRequest::Park => disk.manifest = ManifestPlace::Parked,
            EtcdRequest::PutDataAway { keep } => {
                assert_eq!(disk.manifest, ManifestPlace::Parked);
                let away = if *keep { &mut disk.kept_data } else { &mut disk.old_data };
                away.extend(disk.data.take());
            }
            EtcdRequest::DropOldData => disk.old_data.clear(),
            EtcdRequest::Start { initial_cluster, state, .. } => {
                // A new process on a clean disk is well again.
                disk.sick = false;
                disk.initial_cluster.clone_from(initial_cluster);
                disk.existing = *state == ClusterState::Existing;
                disk.manifest = ManifestPlace::InPlace;
                self.kubelets(hosts);
                if !self.cluster.runs(&peer_url(name)) {
                    return Err(failed("the member does not answer"));
                }
            }
            EtcdRequest::CanRestore { .. } if disk.has_no_tool => {
                let message = "nothing on this host can restore a snapshot".to_owned();
                let kind = FailureKind::Refused;
                return Err(ContactError::Host(Failure { kind, message, changes: 0 }));
            }
            EtcdRequest::CanRestore { path } => assert!(disk.files.contains_key(path)),
            EtcdRequest::Restore { path, initial_cluster, token } => {
                assert_eq!(disk.data, None);
                let snapshot = disk.files.get(path).ok_or_else(|| failed("no snapshot"))?;
                let data = FakeCluster::restored(snapshot, name, initial_cluster, token);
                disk.data = Some(data.map_err(failed)?);
            }
            EtcdRequest::ApiServer { servers } => disk.api_server.clone_from(servers),
        }
        done
    }

    /// Counts a call, and says whether the desk is there before and after it.
    fn counted(&self) -> (bool, bool) {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        match self.dies {
            Dies::Never => (true, true),
            Dies::Before(at) => (number < at, number < at),
            Dies::After(at) => (number <= at, number < at),
        }
    }
}

fn patiently<T>(mut call: impl FnMut() -> Result<T, EtcdError>) -> Result<T, EtcdError> {
    for _ in 0..10 {
        match call() {
            Err(error) if error.may_pass() => {}
            other => return other,
        }
    }
    call()
}

fn gone() -> ContactError {
    ContactError::Broken("the desk is gone".to_owned())
}

impl Contact for World {
    fn call(
        &self,
        name: &str,
        request: &Request,
        _: Duration,
        _: &mut dyn FnMut(&Event),
    ) -> Result<Answer, ContactError> {
        if matches!(request, Request::Etcd(_)) {
            self.others();
        }
        let hosts = &mut *self.hosts();
        self.kubelets(hosts);
        self.write();
        if hosts[name].away {
            return Err(ContactError::Unreachable("no route to host".to_owned()));
        }
        // Only what changes something is counted: to look does nothing.
        let (before, after) = match request {
            Request::Survey { .. } => match self.dies {
                Dies::Before(at) | Dies::After(at) if self.has_calls() > at => (false, false),
                _ => (true, true),
            },
            _ => self.counted(),
        };
        if !before {
            return Err(gone());
        }
        let answer = match request {
            Request::Survey { .. } => {
                let etcd = Some(self.here(name, &hosts[name]));
                Ok(Answer::Survey(Box::new(Survey { etcd, ..Survey::default() })))
            }
            Request::Etcd(request) => self.serve(hosts, name, request),
            other => panic!("{other:?}"),
        };
        self.kubelets(hosts);
        if after { answer } else { Err(gone()) }
    }

    fn fetch(&self, host: &str, path: &str, to: &mut dyn Write) -> Result<u64, ContactError> {
        let hosts = self.hosts();
        let content = hosts[host].files.get(path).ok_or_else(|| failed("no such file"))?;
        to.write_all(content).map_err(failed)?;
        Ok(content.len() as u64)
    }

    fn put(&self, host: &str, path: &str, content: &[u8]) -> Result<(), ContactError> {
        let (before, after) = self.counted();
        if !before {
            return Err(gone());
        }
        let mut hosts = self.hosts();
        hosts.get_mut(host).unwrap().files.insert(path.to_owned(), content.to_vec());
        if after { Ok(()) } else { Err(gone()) }
    }
}

impl Watch for World {
    fn hear(&self, news: &News<'_>) {
        let line = match news {
            News::Begun { .. } | News::Event { .. } => return,
            News::Done { host, what } => format!("{host}: {what}"),
            News::Failed { host, what, why } => format!("{host}: {what}: {why}"),
            News::Phase(text) | News::Note(text) => (*text).to_owned(),
        };
        self.said.lock().unwrap().push(line);
    }
}
