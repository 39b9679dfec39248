//! The parts of making a host a node, in their order: what is planned, checked and waited for.

use std::time::Duration;

use super::{Init, NotReady, after_init, has_network, node_name, wait_ready};
use crate::change::Change;
use crate::change::kubeadm::Verb;
use crate::check::{AllAndMore, Finding, Ignore, Purpose, Verdict, check};
use crate::data::preflight as known;
use crate::facts::{Facts, FactsError};
use crate::fetch::Fetched;
use crate::host::Host;
use crate::plan::{Plan, PlanError, Step, plan_with};
use crate::spec::Node;

/// What has to be done for these steps, with what was fetched for them.
///
/// # Errors
/// If the host cannot be looked at, or a file on it not understood.
pub fn plan_of(
    host: &dyn Host,
    facts: &Facts,
    node: &Node,
    steps: &[&dyn Step],
    fetched: &Fetched,
) -> Result<Plan, PlanError> {
    plan_with(host, node, facts, steps.iter().copied(), [], fetched)
}

/// What has to be done for a new cluster. The two parts are not planned together: what comes after kubeadm needs what
/// it makes.
#[derive(Debug, Clone, PartialEq)]
pub enum InitPlan {
    /// kubeadm's part, or why it cannot be done. [`after_init`] is planned when it is done.
    First(Plan),
    /// The control plane is there: what is left after it.
    After(Plan),
}

impl InitPlan {
    /// The plan itself.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        match self {
            Self::First(plan) | Self::After(plan) => plan,
        }
    }
}

/// What has to be done first for a new cluster.
///
/// # Errors
/// If the host cannot be looked at, or a file on it not understood.
pub fn plan_init(
    host: &dyn Host,
    facts: &Facts,
    node: &Node,
    init: &Init,
    fetched: &Fetched,
) -> Result<InitPlan, PlanError> {
    let first = plan_of(host, facts, node, &[init], fetched)?;
    if first.is_empty() && first.refusals().next().is_none() {
        return plan_of(host, facts, node, after_init(), fetched).map(InitPlan::After);
    }
    Ok(InitPlan::First(first))
}

/// Whether kubeadm is to run on a host that has nothing of a cluster: what a killed run left would fail the checks.
#[must_use]
pub fn is_fresh(plan: &Plan) -> bool {
    let mut verbs = plan.changes().filter_map(|(_, change)| match change {
        Change::Kubeadm { verb, .. } => Some(*verb),
        _ => None,
    });
    verbs.next().is_some_and(Verb::makes_node)
}

/// What the checks before kubeadm found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// Warnings and failures.
    pub findings: Vec<Finding>,
}

impl Preflight {
    /// Whether nothing is in the way.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Fail)
    }
}

/// Why the checks cannot be made as it is wished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PreflightError {
    /// `all` stands beside other names.
    #[error(transparent)]
    All(#[from] AllAndMore),
    /// Nobody knows this check.
    #[error("there is no check `{0}`; give a name that `node-prep check` prints, or all")]
    Unknown(String),
}

/// Asks what kubeadm asks before it begins, and more. `ignored` are names of checks whose failures are only warnings,
/// beside those of `node.yaml`.
///
/// # Errors
/// If a name in `ignored` is not known.
pub fn preflight(
    host: &dyn Host,
    facts: &Facts,
    node: &Node,
    purpose: Purpose,
    ignored: &[String],
) -> Result<Preflight, PreflightError> {
    let of_node = node.kubeadm.iter().flat_map(|kubeadm| &kubeadm.ignore_preflight_errors);
    let ignore = Ignore::parse(of_node.chain(ignored))?;
    let mut findings = check(host, facts, node, purpose, &ignore);
    for name in ignored {
        let is_ours = findings.iter().any(|finding| finding.name.eq_ignore_ascii_case(name));
        if !is_ours && !known::is_known(name) {
            return Err(PreflightError::Unknown(name.clone()));
        }
    }
    findings.retain(|finding| finding.verdict >= Verdict::Warn);
    Ok(Preflight { findings })
}

/// How waiting for a node ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It was not waited for.
    NotAsked,
    /// There is no network plugin yet, and without one no node becomes Ready.
    NoNetwork,
    /// The node with this name is Ready.
    Yes(String),
    /// Somebody asked to stop.
    Stopped,
}

/// Why a node is not known to be Ready.
#[derive(Debug, thiserror::Error)]
pub enum ReadyError {
    /// Nothing can be said of the host.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// It is not Ready.
    #[error(transparent)]
    NotReady(#[from] NotReady),
}

/// Waits for the node of this host, for no longer than `limit`; not at all where that is zero. `is_coming` says that a
/// network plugin was applied. `waits` is told the name of the node before it is waited for.
///
/// # Errors
/// If it is not Ready in time; the error has what the kubelet says of it.
pub fn ready(
    host: &dyn Host,
    kubeconfig: &str,
    limit: Duration,
    is_coming: bool,
    waits: &mut dyn FnMut(&str),
    stop: &dyn Fn() -> bool,
) -> Result<Ready, ReadyError> {
    if limit.is_zero() {
        return Ok(Ready::NotAsked);
    }
    let name = node_name(&Facts::of(host)?);
    if !is_coming && !has_network(host).map_err(NotReady::from)? {
        return Ok(Ready::NoNetwork);
    }
    waits(&name);
    let is_ready = wait_ready(host, kubeconfig, &name, limit, stop)?;
    Ok(if is_ready { Ready::Yes(name) } else { Ready::Stopped })
}
