//! `node-prep facts`.

use std::fmt::Write as _;
use std::io::Write as _;

use ::cli::{Exit, OutputFormat, bytes};
use anyhow::Result;
use node_bootstrap::facts::{Cgroups, Facts};

use crate::session::Session;

pub(crate) fn facts(session: &Session) -> Result<Exit> {
    let facts = Facts::of(&session.host)?;
    let mut out = std::io::stdout().lock();
    match session.output {
        OutputFormat::Text => out.write_all(::cli::printable(&text(&facts)).as_bytes())?,
        OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&facts)?)?,
    }
    out.flush()?;
    Ok(Exit::Ok)
}

fn text(facts: &Facts) -> String {
    let cgroups = match facts.cgroups {
        Cgroups::V2 => "version 2",
        Cgroups::V1 => "version 1",
        Cgroups::Unknown => "unknown",
    };
    let yes = |is: bool| if is { "yes" } else { "no" };
    let rows = [
        ("distribution", facts.distribution.name.clone()),
        ("host name", facts.hostname.clone()),
        ("kernel", facts.kernel.clone()),
        ("processors", facts.processors.to_string()),
        ("memory", bytes(facts.memory.total_kib << 10)),
        ("swap", bytes(facts.memory.swap_total_kib << 10)),
        ("control groups", cgroups.to_owned()),
        ("runs", yes(facts.live).to_owned()),
        ("systemd", yes(facts.systemd).to_owned()),
        ("owns its network", yes(facts.own_network).to_owned()),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<17} {value}");
    }
    text
}
