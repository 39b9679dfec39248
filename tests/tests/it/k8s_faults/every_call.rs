//! One call of a run fails, each in its turn: the run does what it should all the same.

use tests::proxy::{Fault, Rule};

use super::in_lanes;
use super::lane::{Lane, Step};

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

/// A step in which the nth call, or write, fails in one of these ways.
fn disturbed(lane: &Lane, step: Step, nth: usize, fault: usize) -> Result<(), String> {
    let (fault, for_writes) = faults()[fault % faults().len()].clone();
    let rule = Rule::new(fault);
    lane.proxy.fault(if for_writes {
        let (_, writes) = lane.calls[step as usize];
        rule.writes().nth(1 + nth % writes)
    } else {
        rule.nth(nth)
    });
    let ended = lane.run(step, &["--request-timeout", "1s"]);
    lane.well(&ended)
}

#[test]
fn a_run_succeeds_in_spite_of_one_failed_call_whichever_it_is() {
    let test = "k8s-apply with one failed call";
    in_lanes(test, 3, 60, |lane, number| {
        lane.cycle(|lane, step| disturbed(lane, step, number, number + 3 * step as usize))
    });
}
