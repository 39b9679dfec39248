//! `plan`: what `deploy` would do.

use ::cli::Exit;
use anyhow::Result;
use fleet::plan::{Plan, deploy};
use fleet::survey::{Depth, Seen, Surveyed};
use node_bootstrap::agent::{Outlook, Survey};
use topology::inventory::Host;

use super::change::print;
use crate::cli;
use crate::desk::{Desk, described, wishes_of};

pub(crate) fn plan(asked: &cli::Desk, offline: bool) -> Result<Exit> {
    if offline {
        let Some((inventory, source)) = described(asked)? else { return Ok(Exit::Invalid) };
        let wishes = wishes_of(&inventory, &source)?;
        let hosts = inventory.hosts.iter();
        let surveys = hosts.map(|host| (host.name.clone(), Ok(bare(host)))).collect();
        return show(&deploy(Seen { inventory: &inventory, surveys: &surveys }, &wishes));
    }
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let surveys = desk.survey_all(Depth { nodes: true, findings: false });
    if let Some(exit) = desk.stopped() {
        return Ok(exit);
    }
    show(&deploy(desk.seen(&surveys), &desk.wishes))
}

/// What a host would say that has nothing.
fn bare(host: &Host) -> Surveyed {
    let changes = vec!["all that it lacks".to_owned()];
    let survey = Survey {
        outlook: Some(Outlook { changes, ..Outlook::default() }),
        addresses: vec![host.address],
        ..Survey::default()
    };
    Surveyed { survey, ahead_ms: 0 }
}

fn show(plan: &Plan) -> Result<Exit> {
    print(plan)?;
    Ok(if !plan.refusals.is_empty() {
        Exit::Failed
    } else if plan.is_empty() {
        Exit::Ok
    } else {
        Exit::Differences
    })
}
