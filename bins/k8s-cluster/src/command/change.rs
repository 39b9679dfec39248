//! Commands that change a cluster: what has to be done is found out, shown, allowed and done.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use ::cli::{Exit, OutputFormat, confirmed, counted, is_broken_pipe, note, say};
use anyhow::{Result, bail};
use fleet::Watch as _;
use fleet::etcd::Pace;
use fleet::plan::{self, Clean, Plan, Remove};
use fleet::run::{Outcome, Work, carry_out};
use fleet::survey::{Depth, Surveys};
use jiff::{SignedDuration, Timestamp};
use node_bootstrap::agent::Wish;
use serde_json::json;
use topology::Inventory;

use crate::cli::{self, Go, Named};
use crate::desk::{Desk, wishes_of};

/// All that a plan is made of.
const WITH_NODES: Depth = Depth { nodes: true, findings: false };

pub(crate) fn deploy(asked: &cli::Desk, prepare_only: bool, go: &Go) -> Result<Exit> {
    let plan = if prepare_only { plan::prepare_hosts } else { plan::deploy };
    change(asked, go, "deploy", |desk, surveys| plan(desk.seen(surveys), &desk.wishes))
}

pub(crate) fn clean(asked: &cli::Desk, how: Clean, go: &Go) -> Result<Exit> {
    change(asked, go, "clean", |desk, surveys| plan::clean(desk.seen(surveys), how))
}

pub(crate) fn renew(asked: &cli::Desk, go: &Go) -> Result<Exit> {
    change(asked, go, "renew", |desk, surveys| plan::renew(desk.seen(surveys)))
}

pub(crate) fn upgrade(asked: &cli::Desk, drain: &plan::Drain, go: &Go) -> Result<Exit> {
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let begun = Instant::now();
    let mut surveys = desk.survey_all(WITH_NODES);
    let mut told = false;
    while !go.dry_run && !desk.teller.stopped() && begun.elapsed() < desk.wait {
        let awaited = plan::coming_back(desk.seen(&surveys), &desk.wishes).join(", ");
        if awaited.is_empty() {
            break;
        }
        if !told {
            let limit = desk.wait.as_secs();
            note(&format!(
                "no API server answers, and {awaited} may have started one again a moment ago: waits up to {limit} s for one"
            ));
            told = true;
        }
        thread::sleep(Pace::default().pause);
        surveys = desk.survey_all(WITH_NODES);
    }
    let plan = plan::upgrade(desk.seen(&surveys), &desk.wishes, drain, &now());
    finish(&desk, &desk.inventory, &desk.wishes, &surveys, &plan, go, "upgrade")
}

pub(crate) fn add(asked: &cli::Desk, named: &Named, go: &Go) -> Result<Exit> {
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let chosen = desk.named(named)?;
    let surveys = desk.survey_all(WITH_NODES);
    let plan = plan::add(desk.seen(&surveys), &desk.wishes, &chosen);
    finish(&desk, &desk.inventory, &desk.wishes, &surveys, &plan, go, "add")
}

pub(crate) fn repair(asked: &cli::Desk, named: &Named, go: &Go) -> Result<Exit> {
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let chosen = desk.named(named)?;
    let surveys = desk.survey_all(WITH_NODES);
    let plan = plan::repair(desk.seen(&surveys), &desk.wishes, &chosen);
    finish(&desk, &desk.inventory, &desk.wishes, &surveys, &plan, go, "repair")
}

pub(crate) fn remove(asked: &cli::Desk, named: &Named, how: &Remove, go: &Go) -> Result<Exit> {
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let chosen = desk.named(named)?;
    // What stays is as if the others had never been described.
    let mut rest = desk.inventory.clone();
    rest.hosts.retain(|host| !chosen.contains(&host.name));
    let mut wishes = desk.wishes.clone();
    if !rest.hosts.is_empty() {
        wishes.extend(wishes_of(&rest, &desk.source)?);
    }
    let surveys = desk.survey(desk.inventory.hosts.iter(), &wishes, WITH_NODES);
    let plan = plan::remove(desk.seen(&surveys), &wishes, &chosen, how);
    let exit = finish(&desk, &desk.inventory, &wishes, &surveys, &plan, go, "remove")?;
    if exit == Exit::Ok && !go.dry_run {
        note(&format!(
            "take {} out of {}: `deploy` would take what stands there into the cluster again",
            chosen.join(", "),
            desk.source.display()
        ));
    }
    Ok(exit)
}

/// How nodes are emptied.
pub(crate) fn drain(asked: &cli::Drain) -> plan::Drain {
    plan::Drain {
        limit: positive(asked.limit),
        empty_dirs: asked.delete_emptydir_data,
        bare_pods: asked.delete_bare_pods,
    }
}

