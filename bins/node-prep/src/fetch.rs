//! What a plan is made of and is not on the host: keys, manifests.

use std::time::Duration;

use ::cli::say;
use anyhow::{Context, Result, anyhow};
use node_bootstrap::fetch::{Fetched, Need};
use node_bootstrap::host::sha256;

/// Nothing that is needed is longer, in bytes.
const LONGEST: usize = 16 << 20;
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Fetches all that is needed, files and URLs.
pub(crate) fn fetch(needs: &[Need]) -> Result<Fetched> {
    let (fetched, away) = fetch_what_there_is(needs)?;
    if away.is_empty() { Ok(fetched) } else { Err(anyhow!(away.join("\n"))) }
}

/// The same, with what the network does not give, and why. What is there and is wrong is an error all the same.
pub(crate) fn fetch_what_there_is(needs: &[Need]) -> Result<(Fetched, Vec<String>)> {
    let mut fetched = Fetched::new();
    let (mut faults, mut away) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for need in needs {
        let told = |fault| format!("{}, {}: {fault:#}", need.what, need.place);
        match content(&runtime, need) {
            Ok(content) => match checked(need, content) {
                Ok(content) => drop(fetched.insert(need.place.clone(), content)),
                Err(fault) => faults.push(told(fault)),
            },
            Err(fault) if need.is_file() => faults.push(told(fault)),
            Err(fault) => away.push(told(fault)),
        }
    }
    if faults.is_empty() { Ok((fetched, away)) } else { Err(anyhow!(faults.join("\n"))) }
}

fn content(runtime: &tokio::runtime::Runtime, need: &Need) -> Result<Vec<u8>> {
    if need.is_file() {
        return std::fs::read(&need.place).context("it cannot be read");
    }
    say(&format!("fetching {}: {}", need.what, need.place));
    let client = web::client(concat!("node-prep/", env!("CARGO_PKG_VERSION")))?;
    Ok(runtime.block_on(web::document(&client, &need.place, LONGEST, LIMIT))?)
}

/// Content is what was meant, or nothing.
fn checked(need: &Need, content: Vec<u8>) -> Result<Vec<u8>> {
    let found = sha256(&content);
    match &need.sha256 {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&found) => {
            anyhow::bail!("its SHA-256 is {found}, and {wanted} is expected")
        }
        _ => Ok(content),
    }
}
