//! `node-prep init`.

use std::time::Duration;

use ::cli::{Exit, OutputFormat, confirmed, counted, invalid, note, say};
use anyhow::Result;
use jiff::SignedDuration;
use node_bootstrap::change::Change;
use node_bootstrap::change::kubeadm::Verb;
use node_bootstrap::check::{Ignore, Purpose, Verdict, check};
use node_bootstrap::cluster::{self, ADMIN, Init};
use node_bootstrap::data::preflight;
use node_bootstrap::facts::Facts;
use node_bootstrap::fetch::Need;
use node_bootstrap::plan::Plan;
use node_bootstrap::spec::{Cni, Node};

use crate::cli::{Kubeadm, Wish};
use crate::fetch::fetch;
use crate::session::{Session, stop};

pub(crate) fn init(
    session: &Session,
    wish: &Wish,
    asked: &Kubeadm,
    print_join: bool,
    upload_certs: bool,
) -> Result<Exit> {
    session.needs_root("init")?;
    let node = Session::node(wish)?;
    if upload_certs
        && node.kubeadm.as_ref().is_none_or(|kubeadm| kubeadm.control_plane_endpoint.is_none())
    {
        return Err(invalid(
            "--upload-certs: a cluster gets other control planes only if `kubeadm: {controlPlaneEndpoint: ...}` is in node.yaml",
        ));
    }
    let ignore_preflight_errors = asked.ignore_preflight_errors.clone();
    let needs: Vec<Need> = cluster::needs(&session.host, &node)?.into_iter().collect();
    let fetched = fetch(&needs)?;
    let first = session.plan_of(&node, &[&Init { ignore_preflight_errors }], &fetched)?;
    // What comes after it needs what kubeadm makes.
    let after = || session.plan_of(&node, cluster::after_init(), &fetched);
    let is_there = first.is_empty() && first.refusals().next().is_none();
    let second = if is_there { Some(after()?) } else { None };
    super::plan::print(session, second.as_ref().unwrap_or(&first))?;
    if second.is_none() {
        say_what_follows(&node);
    }
    if is_fresh(&first) && !checked(session, &node, asked, Purpose::Init)? {
        return Ok(Exit::Failed);
    }
    let stop = stop()?;
    if let Some(exit) = may(second.as_ref().unwrap_or(&first), asked, "init")? {
        return Ok(exit);
    }
    let second = if let Some(second) = second {
        second
    } else {
        match super::apply::make(session, &first, &stop)? {
            Exit::Ok => {}
            other => return Ok(other),
        }
        let second = after()?;
        super::plan::print(session, &second)?;
        if second.refusals().next().is_some() {
            return Ok(Exit::Partial);
        }
        second
    };
    match super::apply::make(session, &second, &stop)? {
        Exit::Ok => {}
        Exit::Failed if !first.is_empty() => return Ok(Exit::Partial),
        other => return Ok(other),
    }
    let is_ready = ready(session, ADMIN, asked.wait, node.cni.is_some())?;
    if print_join {
        super::token::invite(session, ADMIN, None, None, upload_certs)?;
    }
    Ok(if is_ready { Exit::Ok } else { Exit::Partial })
}

/// Asks what kubeadm asks before it begins, and more. Answers whether nothing is in the way.
pub(super) fn checked(
    session: &Session,
    node: &Node,
    asked: &Kubeadm,
    purpose: Purpose,
) -> Result<bool> {
    let facts = Facts::of(&session.host)?;
    let of_node = node.kubeadm.iter().flat_map(|kubeadm| &kubeadm.ignore_preflight_errors);
    let ignore = Ignore::parse(of_node.chain(&asked.ignore_preflight_errors))
        .map_err(|error| invalid(format!("--ignore-preflight-errors: {error}")))?;
    let findings = check(&session.host, &facts, node, purpose, &ignore);
    for name in &asked.ignore_preflight_errors {
        let is_ours = findings.iter().any(|finding| finding.name.eq_ignore_ascii_case(name));
        if !is_ours && !preflight::is_known(name) {
            return Err(invalid(format!(
                "--ignore-preflight-errors: there is no check `{name}`; give a name that `node-prep check` prints, or all"
            )));
        }
    }
    let mut is_sound = true;
    for finding in findings.iter().filter(|finding| finding.verdict >= Verdict::Warn) {
        is_sound &= finding.verdict != Verdict::Fail;
        say(&format!("{} {}: {}", finding.verdict, finding.name, finding.message));
        if let Some(help) = &finding.help {
            say(&format!("     {help}"));
        }
    }
    if !is_sound {
        note("mend what failed, or name it in --ignore-preflight-errors");
    }
    Ok(is_sound)
}

/// Whether kubeadm is to run on a host that has nothing of a cluster: what a killed run left would fail the checks.
pub(super) fn is_fresh(plan: &Plan) -> bool {
    let mut verbs = plan.changes().filter_map(|(_, change)| match change {
        Change::Kubeadm { verb, .. } => Some(*verb),
        _ => None,
    });
    verbs.next().is_some_and(|verb| verb != Verb::Reset)
}

/// How it ends before anything is done, if it does.
pub(super) fn may(plan: &Plan, asked: &Kubeadm, verb: &str) -> Result<Option<Exit>> {
    let count = plan.changes().count();
    Ok(if plan.refusals().next().is_some() {
        Some(Exit::Failed)
    } else if asked.dry_run {
        Some(if count == 0 { Exit::Ok } else { Exit::Differences })
    } else if count > 0
        && !asked.yes
        && !confirmed(&format!("make {}", counted(count, "change")), verb)?
    {
        Some(Exit::Interrupted)
    } else {
        None
    })
}

fn say_what_follows(node: &Node) {
    if let Some(kubeconfig) = &node.kubeconfig {
        for user in &kubeconfig.users {
            say(&format!("then: merge the administrator's entry into ~{user}/.kube/config"));
        }
    }
    if node.single_node {
        note("then: let ordinary pods and load balancers use this node");
    }
    if let Some(Cni { file, url, .. }) = &node.cni {
        let from = file.as_ref().or(url.as_ref()).map_or("", String::as_str);
        say(&format!("then: apply the network plugin, {from}"));
    }
}

/// Waits for the node of this host. Answers whether it is Ready, as far as that is to be known.
///
/// `is_coming` says that a network plugin was applied.
pub(super) fn ready(
    session: &Session,
    kubeconfig: &str,
    wait: SignedDuration,
    is_coming: bool,
) -> Result<bool> {
    let limit = Duration::try_from(wait).unwrap_or_default();
    if limit.is_zero() {
        return Ok(true);
    }
    let name = cluster::node_name(&Facts::of(&session.host)?);
    if !is_coming && !cluster::has_network(&session.host)? {
        note(
            "the node becomes Ready once a network plugin is there: give `cni: {file: ...}` in node.yaml, or apply one by kubectl",
        );
        return Ok(true);
    }
    if session.output == OutputFormat::Text {
        note(&format!("waiting up to {} s for the node {name} to be Ready", limit.as_secs()));
    }
    match cluster::wait_ready(&session.host, kubeconfig, &name, limit) {
        Ok(()) => {
            note(&format!("the node {name} is Ready"));
            Ok(true)
        }
        Err(error) => {
            ::cli::error("node-prep", &error.into());
            Ok(false)
        }
    }
}
