//! The host becomes a node, through a desk.

use std::time::Duration;

use super::serve::Work;
use super::{EventKind, Failure, Wish};
use crate::check::{Purpose, Verdict};
use crate::cluster::{
    self, ADMIN, Init, InitPlan, Invitation, Join, KUBELET, after_init, is_fresh, plan_init,
    preflight,
};
use crate::facts::Facts;
use crate::fetch::Fetched;

pub(super) fn init(work: &mut Work<'_>, wish: &Wish, wait: Duration) -> Result<(), Failure> {
    let facts = Facts::of(work.host)?;
    let needs: Vec<_> = cluster::needs(work.host, &wish.node)?.into_iter().collect();
    let fetched = work.fetched(wish, &needs)?;
    let first = plan_init(work.host, &facts, &wish.node, &Init::default(), &fetched)?;
    if let InitPlan::First(plan) = &first {
        if is_fresh(plan) {
            checked(work, &facts, wish, Purpose::Init)?;
        }
        work.carry_out(plan)?;
    }
    let after = match first {
        InitPlan::After(plan) => plan,
        InitPlan::First(_) => {
            // kubeadm has made what it needs.
            let facts = Facts::of(work.host)?;
            cluster::plan_of(work.host, &facts, &wish.node, after_init(), &fetched)?
        }
    };
    work.carry_out(&after)?;
    work.ready(ADMIN, wait, wish.node.cni.is_some())
}

/// What follows `kubeadm init` and is not done, a line each. A run may have been cut short between the two.
pub(super) fn after(
    work: &mut Work<'_>,
    facts: &Facts,
    wish: &Wish,
) -> Result<Vec<String>, Failure> {
    let needs: Vec<_> = cluster::needs(work.host, &wish.node)?.into_iter().collect();
    let fetched = work.fetched(wish, &needs)?;
    let plan = cluster::plan_of(work.host, facts, &wish.node, after_init(), &fetched)?;
    Ok(super::look::lines(&plan))
}

pub(super) fn join(
    work: &mut Work<'_>,
    wish: &Wish,
    invitation: &Invitation,
    wait: Duration,
) -> Result<(), Failure> {
    let facts = Facts::of(work.host)?;
    let step = Join { invitation: invitation.clone(), ignore_preflight_errors: Vec::new() };
    let plan = cluster::plan_of(work.host, &facts, &wish.node, &[&step], &Fetched::new())?;
    if is_fresh(&plan) {
        let control_plane = invitation.certificate_key.is_some();
        checked(work, &facts, wish, Purpose::Join { control_plane })?;
    }
    work.carry_out(&plan)?;
    // The plugin comes with the cluster.
    work.ready(KUBELET, wait, true)
}

/// What stands in the way is refused, all of it.
fn checked(
    work: &mut Work<'_>,
    facts: &Facts,
    wish: &Wish,
    purpose: Purpose,
) -> Result<(), Failure> {
    let found = preflight(work.host, facts, &wish.node, purpose, &[])?;
    let mut failures = Vec::new();
    for finding in &found.findings {
        if finding.verdict == Verdict::Fail {
            failures.push(finding.to_string());
        } else {
            work.tell(EventKind::Warning, "check", finding.to_string());
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::refused(failures.join("\n"))) }
}
