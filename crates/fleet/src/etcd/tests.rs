//! What is shown, and the laws of what is done, on situations that are made up.

mod laws;
mod mistaken;
mod plans;
mod runs;
mod world;

use etcd::rules::quorum;
use etcd::{Member, View};
use node_bootstrap::agent::{EtcdHere, ManifestPlace};

use super::{Goal, Host, Situation};

/// How the member of a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// It votes, and is well.
    Well,
    /// It is a member, and its process does not run. Its data are there.
    Dead,
    /// The same without data.
    Wiped,
    /// The host says nothing; the member goes on.
    Unreachable,
    /// The host says nothing, as it is gone.
    Gone,
    /// It is no member, its manifest is parked, its data are there.
    Out,
    /// It is a learner that was taken in and never started; parked, without data.
    Expected,
    /// It is a learner, and answers.
    Follows,
    /// It answers, and is no member: a process that will end.
    Stranger,
}

/// The address of the host with this number: from the second on, each begins like the first.
pub(super) fn address(number: usize) -> String {
    if number == 0 { "10.10.0.1".to_owned() } else { format!("10.10.0.1{number}") }
}

fn peer(number: usize) -> String {
    format!("https://{}:2380", address(number))
}

/// Hosts `m0`, `m1`, ...; what they say is what such members would say.
pub(super) fn situation(all: &[Is], leader: usize) -> Situation {
    let numbered = || all.iter().copied().enumerate();
    let members: Vec<Member> = numbered()
        .filter(|(_, is)| !matches!(is, Is::Out | Is::Stranger))
        .map(|(number, is)| {
            let started = is != Is::Expected;
            Member {
                id: format!("{}", 100 + number),
                name: if started { format!("m{number}") } else { String::new() },
                peer_urls: vec![peer(number)],
                client_urls: if started {
                    vec![format!("https://{}:2379", address(number))]
                } else {
                    Vec::new()
                },
                learner: matches!(is, Is::Expected | Is::Follows),
            }
        })
        .collect();
    let voters = members.iter().filter(|member| !member.learner).count();
    let alive = all.iter().filter(|is| matches!(is, Is::Well | Is::Unreachable)).count();
    let healthy = alive > 0 && alive >= quorum(voters);
    let leads =
        |(number, is): &(usize, Is)| matches!(is, Is::Well | Is::Unreachable) && *number == leader;
    let leads = numbered()
        .find(leads)
        .or_else(|| numbered().find(|(_, is)| matches!(is, Is::Well | Is::Unreachable)));
    let leads = leads.filter(|_| healthy).map(|(number, _)| format!("{}", 100 + number));
    let host = |(number, is): (usize, Is)| {
        let answers = matches!(is, Is::Well | Is::Follows | Is::Stranger);
        let parked = matches!(is, Is::Out | Is::Expected);
        let view = View {
            version: "3.6.6".to_owned(),
            cluster: "c1".to_owned(),
            member: format!("{}", 100 + number),
            leader: leads.clone(),
            learner: is == Is::Follows,
            healthy,
            complaints: if healthy { Vec::new() } else { vec!["no leader".to_owned()] },
            revision: 1000,
            members: if is == Is::Follows { Vec::new() } else { members.clone() },
            ..View::default()
        };
        let here = EtcdHere {
            manifest: if parked { ManifestPlace::Parked } else { ManifestPlace::InPlace },
            name: format!("m{number}"),
            peer_url: peer(number),
            client_url: format!("https://{}:2379", address(number)),
            has_data: !matches!(is, Is::Wiped | Is::Expected),
            has_old_data: matches!(is, Is::Expected | Is::Follows),
            has_kept_data: false,
            view: answers.then_some(view),
            silence: (!answers && !parked).then(|| "connection refused".to_owned()),
            api_server: vec!["https://127.0.0.1:2379".to_owned()],
        };
        let silent = matches!(is, Is::Unreachable | Is::Gone);
        Host {
            name: format!("m{number}"),
            address: address(number),
            unreachable: silent,
            here: if silent { Err("no route to host".to_owned()) } else { Ok(here) },
        }
    };
    Situation { hosts: numbered().map(host).collect() }
}

pub(super) fn mend(hosts: &[usize]) -> Goal {
    Goal::Mend {
        hosts: hosts.iter().map(|number| format!("m{number}")).collect(),
        snapshot: "/var/backups/etcd.db".to_owned(),
    }
}

pub(super) fn leave(host: usize, force: bool) -> Goal {
    let snapshot = "/var/backups/etcd.db".to_owned();
    Goal::Leave { host: format!("m{host}"), force, snapshot }
}

pub(super) fn clear(host: usize) -> Goal {
    Goal::Clear { host: format!("m{host}"), address: address(host) }
}

pub(super) fn restore(hosts: &[usize], force: bool) -> Goal {
    Goal::Restore {
        hosts: hosts.iter().map(|number| format!("m{number}")).collect(),
        path: "/var/backups/etcd.db".to_owned(),
        without: Vec::new(),
        token: "t1".to_owned(),
        revision: Some(960),
        force,
    }
}
