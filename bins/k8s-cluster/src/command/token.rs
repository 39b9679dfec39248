//! `token`: how hosts join by hand.

use std::io::Write as _;
use std::time::Duration;

use ::cli::{Exit, invalid};
use anyhow::{Result, bail};
use fleet::ask;
use jiff::SignedDuration;
use node_bootstrap::agent::{Answer, Request};

use crate::cli;
use crate::desk::Desk;

pub(crate) fn token(asked: &cli::Desk, ttl: SignedDuration, control_planes: bool) -> Result<Exit> {
    let lifetime = Duration::try_from(ttl).ok().filter(|ttl| ttl.as_secs() > 0);
    let lifetime = lifetime.ok_or_else(|| invalid("--ttl: give a second or more, such as 24h"))?;
    let Some(desk) = Desk::look(asked)? else { return Ok(Exit::Invalid) };
    let speaker = desk.speaker()?;
    let request = Request::Invite { control_planes, lifetime };
    let Answer::Invitation(made) = ask(&*desk.contact, &speaker, &request, &desk.teller)? else {
        bail!("{speaker} answered something else than a token")
    };
    let mut out = std::io::stdout().lock();
    out.write_all(::cli::printable(&made.invitation.commands()).as_bytes())?;
    Ok(out.flush().map(|()| Exit::Ok)?)
}
