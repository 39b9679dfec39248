//! What is to be done next.

use std::time::Duration;

use etcd::Member;
use etcd::rules::called;
use node_bootstrap::agent::EtcdRequest;

use super::{Action, Agreed, Deeds, Host, Situation, Standing, leave, mend, restore};

/// How long members may take to choose who leads: many times their election timeout of a second.
pub(super) const CHOOSING: Duration = Duration::from_mins(1);
/// How long a member may take to answer after it was started, on a slow disk.
pub(super) const STARTING: Duration = Duration::from_mins(3);
/// How long a learner may take to get all data: etcd advises against more than 8 GB.
pub(super) const CATCHING_UP: Duration = Duration::from_mins(10);
/// How long to try to take a member in: etcd refuses it for some seconds after another change.
pub(super) const TAKING_IN: Duration = Duration::from_mins(1);

/// What is to be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// The members of these hosts are healthy again, with data of the others. Of what is healthy nothing is touched.
    Mend {
        /// Their names.
        hosts: Vec<String>,
        /// Where the snapshot is made before, on a host that is healthy.
        snapshot: String,
    },
    /// The member of a host is none any more. The host itself need not answer.
    Leave {
        /// Its name.
        host: String,
        /// Whether it goes although too few healthy ones stay. The last one stays in any case.
        force: bool,
        /// Where the snapshot is made before, on a host that is healthy.
        snapshot: String,
    },
    /// A host that is about to be added finds nothing in its way.
    Clear {
        /// Its name: kubeadm gives it to the member as well.
        host: String,
        /// Its address.
        address: String,
    },
    /// All members have the data of a snapshot.
    Restore {
        /// The hosts that shall have a member.
        hosts: Vec<String>,
        /// Where the snapshot is put on each.
        path: String,
        /// The hosts that are gone for good: they have no member any more.
        without: Vec<String>,
        /// What tells the new cluster from all before: another one for each run.
        token: String,
        /// The revision of the snapshot, where it is known.
        revision: Option<i64>,
        /// Whether to do it although the cluster can write.
        force: bool,
    },
    /// There is a snapshot.
    Snapshot {
        /// Where, on the host that makes it.
        path: String,
    },
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This.
    Do(Action),
    /// These, at the same time: none of them ends before the others have begun.
    Together(Vec<Action>),
    /// Nothing: something has to happen by itself.
    Wait {
        /// What.
        what: String,
        /// How long it may take.
        limit: Duration,
    },
    /// Nothing: it would be wrong, or cannot be.
    Refuse(String),
    /// Nothing: it is as it shall be.
    Done,
}

/// What is to be done next to reach a goal.
#[must_use]
pub fn next(goal: &Goal, situation: &Situation, deeds: &Deeds) -> Next {
    if !matches!(goal, Goal::Snapshot { .. })
        && let Some(why) = situation.confusion()
    {
        return Next::Refuse(why);
    }
    match goal {
        Goal::Mend { hosts, snapshot } => {
            mend::next(&mend::Mend { hosts, snapshot, keep_old: false }, situation, deeds)
        }
        Goal::Leave { host, force, snapshot } => {
            leave::leave(host, *force, snapshot, situation, deeds)
        }
        Goal::Clear { host, address } => leave::clear(&leave::Clear { host, address }, situation),
        Goal::Restore { hosts, path, without, token, force, .. } => {
            let order = restore::Restore { hosts, path, without, token, force: *force };
            restore::next(&order, situation, deeds)
        }
        Goal::Snapshot { path } => snapshot(path, situation, deeds),
    }
}

impl Goal {
    /// What should be known before it is begun.
    #[must_use]
    pub fn notes(&self, situation: &Situation) -> Vec<String> {
        match self {
            Self::Restore { hosts, without, revision, .. } => {
                restore::notes(hosts, without, *revision, situation)
            }
            Self::Snapshot { .. }
                if !matches!(
                    situation.standing(),
                    Standing::Agreed(_) | Standing::Alarmed { .. }
                ) =>
            {
                vec!["the members do not agree: the snapshot is of the one that knows most, and others may know more".to_owned()]
            }
            _ => Vec::new(),
        }
    }
}

