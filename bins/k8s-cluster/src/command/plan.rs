//! `plan`: what `deploy` would do.

use ::cli::Exit;
use anyhow::Result;
use fleet::survey::{Depth, Surveyed};
use node_bootstrap::agent::{Outlook, Survey};

use super::change::print;
use crate::cli;
use crate::desk::Desk;

pub(crate) fn plan(asked: &cli::Desk, offline: bool) -> Result<Exit> {
    let Some(desk) = Desk::open(asked)? else { return Ok(Exit::Invalid) };
    let surveys = if offline {
        let bare = |host: &topology::inventory::Host| Surveyed {
            survey: Survey {
                outlook: Some(Outlook {
                    changes: vec!["all that it lacks".to_owned()],
                    ..Outlook::default()
                }),
                addresses: vec![host.address],
                ..Survey::default()
            },
            ahead_ms: 0,
        };
        let hosts = desk.inventory.hosts.iter();
        hosts.map(|host| (host.name.clone(), Ok(bare(host)))).collect()
    } else {
        desk.survey_all(Depth { nodes: true, findings: false })
    };
    let plan = fleet::plan::deploy(desk.seen(&surveys), &desk.wishes);
    if let Some(exit) = desk.stopped() {
        return Ok(exit);
    }
    print(&plan)?;
    Ok(if !plan.refusals.is_empty() {
        Exit::Failed
    } else if plan.is_empty() {
        Exit::Ok
    } else {
        Exit::Differences
    })
}
