//! A plan is carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use node_bootstrap::agent::{
    Answer, EtcdRequest, Event, EventKind, Failure, FailureKind, KubernetesNode, Request, Standing,
    Survey, Wish,
};
use node_bootstrap::cluster::Invitation;
use serde::Serialize;
use topology::Inventory;
use topology::inventory::{Host, HostRole};

use crate::ask::{WORK, ask_within};
use crate::contact::{Contact, ContactError};
use crate::etcd::{Goal, OrderError, Orders, Pace};
use crate::kubectl;
use crate::plan::{Action, Order, Phase, Plan, Task};
use crate::pool::each;
use crate::survey::{Seen, Surveys};
use crate::watch::{News, Watch};

/// How long preparing a host may take: packages are fetched meanwhile.
const APPLY: Duration = Duration::from_mins(40);
/// How long kubeadm may take, with the node to become Ready.
const JOIN: Duration = Duration::from_mins(20);
/// How long a token is valid that hosts of one run join with.
const TOKEN: Duration = Duration::from_hours(2);
/// How long it may take to take such tokens away.
const ENDING: Duration = Duration::from_mins(1);

/// What plans are carried out with.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The hosts.
    pub contact: &'a dyn Contact,
    /// The cluster.
    pub inventory: &'a Inventory,
    /// What its hosts shall be.
    pub wishes: &'a BTreeMap<String, Wish>,
    /// What they said they are.
    pub surveys: &'a Surveys,
    /// Who watches.
    pub watch: &'a dyn Watch,
    /// How many hosts work at once.
    pub at_once: usize,
    /// How long a node may take to become Ready.
    pub wait: Duration,
    /// What tells the snapshots of this run from those of others, such as `20260131-120000`.
    pub now: &'a str,
    /// How patient it is with members of etcd.
    pub pace: Pace,
}

impl std::fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("at_once", &self.at_once).finish_non_exhaustive()
    }
}

/// What became of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// How many tasks were done.
    pub done: usize,
    /// How many were not begun.
    pub left: usize,
    /// Tasks that failed.
    pub failures: Vec<FailedTask>,
    /// Hosts that have to be started again, and why.
    pub reboot: BTreeMap<String, Vec<String>>,
    /// Whether it was stopped.
    pub stopped: bool,
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedTask {
    /// The host.
    pub host: String,
    /// What it was to do.
    pub what: String,
    /// Why it did not, and how to mend it.
    pub why: String,
}

impl Outcome {
    /// Whether all was done.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.left == 0 && self.failures.is_empty() && !self.stopped
    }
}

/// Carries a plan out, phase by phase. What was done stays, whatever happens; the same command again goes on from there.
///
/// What hosts have joined with is taken away at the end, whatever happened.
///
/// Where a control plane or a proxy fails, nothing more is begun. A worker that fails is left out from then on.
#[must_use]
pub fn carry_out(work: Work<'_>, plan: &Plan) -> Outcome {
    let run = Run {
        work,
        outcome: Mutex::new(Outcome::default()),
        dropped: Mutex::new(BTreeSet::new()),
        leaving: leaving(plan),
        takes_control_planes: plan.tasks().any(|task| joins_as_control_plane(work.inventory, task)),
        invitation: Mutex::new(None),
        tokens: Mutex::new(Vec::new()),
        speaker: Mutex::new(None),
    };
    let mut ended = false;
    for phase in &plan.phases {
        if ended || work.watch.stopped() {
            break;
        }
        work.watch.hear(&News::Phase(&phase.name));
        ended = !run.phase(phase);
    }
    run.end_tokens();
    let mut outcome = run.outcome.into_inner().unwrap_or_default();
    let all = plan.tasks().count();
    outcome.left = all.saturating_sub(outcome.done + outcome.failures.len());
    outcome.stopped = work.watch.stopped() && outcome.left > 0;
    outcome
}

