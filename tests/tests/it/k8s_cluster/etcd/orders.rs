//! Random orders of faults, one after the other.

#![expect(clippy::panic, reason = "a test that cannot go on is to fail")]

use std::time::Duration;

use super::members::{Members, mend};
use super::writer::Writer;

/// How often there was what.
#[derive(Debug, Default)]
pub(super) struct Tally {
    killed: usize,
    wiped: usize,
    broken: usize,
    stopped: usize,
    isolated: usize,
    mended: usize,
    desks_killed: usize,
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        // Of Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

/// Some faults, each of one member of three; what does not come back by itself is mended.
pub(super) fn order(members: &Members, writer: &Writer, seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let all = members.names(3);
    let faults = 2 + random.below(3);
    let mut told = Vec::new();
    for _ in 0..faults {
        let name = if random.below(3) == 0 {
            members.leader()
        } else {
            all[usize::try_from(random.below(3)).unwrap()].clone()
        };
        let a_moment = Duration::from_millis(random.below(1500));
        let fault = random.below(5);
        told.push(format!("{fault} {name}"));
        match fault {
            0 => {
                tally.killed += 1;
                members.kill(&name);
            }
            1 => {
                tally.wiped += 1;
                members.wipe(&name);
            }
            2 => {
                tally.stopped += 1;
                members.hold(&name);
                std::thread::sleep(a_moment);
                members.release(&name);
            }
            3 => {
                tally.isolated += 1;
                members.isolate(&name, true);
                std::thread::sleep(a_moment);
                members.isolate(&name, false);
            }
            _ => {
                tally.broken += 1;
                members.break_data(&name);
            }
        }
        let useless = matches!(fault, 1 | 4);
        if useless || !members.comes_back(&name, Duration::from_secs(30)) {
            tally.mended += 1;
            if random.below(3) == 0 {
                tally.desks_killed += 1;
                members.desk_dies_after(usize::try_from(1 + random.below(6)).unwrap());
                let _ = members.run(&mend(&[&name]));
                members.desk_lives();
            }
            if let Err(error) = members.run(&mend(&[&name])) {
                panic!("seed {seed}, {told:?}: {error:?}\n{}", members.history());
            }
        }
        members.are_healthy(&all);
    }
    writer.lost_nothing(&format!("seed {seed}, {told:?}"));
}
