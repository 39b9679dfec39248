//! The program is killed at each of its calls: the next run brings the cluster to where an undisturbed one would have.

use std::time::{Duration, Instant};

use tests::proxy::{Fault, Rule};

use super::in_lanes;
use super::lane::{Lane, Step};
use super::program::LONG;

/// A step that is killed at its nth call, and then done again.
fn killed(lane: &Lane, step: Step, stop: Fault, nth: usize) -> Result<(), String> {
    lane.proxy.fault(Rule::new(stop).nth(nth));
    let mut running = lane.start(step, &[]);
    let began = Instant::now();
    while !lane.proxy.wait_until_stopped(Duration::from_millis(10)) {
        if running.has_ended() {
            return lane.well(&running.end(LONG));
        }
        if began.elapsed() > LONG {
            running.kill();
            return Err(format!("neither stopped nor ended:\n{}", lane.proxy.log()));
        }
    }
    running.kill();
    let first = lane.proxy.log();
    lane.proxy.clear_faults();
    let all_ended = lane.proxy.wait_until(Duration::from_secs(10), |log| {
        log.calls().iter().all(|call| call.ended.is_some())
    });
    assert!(all_ended, "{}", lane.proxy.log());
    lane.proxy.reset();
    let again = lane.run(step, &[]);
    // The set itself is the last to go: then there is nothing left to do.
    let is_gone = step == Step::Delete && again.said.contains("there is no set");
    if is_gone {
        return Ok(());
    }
    lane.well(&again).map_err(|fault| format!("{fault}\nafter a kill:\n{first}"))
}

#[test]
fn a_run_that_was_killed_before_any_of_its_calls_is_finished_by_the_next() {
    let test = "k8s-apply killed before each call";
    in_lanes(test, 3, 60, |lane, number| {
        lane.cycle(|lane, step| killed(lane, step, Fault::stop(), number))
    });
}

#[test]
fn a_run_that_was_killed_after_any_of_its_calls_is_finished_by_the_next() {
    let test = "k8s-apply killed after each call";
    in_lanes(test, 3, 60, |lane, number| {
        lane.cycle(|lane, step| killed(lane, step, Fault::stop().after_forwarding(), number))
    });
}
