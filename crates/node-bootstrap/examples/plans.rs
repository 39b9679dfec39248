//! How long the plans of all profiles take, for each distribution, on hosts in memory. See `benches/node-prep`.

use std::io::Write as _;
use std::time::Instant;

use node_bootstrap::data::distribution::Distribution;
use node_bootstrap::facts::Facts;
use node_bootstrap::fake::FakeHost;
use node_bootstrap::fetch::Fetched;
use node_bootstrap::plan::plan_with;
use node_bootstrap::spec::{Node, Profile, Role};
use node_bootstrap::steps;

const KEY: &[u8] =
    b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQENBA==\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n";
const ROUNDS: usize = 101;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for distribution in Distribution::all() {
        let mut times = Vec::with_capacity(ROUNDS);
        let mut changes = 0;
        for _ in 0..ROUNDS {
            let host = FakeHost::of(&distribution.id, &distribution.version);
            changes = 0;
            let begin = Instant::now();
            for profile in Profile::ALL {
                // Read each time, as the program does.
                let mut node = Node::from_profile(profile)?;
                node.role = Role::ControlPlane;
                let facts = Facts::of(&host)?;
                let needs = steps::needs(&host, &node, &facts)?;
                let fetched: Fetched =
                    needs.into_iter().map(|need| (need.place, KEY.to_vec())).collect();
                let steps = steps::all().iter().copied();
                changes += plan_with(&host, &node, &facts, steps, [], &fetched)?.changes().count();
            }
            times.push(begin.elapsed());
        }
        times.sort();
        writeln!(
            out,
            "{:<20} {changes:>4} changes in {} plans  {:>7.2} ms median  {:>7.2} ms longest",
            distribution.name,
            Profile::ALL.len(),
            times[ROUNDS / 2].as_secs_f64() * 1e3,
            times[ROUNDS - 1].as_secs_f64() * 1e3,
        )?;
    }
    Ok(())
}