/// The agreement of the members, or what to do without one.
pub(super) fn agreement(situation: &Situation) -> Result<Agreed, Next> {
    match situation.standing() {
        Standing::Agreed(agreed) => Ok(agreed),
        Standing::Choosing { complaints } => {
            let mut what = "the members of etcd to agree on who leads".to_owned();
            if !complaints.is_empty() {
                what = format!("{what} ({})", complaints.join("; "));
            }
            Err(Next::Wait { what, limit: CHOOSING })
        }
        Standing::Alarmed { .. } => Err(Next::Refuse(situation.alarm().unwrap_or_default())),
        Standing::Lost { why } => Err(Next::Refuse(situation.lost().unwrap_or(why))),
        Standing::Torn { sides } => {
            let sides: Vec<String> = sides.iter().map(|hosts| hosts.join(", ")).collect();
            Err(Next::Refuse(format!(
                "there are several clusters of etcd: {}. Say which one is to stay: stop the others on their hosts",
                sides.join(" | ")
            )))
        }
    }
}

/// Waits for voting members that answer and are not healthy, other than this one: after another one has ended this passes.
pub(super) fn wavering(
    situation: &Situation,
    agreed: &Agreed,
    without: impl Fn(&Member) -> bool,
) -> Option<Next> {
    let of = |member: &Member| {
        let mut views = situation.hosts.iter().filter_map(Host::view);
        views.find(|view| view.cluster == agreed.cluster && view.member == member.id)
    };
    let mut ill = agreed.ill().filter(|member| !without(member));
    let (member, view) = ill.find_map(|member| Some((member, of(member)?)))?;
    let why = view.complaints.join("; ");
    let what = format!("{} to be healthy ({why})", called(member)).replace(" ()", "");
    Some(Next::Wait { what, limit: CHOOSING })
}

/// A snapshot before members are changed.
pub(super) fn snapshot_first(path: &str, ask: &str) -> Next {
    let request = EtcdRequest::Snapshot { path: path.to_owned() };
    Next::Do(Action::ask(ask, request, format!("make a snapshot of etcd: {path}")))
}

/// The next API server that has not the client URLs of the members that vote. Hosts that say nothing are left out, and this one.
pub(super) fn api_server(
    situation: &Situation,
    agreed: &Agreed,
    without: Option<&str>,
) -> Option<Next> {
    let started = || agreed.voters().filter(|member| !member.name.is_empty());
    let mut servers: Vec<String> =
        started().filter_map(|member| member.client_urls.first().cloned()).collect();
    servers.sort();
    let behind = |host: &&Host| {
        host.said().is_some_and(|here| {
            let mut has = here.api_server.clone();
            has.sort();
            has.len() > 1 && has != servers
        })
    };
    let mut hosts = situation.hosts.iter().filter(|host| Some(host.name.as_str()) != without);
    let host = hosts.find(behind)?;
    if let Some(silent) = started().find(|member| member.client_urls.is_empty()) {
        let what = format!("{} to say where clients reach it", called(silent));
        return Some(Next::Wait { what, limit: CHOOSING });
    }
    let text = format!("give the API server these members: {}", servers.join(", "));
    Some(Next::Do(Action::ask(&host.name, EtcdRequest::ApiServer { servers }, text)))
}

/// Takes a member out, through another one.
pub(super) fn remove(agreed: &Agreed, member: &Member, ask: &str) -> Next {
    let request = EtcdRequest::Remove { id: member.id.clone(), decided_on: agreed.votes() };
    let text = format!("take member {} out, {}", member.id, called(member));
    Next::Do(Action::ask(ask, request, text))
}

/// A snapshot of a healthy member, or of the one that has seen the most.
fn snapshot(path: &str, situation: &Situation, deeds: &Deeds) -> Next {
    if deeds.snapshot() {
        return Next::Done;
    }
    if let Standing::Agreed(agreed) = situation.standing()
        && let Some((host, _)) = agreed.to_ask(&[])
    {
        return snapshot_first(path, host);
    }
    let answering = situation.hosts.iter().filter_map(|host| Some((host, host.view()?)));
    let votes = |view: &etcd::View| {
        view.members.iter().any(|member| member.id == view.member && !member.learner)
    };
    match answering.filter(|(_, view)| votes(view)).max_by_key(|(_, view)| view.revision) {
        Some((host, _)) => snapshot_first(path, &host.name),
        None => match situation.standing() {
            Standing::Lost { why } => Next::Refuse(why),
            _ => Next::Refuse("no voting member of etcd answers".to_owned()),
        },
    }
}
