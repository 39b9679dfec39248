//! One call of a run fails, each in its turn: the run does what it should all the same.

use tests::proxy::{Fault, Proxy, Rule};

use super::in_lanes;
use super::lane::MOST_CALLS;
use super::lane::MOST_WRITES;

/// Everything that passes by itself, and whether it is for writes only.
fn faults() -> [(Fault, bool); 11] {
    [
        (Fault::too_many_requests(1), false),
        (Fault::webhook_failed("hook.example.org"), false),
        (Fault::plain(502, "bad gateway"), false),
        (Fault::error(503, "the server is currently unable to handle the request"), false),
        (Fault::error(504, "the request timed out"), false),
        (Fault::quota_conflict("everything"), true),
        (Fault::cut(), false),
        (Fault::lost_answer(), false),
        (Fault::cut_body(40), false),
        (Fault::stall(), false),
        (Fault::stall().after_forwarding(), false),
    ]
}

/// Has the nth call fail in one of these ways. A fault of writes is for one of so many writes.
pub(super) fn fail(proxy: &Proxy, nth: usize, fault: usize, writes: usize) {
    let (fault, for_writes) = faults()[fault % faults().len()].clone();
    let rule = Rule::new(fault);
    proxy.fault(if for_writes { rule.writes().nth(1 + nth % writes) } else { rule.nth(nth) });
}

#[test]
fn a_run_succeeds_in_spite_of_one_failed_call_whichever_it_is() {
    let test = "k8s-apply with one failed call";
    in_lanes(test, 5, MOST_CALLS, |lane, number| {
        lane.cycle(|lane, step| {
            let (_, writes) = lane.calls[step as usize];
            fail(&lane.proxy, number, number + 3 * step as usize, writes);
            lane.well(&lane.run(step, &["--request-timeout", "1s"]))
        })
    });
}

#[test]
fn a_run_succeeds_in_spite_of_a_failed_write_whichever_it_is() {
    let test = "k8s-apply with one failed write";
    let faults = [Fault::lost_answer(), Fault::quota_conflict("everything")];
    in_lanes(test, 3, MOST_WRITES * faults.len(), |lane, number| {
        let (nth, fault) = (1 + (number - 1) / faults.len(), &faults[number % faults.len()]);
        lane.cycle(|lane, step| {
            lane.proxy.fault(Rule::new(fault.clone()).writes().nth(nth));
            lane.succeeds(step)
        })
    });
}

/// A small generator of random numbers: a failing case can be repeated by its number.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn a_run_succeeds_in_spite_of_several_failed_calls() {
    let test = "k8s-apply with several failed calls";
    in_lanes(test, 4, 12, |lane, number| {
        lane.cycle(|lane, step| {
            let seed = (number * 3 + step as usize + 1) as u64;
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for _ in 0..2 + random.below(6) {
                let (fault, for_writes) = faults()[random.below(faults().len())].clone();
                let rule = Rule::new(fault).nth(1 + random.below(45));
                lane.proxy.fault(if for_writes { rule.writes() } else { rule });
            }
            lane.well(&lane.run(step, &["--request-timeout", "1s"]))
        })
    });
}