/// What tells the snapshots of this run from those of others.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string()
}

pub(super) fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default().max(Duration::from_secs(1))
}

fn change(
    asked: &cli::Desk,
    go: &Go,
    verb: &str,
    plan: impl Fn(&Desk, &Surveys) -> Plan,
) -> Result<Exit> {
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let surveys = desk.survey_all(WITH_NODES);
    let plan = plan(&desk, &surveys);
    finish(&desk, &desk.inventory, &desk.wishes, &surveys, &plan, go, verb)
}

/// Shows a plan, asks, and carries it out.
fn finish(
    desk: &Desk,
    inventory: &Inventory,
    wishes: &BTreeMap<String, Wish>,
    surveys: &Surveys,
    plan: &Plan,
    go: &Go,
    verb: &str,
) -> Result<Exit> {
    if let Some(exit) = desk.stopped() {
        return Ok(exit);
    }
    let asks = !go.yes && !go.dry_run && !plan.is_empty() && plan.refusals.is_empty();
    match go.output {
        OutputFormat::Text => shown(print(plan), asks)?,
        // Who is asked sees what for; standard output is for the outcome.
        OutputFormat::Json if asks => say(&plan.to_string()),
        OutputFormat::Json => {}
    }
    let (exit, outcome) = if !plan.refusals.is_empty() {
        (Exit::Failed, None)
    } else if plan.is_empty() {
        (if plan.left_out.is_empty() { Exit::Ok } else { Exit::Partial }, None)
    } else if go.dry_run {
        (Exit::Differences, None)
    } else if asks && !confirmed(&format!("do {}", counted(plan.tasks().count(), "task")), verb)? {
        (Exit::Interrupted, None)
    } else {
        let outcome = carry_out(
            Work {
                contact: &*desk.contact,
                inventory,
                wishes,
                surveys,
                watch: &desk.teller,
                at_once: desk.at_once,
                wait: desk.wait,
                now: &now(),
                pace: Pace::default(),
            },
            plan,
        );
        (told(&outcome, !plan.left_out.is_empty()), Some(outcome))
    };
    if go.output == OutputFormat::Json {
        return told_of(json(&json!({ "plan": plan, "outcome": outcome })), exit);
    }
    Ok(exit)
}

fn json(value: &serde_json::Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string_pretty(value)?)?;
    Ok(out.flush()?)
}

/// Whether a plan was shown. Whoever is to allow it has to see it; where it is allowed already, nobody need listen.
pub(super) fn shown(printed: Result<()>, asks: bool) -> Result<()> {
    match printed {
        Err(error) if is_broken_pipe(&error) && !asks => Ok(()),
        Err(error) if is_broken_pipe(&error) => {
            bail!(
                "nobody reads standard output, so the plan was not seen; nothing was done (--yes does not ask)"
            )
        }
        other => other,
    }
}

/// How a command ends whose outcome was printed, or could not be: what became of it counts.
fn told_of(printed: Result<()>, exit: Exit) -> Result<Exit> {
    match printed {
        Err(error) if is_broken_pipe(&error) => Ok(exit),
        Err(error) if exit == Exit::Ok => Err(error),
        Err(error) => {
            ::cli::error("k8s-cluster", &error);
            Ok(exit)
        }
        Ok(()) => Ok(exit),
    }
}

/// What became of it, in a few lines, and as an exit code.
fn told(outcome: &Outcome, left_out: bool) -> Exit {
    for failed in &outcome.failures {
        say(&format!("{}: failed to {}: {}", failed.host, failed.what, failed.why));
    }
    for (host, why) in &outcome.reboot {
        say(&format!("start {host} again: {}", why.join("; ")));
    }
    let done = counted(outcome.done, "task");
    if outcome.is_whole() {
        note(&format!("{done} done"));
        return if left_out { Exit::Partial } else { Exit::Ok };
    }
    let left = counted(outcome.left, "task");
    note(&format!("{done} done, {left} not begun; the same command again goes on from there"));
    if outcome.stopped {
        Exit::Interrupted
    } else if outcome.failures.iter().all(|failed| outcome.reboot.contains_key(&failed.host)) {
        Exit::RebootRequired
    } else if outcome.done == 0 {
        Exit::Failed
    } else {
        Exit::Partial
    }
}

/// A plan on standard output, for people.
pub(crate) fn print(plan: &Plan) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(::cli::printable(&plan.to_string()).as_bytes())?;
    if plan.is_empty() && plan.refusals.is_empty() {
        writeln!(out, "nothing to do")?;
    }
    Ok(out.flush()?)
}
