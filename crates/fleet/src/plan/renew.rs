//! Certificates of control planes.

use super::deploy::{parked, task};
use super::{Action, Order, Plan};
use crate::survey::{Seen, identities};
use node_bootstrap::agent::Standing;

/// What renews the certificates of all control planes, one by one. Where nothing answers any more, since they have ended, one
/// cannot work before the others have theirs: then the files come first, on all, and nobody is waited for before the end.
#[must_use]
pub fn renew(seen: Seen<'_>) -> Plan {
    let mut plan = Plan::default();
    plan.refusals.extend(identities(seen));
    let ended = seen.ended();
    let all_ended = seen.server().is_none() && !ended.is_empty();
    let mut files = Vec::new();
    let mut tasks = Vec::new();
    let mut waits = Vec::new();
    for host in seen.control_planes() {
        match (seen.of(&host.name), seen.silence(&host.name)) {
            (Some(survey), _)
                if matches!(survey.standing, Standing::Node { control_plane: true, .. }) =>
            {
                plan.refusals.extend(parked(&host.name, survey));
                if all_ended {
                    files.push(task(host, Action::RenewFiles));
                }
                let action = if all_ended { Action::ReadCertificates } else { Action::Renew };
                tasks.push(task(host, action));
                if !seen.serves(&host.name) {
                    waits.push(task(host, Action::WaitServer));
                }
            }
            (Some(_), _) => plan.note(format!("{} is no control plane yet", host.name)),
            (None, why) => {
                let why = why.unwrap_or("it was not asked");
                plan.refuse(format!("{}: {why}", host.name));
            }
        }
    }
    if all_ended {
        plan.note(format!(
            "no API server answers, and certificates of {} have ended: all are renewed before anything is started again",
            ended.join(", ")
        ));
    }
    plan.phase("certificates that have ended", Order::Together, files);
    plan.phase("control planes", Order::OneByOne, tasks);
    plan.phase("until the API servers answer", Order::Together, waits);
    plan.settled()
}
