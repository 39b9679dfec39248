//! `node-prep init`.

use std::time::Duration;

use ::cli::{Exit, OutputFormat, confirmed, counted, invalid, note, say};
use anyhow::Result;
use jiff::SignedDuration;
use node_bootstrap::check::Purpose;
use node_bootstrap::cluster::{self, ADMIN, Init, InitPlan, Ready, is_fresh, preflight};
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
    let facts = Facts::of(&session.host)?;
    let kubeadm = Init { ignore_preflight_errors };
    let first = cluster::plan_init(&session.host, &facts, &node, &kubeadm, &fetched)?;
    super::plan::print(session, first.plan())?;
    if let InitPlan::First(plan) = &first {
        say_what_follows(&node);
        if is_fresh(plan) && !checked(session, &node, asked, Purpose::Init)? {
            return Ok(Exit::Failed);
        }
    }
    let stop = stop()?;
    if let Some(exit) = may(first.plan(), asked, "init")? {
        return Ok(exit);
    }
    let is_first = matches!(first, InitPlan::First(_));
    let second = match first {
        InitPlan::After(plan) => plan,
        InitPlan::First(plan) => {
            match super::apply::make(session, &plan, &stop)? {
                Exit::Ok => {}
                other => return Ok(other),
            }
            let second = session.plan_of(&node, cluster::after_init(), &fetched)?;
            super::plan::print(session, &second)?;
            if second.refusals().next().is_some() {
                return Ok(Exit::Partial);
            }
            second
        }
    };
    match super::apply::make(session, &second, &stop)? {
        Exit::Ok => {}
        Exit::Failed if is_first => return Ok(Exit::Partial),
        other => return Ok(other),
    }
    let is_ready = ready(session, ADMIN, asked.wait, node.cni.is_some());
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
    let ignored = &asked.ignore_preflight_errors;
    let found = preflight(&session.host, &facts, node, purpose, ignored)
        .map_err(|error| invalid(format!("--ignore-preflight-errors: {error}")))?;
    for finding in &found.findings {
        say(&format!("{} {}: {}", finding.verdict, finding.name, finding.message));
        if let Some(help) = &finding.help {
            say(&format!("     {help}"));
        }
    }
    if !found.is_sound() {
        note("mend what failed, or name it in --ignore-preflight-errors");
    }
    Ok(found.is_sound())
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
) -> bool {
    let limit = Duration::try_from(wait).unwrap_or_default();
    let mut waits = |name: &str| {
        if session.output == OutputFormat::Text {
            note(&format!("waiting up to {} s for the node {name} to be Ready", limit.as_secs()));
        }
    };
    match cluster::ready(&session.host, kubeconfig, limit, is_coming, &mut waits, &|| false) {
        Ok(Ready::NotAsked) => true,
        Ok(Ready::NoNetwork) => {
            note(
                "the node becomes Ready once a network plugin is there: give `cni: {file: ...}` in node.yaml, or apply one by kubectl",
            );
            true
        }
        Ok(Ready::Yes(name)) => {
            note(&format!("the node {name} is Ready"));
            true
        }
        Ok(Ready::Stopped) => false,
        Err(error) => {
            ::cli::error("node-prep", &error.into());
            false
        }
    }
}
