//! What a plan is made of and is not on the host: keys, manifests.

use std::time::Duration;

use ::cli::say;
use anyhow::{Result, anyhow};
use node_bootstrap::fetch::{Fetched, Gathered, Need, gather};

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
    let fetch = |need: &Need| {
        if need.is_file() {
            return std::fs::read(&need.place)
                .map_err(|error| format!("it cannot be read: {error}"));
        }
        say(&format!("fetching {}: {}", need.what, need.place));
        from_web(need)
    };
    let Gathered { fetched, away, faults } = gather(needs, &fetch);
    if faults.is_empty() { Ok((fetched, away)) } else { Err(anyhow!(faults.join("\n"))) }
}

/// What is at a URL.
pub(crate) fn from_web(need: &Need) -> Result<Vec<u8>, String> {
    let fetch = || -> Result<Vec<u8>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = web::client(concat!("node-prep/", env!("CARGO_PKG_VERSION")))?;
        Ok(runtime.block_on(web::document(&client, &need.place, LONGEST, LIMIT))?)
    };
    fetch().map_err(|fault| format!("{fault:#}"))
}