struct Run<'a> {
    work: Work<'a>,
    outcome: Mutex<Outcome>,
    /// Hosts that are left out.
    dropped: Mutex<BTreeSet<String>>,
    /// Hosts that the plan takes out of the cluster.
    leaving: BTreeSet<String>,
    /// Whether control planes join.
    takes_control_planes: bool,
    /// When it was made.
    invitation: Mutex<Option<(Instant, Invitation)>>,
    /// Tokens that were made in this run, by their public parts, and on which hosts.
    tokens: Mutex<Vec<(String, Vec<String>)>>,
    /// The control plane that began the cluster in this run.
    speaker: Mutex<Option<String>>,
}

/// Hosts that stop to be what they are in the course of a plan: nobody is asked through them.
fn leaving(plan: &Plan) -> BTreeSet<String> {
    let leaves = |task: &&Task| {
        let action = &task.action;
        matches!(action, Action::Reset { .. } | Action::LeaveEtcd { .. } | Action::DeleteNode)
    };
    plan.tasks().filter(leaves).map(|task| task.host.clone()).collect()
}

/// Whether a task takes a control plane into the cluster.
fn joins_as_control_plane(inventory: &Inventory, task: &Task) -> bool {
    task.action == Action::Join
        && inventory.with_role(HostRole::ControlPlane).any(|host| host.name == task.host)
}

