//! Certificates of control planes.

use super::deploy::task;
use super::{Action, Order, Plan};
use crate::survey::{Seen, identities};
use node_bootstrap::agent::Standing;

/// What renews the certificates of all control planes, one by one.
#[must_use]
pub fn renew(seen: Seen<'_>) -> Plan {
    let mut plan = Plan::default();
    plan.refusals.extend(identities(seen));
    let mut tasks = Vec::new();
    for host in seen.control_planes() {
        match (seen.of(&host.name), seen.silence(&host.name)) {
            (Some(survey), _)
                if matches!(survey.standing, Standing::Node { control_plane: true, .. }) =>
            {
                tasks.push(task(host, Action::Renew));
            }
            (Some(_), _) => plan.note(format!("{} is no control plane yet", host.name)),
            (None, why) => {
                let why = why.unwrap_or("it was not asked");
                plan.refuse(format!("{}: {why}", host.name));
            }
        }
    }
    plan.phase("control planes", Order::OneByOne, tasks);
    plan.settled()
}
