//! The program is killed at each of its calls: the next run brings the cluster to where an undisturbed one would have.

use std::time::{Duration, Instant};

use tests::proxy::{Fault, Log, Proxy, Rule};

use super::in_lanes;
use super::lane::{Lane, MOST_CALLS, MOST_WRITES, Step};
use super::program::{LONG, Running};

/// A run that is killed when it comes to a call. Answers what was called, unless it ended before that.
pub(super) fn kill(
    proxy: &Proxy,
    stop: Rule,
    start: impl FnOnce() -> Running,
) -> Result<Option<Log>, String> {
    proxy.fault(stop);
    let mut running = start();
    let began = Instant::now();
    while !proxy.wait_until_stopped(Duration::from_millis(10)) {
        if running.has_ended() {
            let ended = running.end(LONG);
            return match ended.code {
                Some(0) => Ok(None),
                code => Err(format!("{code:?}: {}\n{}", ended.said, proxy.log())),
            };
        }
        if began.elapsed() > LONG {
            running.kill();
            return Err(format!("neither stopped nor ended:\n{}", proxy.log()));
        }
    }
    running.kill();
    let log = proxy.log();
    proxy.clear_faults();
    // What the server still does for the run that was killed comes before what it does for the next.
    let all_ended = proxy.wait_until(Duration::from_secs(10), |log| {
        log.calls().iter().all(|call| call.ended.is_some())
    });
    if all_ended { Ok(Some(log)) } else { Err(format!("calls hang:\n{}", proxy.log())) }
}

/// A step that is killed, and then done again.
fn killed(lane: &Lane, step: Step, rule: &Rule) -> Result<(), String> {
    let Some(first) = kill(&lane.proxy, rule.clone(), || lane.start(step, &[]))? else {
        return Ok(());
    };
    lane.proxy.reset();
    let again = lane.run(step, &[]);
    // The set itself is the last to go: then there is nothing left to do.
    if step == Step::Delete && again.said.contains("there is no set") {
        return Ok(());
    }
    lane.well(&again).map_err(|fault| format!("{fault}\nafter a kill:\n{first}"))
}

#[test]
fn a_run_that_was_killed_at_any_of_its_calls_is_finished_by_the_next() {
    let test = "k8s-apply killed at each call";
    in_lanes(test, 3, MOST_CALLS, |lane, number| {
        let stop = Rule::new(Fault::stop()).nth(number);
        lane.cycle_and_idle(|lane, step| killed(lane, step, &stop))
    });
}

/// Of calls that write nothing the one is like the other.
#[test]
fn a_run_that_was_killed_after_any_of_its_writes_is_finished_by_the_next() {
    let test = "k8s-apply killed after each write";
    in_lanes(test, 3, MOST_WRITES, |lane, number| {
        let stop = Rule::new(Fault::stop().after_forwarding()).writes().nth(number);
        lane.cycle_and_idle(|lane, step| killed(lane, step, &stop))
    });
}
