//! `node-prep check`.

use ::cli::{Exit, invalid};
use anyhow::Result;
use node_bootstrap::check::{Ignore, Purpose as For, check as look};
use node_bootstrap::facts::Facts;

use crate::cli::{Purpose, Wish};
use crate::session::Session;
use crate::show;

pub(crate) fn check(
    session: &Session,
    purpose: Purpose,
    wish: &Wish,
    ignored: &[String],
) -> Result<Exit> {
    let node = Session::node_or_kubeadm(wish)?;
    let ignore = Ignore::parse(ignored).map_err(|error| invalid(error.to_string()))?;
    let facts = Facts::of(&session.host)?;
    let purpose = match purpose {
        Purpose::Init => For::Init,
        Purpose::Join => For::Join { control_plane: false },
        Purpose::JoinControlPlane => For::Join { control_plane: true },
        Purpose::Host => For::Host,
    };
    let findings = look(&session.host, &facts, &node, purpose, &ignore);
    show::findings(session.output, &findings)
}
