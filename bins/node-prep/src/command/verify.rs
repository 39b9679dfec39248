//! `node-prep verify`.

use ::cli::Exit;
use anyhow::Result;
use node_bootstrap::check::verify as look;
use node_bootstrap::facts::Facts;

use crate::cli::Wish;
use crate::session::Session;
use crate::show;

pub(crate) fn verify(session: &Session, wish: &Wish) -> Result<Exit> {
    let node = Session::node(wish)?;
    let facts = Facts::of(&session.host)?;
    show::findings(session.output, &look(&session.host, &facts, &node))
}