/// A lock that another thread died with still holds what is needed.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Run<'_> {
    /// Answers whether what follows may begin.
    fn phase(&self, phase: &Phase) -> bool {
        // The tasks of one host follow each other in any case.
        let mut by_host: Vec<Vec<&Task>> = Vec::new();
        for task in &phase.tasks {
            match by_host.iter_mut().find(|tasks| tasks[0].host == task.host) {
                Some(tasks) => tasks.push(task),
                None => by_host.push(vec![task]),
            }
        }
        match phase.order {
            Order::OneByOne => by_host.iter().all(|tasks| self.chain(tasks)),
            Order::Together => {
                let ends = each(self.work.at_once, &by_host, |tasks| {
                    self.chain(tasks) || tasks[0].role == HostRole::Worker
                });
                ends.into_iter().all(|end| end)
            }
        }
    }

    /// Answers whether all was done.
    fn chain(&self, tasks: &[&Task]) -> bool {
        for task in tasks {
            if self.work.watch.stopped() {
                return false;
            }
            if locked(&self.dropped).contains(&task.host) {
                // It was told when that happened.
                return task.role == HostRole::Worker;
            }
            let what = task.action.to_string();
            self.work.watch.hear(&News::Begun { host: &task.host, what: &what });
            match self.task(task) {
                Ok(()) => {
                    self.work.watch.hear(&News::Done { host: &task.host, what: &what });
                    locked(&self.outcome).done += 1;
                }
                // It was not begun, or only waited for: nothing failed.
                Err(ContactError::Host(failure))
                    if failure.kind == FailureKind::Stopped && self.work.watch.stopped() =>
                {
                    let text = format!("{}: {failure}", task.host);
                    self.work.watch.hear(&News::Note(&text));
                    return false;
                }
                Err(error) => {
                    let why = error.to_string();
                    let host = &task.host;
                    self.work.watch.hear(&News::Failed { host, what: &what, why: &why });
                    locked(&self.dropped).insert(host.clone());
                    let failed = FailedTask { host: host.clone(), what, why };
                    locked(&self.outcome).failures.push(failed);
                    return false;
                }
            }
        }
        true
    }

    fn task(&self, task: &Task) -> Result<(), ContactError> {
        let name = &task.host;
        match &task.action {
            Action::Apply { .. } => {
                let wish = self.wish(name)?;
                self.done(name, &Request::Apply { wish }, APPLY)
            }
            Action::Init | Action::Follow => {
                let request = Request::Init { wish: self.wish(name)?, wait: self.work.wait };
                self.done(name, &request, JOIN + self.work.wait)?;
                *locked(&self.speaker) = Some(name.clone());
                Ok(())
            }
            Action::Join => {
                let mut invitation = self.invitation()?;
                if task.role != HostRole::ControlPlane {
                    invitation.certificate_key = None;
                }
                let wish = self.wish(name)?;
                let request = Request::Join { wish, invitation, wait: self.work.wait };
                self.done(name, &request, JOIN + self.work.wait)
            }
            Action::ClearEtcd | Action::LeaveEtcd { .. } => self.etcd(task),
            Action::Reset { with_data } => {
                let request = Request::Reset { wish: self.wish(name)?, with_data: *with_data };
                self.done(name, &request, WORK)
            }
            Action::Undo => self.done(name, &Request::Undo, APPLY),
            Action::Restart { units } => {
                self.done(name, &Request::Restart { units: units.clone() }, WORK)
            }
            Action::Snapshot { path } => {
                let request = Request::Etcd(EtcdRequest::Snapshot { path: path.clone() });
                self.ask(name, &request, WORK).map(drop)
            }
            Action::Upgrade { part, .. } => {
                let request = Request::Upgrade { wish: self.wish(name)?, part: *part };
                self.done(name, &request, APPLY)
            }
            Action::Renew => self.done(name, &Request::RenewCertificates, WORK),
            Action::RenewFiles => self.done(name, &Request::RenewFiles, WORK),
            Action::ReadCertificates => self.done(name, &Request::ReadCertificates, WORK),
            Action::WaitReady { version: Some(version) } => self.ready_with(name, version),
            Action::WaitApi { url } => self.api(name, url),
            Action::WaitServer => self.server(name),
            Action::Label { .. }
            | Action::Cordon { .. }
            | Action::Drain(_)
            | Action::Uncordon
            | Action::WaitReady { version: None }
            | Action::DeleteNode => self.node(task),
        }
    }

    /// What is done with a node through the API: several calls of kubectl on a control plane.
    fn node(&self, task: &Task) -> Result<(), ContactError> {
        let speaker = self.speaker(&task.host)?;
        for arguments in kubectl::arguments(&task.action, &task.host, self.work.wait) {
            let limit = kubectl::limit(&task.action, self.work.wait);
            let request = Request::Kubectl { arguments, input: None, limit };
            let mut tell = |event: &Event| {
                self.work.watch.hear(&News::Event { host: &task.host, event });
            };
            let begun = Instant::now();
            let answer = loop {
                let answer = self.work.contact.call(&speaker, &request, limit + WORK, &mut tell)?;
                let is_over = begun.elapsed() >= self.work.wait || self.work.watch.stopped();
                // A kubelet that was started again may start the API server again, too.
                if is_over || !kubectl::is_too_early(&answer) {
                    break answer;
                }
                thread::sleep(self.work.pace.pause);
            };
            kubectl::succeeded(&task.action, answer)?;
        }
        Ok(())
    }

    /// Waits until a node is Ready with a kubelet of a version: what the former one said stands for a while.
    fn ready_with(&self, node: &str, version: &str) -> Result<(), ContactError> {
        let begun = Instant::now();
        let wanted = format!("{version}.");
        let request = Request::Survey { wish: None, nodes: true, findings: false };
        loop {
            let answer = self.ask(&self.speaker(node)?, &request, WORK);
            let found = match &answer {
                Ok(Answer::Survey(survey)) => {
                    survey.nodes.iter().flatten().find(|found| found.name == node)
                }
                _ => None,
            };
            let fits = |found: &KubernetesNode| {
                found.version == version || found.version.starts_with(&wanted)
            };
            if found.is_some_and(|found| found.ready && fits(found)) {
                return Ok(());
            }
            if begun.elapsed() >= self.work.wait {
                let state = match (found, &answer) {
                    (Some(found), _) if !fits(found) => format!("its kubelet is {}", found.version),
                    (Some(found), _) => found.message.clone(),
                    (None, Err(error)) => error.to_string(),
                    (None, Ok(_)) => "the API did not tell of it".to_owned(),
                };
                let message = format!(
                    "the node {node} is not Ready with kubelet {version} after {} s: {state}; see `journalctl -u kubelet` there",
                    self.work.wait.as_secs()
                );
                return Err(Failure::failed(message).into());
            }
            self.pause()?;
        }
    }

    /// Between two looks. Whoever is asked to stop waits no more.
    fn pause(&self) -> Result<(), ContactError> {
        if self.work.watch.stopped() {
            let message = "stopped while it was waited for".to_owned();
            return Err(Failure { kind: FailureKind::Stopped, message, changes: 0 }.into());
        }
        thread::sleep(self.work.pace.pause);
        Ok(())
    }

    /// Waits until an API server answers a control plane at the address that all use.
    fn api(&self, host: &str, url: &str) -> Result<(), ContactError> {
        let limit = self.work.wait;
        let answers =
            |survey: &Survey| matches!(survey.standing, Standing::Node { answers: true, .. });
        self.until(host, limit, &answers, &|| {
            format!(
                "{url} does not answer after {} s; look at `journalctl -u haproxy` on the proxies, at who has this address, and at the \
                 way there",
                limit.as_secs()
            )
        })
    }

    /// Waits until the API server of a host answers. The kubelet may wait for five minutes before it starts again what has failed
    /// often.
    fn server(&self, host: &str) -> Result<(), ContactError> {
        let limit = self.work.wait * 2;
        self.until(host, limit, &|survey| survey.serves, &|| {
            format!(
                "the API server of {host} does not answer after {} s; look at `crictl ps -a` and `journalctl -u kubelet` there",
                limit.as_secs()
            )
        })
    }

    /// Waits until a host says that it is so; else it is told why not.
    fn until(
        &self,
        host: &str,
        limit: Duration,
        is: &dyn Fn(&Survey) -> bool,
        why: &dyn Fn() -> String,
    ) -> Result<(), ContactError> {
        let begun = Instant::now();
        let request = Request::Survey { wish: None, nodes: false, findings: false };
        loop {
            if let Ok(Answer::Survey(survey)) = self.ask(host, &request, WORK)
                && is(&survey)
            {
                return Ok(());
            }
            if begun.elapsed() >= limit {
                return Err(Failure::failed(why()).into());
            }
            self.pause()?;
        }
    }

    fn etcd(&self, task: &Task) -> Result<(), ContactError> {
        let hosts = members(self.work.inventory);
        let member = hosts.iter().find(|(name, _)| *name == task.host);
        let (host, address) = member.cloned().ok_or_else(|| unknown(&task.host))?;
        let goal = match &task.action {
            Action::LeaveEtcd { force } => {
                Goal::Leave { host, force: *force, snapshot: snapshot_path("leave", self.work.now) }
            }
            _ => Goal::Clear { host, address },
        };
        let orders = Orders {
            contact: self.work.contact,
            watch: self.work.watch,
            hosts: &hosts,
            snapshot: None,
            pace: self.work.pace,
        };
        orders.carry_out(&goal).map(drop).map_err(|error| {
            let kind = match error {
                OrderError::Refused(_) => FailureKind::Refused,
                OrderError::Stopped => FailureKind::Stopped,
                _ => FailureKind::Failed,
            };
            let message = match &error {
                OrderError::Action { source, .. } => format!("{error}: {source}"),
                _ => error.to_string(),
            };
            Failure { kind, message, changes: 0 }.into()
        })
    }

    fn wish(&self, host: &str) -> Result<Box<Wish>, ContactError> {
        let wish = self.work.wishes.get(host);
        wish.map(|wish| Box::new(wish.clone())).ok_or_else(|| unknown(host))
    }

    /// What lets hosts in: made once for a run, and anew before it ends.
    fn invitation(&self) -> Result<Invitation, ContactError> {
        let mut invitation = locked(&self.invitation);
        if let Some((made, invitation)) = &*invitation
            && made.elapsed() < TOKEN / 2
        {
            return Ok(invitation.clone());
        }
        let speaker = self.speaker("")?;
        // Workers need none of the certificates that control planes share.
        let request =
            Request::Invite { control_planes: self.takes_control_planes, lifetime: TOKEN };
        match self.ask(&speaker, &request, WORK)? {
            Answer::Invitation(made) => {
                locked(&self.tokens).push((speaker, made.tokens));
                Ok(invitation.insert((Instant::now(), made.invitation)).1.clone())
            }
            _ => Err(unexpected()),
        }
    }

    /// What let hosts in lets nobody in any more.
    fn end_tokens(&self) {
        for (host, tokens) in locked(&self.tokens).drain(..) {
            let request = Request::EndTokens { tokens: tokens.clone() };
            if let Err(error) = self.ask(&host, &request, ENDING) {
                let text = format!(
                    "{host}: the tokens {}, which hosts joined with, could not be taken away, and end by themselves within {} h: {error}; \
                     `kubeadm token delete` there takes them away now",
                    tokens.join(", "),
                    TOKEN.as_secs() / 3600
                );
                self.work.watch.hear(&News::Note(&text));
            }
        }
    }

    /// A control plane whose API server answers; another one than this host where there is one, since that may be about to leave.
    fn speaker(&self, but: &str) -> Result<String, ContactError> {
        let begun = locked(&self.speaker).clone();
        let seen = Seen { inventory: self.work.inventory, surveys: self.work.surveys };
        let dropped = locked(&self.dropped);
        let answered = seen.control_planes().map(|host| &host.name);
        // Where only the address of the API was silent, it was mended before anything else.
        let speaks = |name: &str| {
            if seen.speaker().is_some() { seen.speaks(name) } else { seen.serves(name) }
        };
        let all: Vec<&String> = begun
            .iter()
            .chain(answered.filter(|name| {
                speaks(name) && !dropped.contains(*name) && !self.leaving.contains(*name)
            }))
            .collect();
        let found = all.iter().find(|name| **name != but).or(all.first());
        let found = found.ok_or_else(|| {
            ContactError::Unusable("no control plane answers that could be asked".to_owned())
        })?;
        Ok((*found).clone())
    }

    fn ask(&self, host: &str, request: &Request, limit: Duration) -> Result<Answer, ContactError> {
        ask_within(self.work.contact, host, request, limit, self.work.watch)
    }

    fn done(&self, host: &str, request: &Request, limit: Duration) -> Result<(), ContactError> {
        let Answer::Done(done) = self.ask(host, request, limit)? else { return Err(unexpected()) };
        if done.reboot.is_empty() {
            return Ok(());
        }
        for why in &done.reboot {
            let event =
                Event { kind: EventKind::Warning, step: "reboot".to_owned(), text: why.clone() };
            self.work.watch.hear(&News::Event { host, event: &event });
        }
        // A node must not begin its work before that.
        let why = done.reboot.join("; ");
        locked(&self.outcome).reboot.insert(host.to_owned(), done.reboot);
        Err(ContactError::Unusable(format!(
            "it has to be started again before it goes on: {why}; then run this again"
        )))
    }
}

fn unknown(host: &str) -> ContactError {
    ContactError::Unusable(format!("{host} is not in the inventory"))
}

/// The control planes, with the addresses at which their members of etcd are: where `node.yaml` advertises another one than
/// the host's, that.
#[must_use]
pub fn members(inventory: &Inventory) -> Vec<(String, String)> {
    let address = |host: &Host| {
        let node = inventory.node_of(host);
        let own = node.get("kubeadm").and_then(|it| it["advertiseAddress"].as_str());
        own.map_or_else(|| host.address.to_string(), str::to_owned)
    };
    let control_planes = inventory.with_role(HostRole::ControlPlane);
    control_planes.map(|host| (host.name.clone(), address(host))).collect()
}

/// Where a snapshot of etcd is put on the host that makes it; `now` tells it from others, such as `20260131-120000`.
#[must_use]
pub fn snapshot_path(before: &str, now: &str) -> String {
    format!("/var/lib/node-prep/etcd/before-{before}-{now}.db")
}

fn unexpected() -> ContactError {
    ContactError::Broken("the host answered something else than was asked".to_owned())
}
