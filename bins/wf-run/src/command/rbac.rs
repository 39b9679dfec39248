//! `wf-run rbac`: the smallest Role for a run, as a manifest.

use anyhow::{Context, Result};
use cli::{Exit, invalid};
use workflow_engine::k8s::rights::{EnginePlace, Holder, Modes, Role, Subject};

use crate::cli::{ModeName, RbacArgs};

pub(super) fn rbac(args: &RbacArgs) -> Result<Exit> {
    let has_pools = args.modes.iter().any(|mode| *mode != ModeName::Job);
    let reach = match args.reach.as_deref() {
        Some(reach) => reach,
        None if args.submit || !has_pools => "none",
        None => "relay",
    };
    let connected = if args.submit { has_pools || args.without_claim } else { reach != "none" };
    if has_pools && !connected {
        return Err(invalid(
            "--reach none goes with --modes job only: pools and groups connect to the engine",
        ));
    }
    let engine = if args.submit {
        EnginePlace::InCluster
    } else {
        EnginePlace::Here { relay: reach == "relay" }
    };
    let person = match (&args.user, &args.group) {
        (Some(user), _) => Subject::User(user.clone()),
        (None, Some(group)) => Subject::Group(group.clone()),
        (None, None) => Subject::Account,
    };
    let roles = Role::for_run(Modes { connected }, engine, args.submit);
    let mut texts = Vec::new();
    for role in &roles {
        // An engine in the cluster has an account of its own; one that is outside is the user's.
        let own = args.submit && role.holder == Holder::Engine;
        let subject = if own { &Subject::Account } else { &person };
        texts.push(role.yaml(&args.namespace, subject).map_err(|fault| {
            invalid(format!("the namespace {} cannot be used: {fault}", args.namespace))
        })?);
    }
    let text = texts.join("---\n");
    std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes())
        .context("failed to print")?;
    Ok(Exit::Ok)
}
