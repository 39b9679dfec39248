//! Interruptions: the program ends at once with 130, and the next run finishes what it had begun.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tests::proxy::{Fault, Rule};

use super::lane::Step;
use super::program::{LONG, Running};
use super::waiting::Place;
use super::{in_lanes, in_places};

/// How long it may take to end, on a machine that is busy.
const PROMPTLY: Duration = Duration::from_secs(2);

/// Interrupts a run. An error if it does not end as it should.
fn interrupt(running: Running, number: usize) -> Result<(), String> {
    let signal = if number.is_multiple_of(2) { Signal::INT } else { Signal::TERM };
    let id = i32::try_from(running.id()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    let sent = Instant::now();
    let ended = running.end(LONG);
    if ended.code == Some(130) && sent.elapsed() < PROMPTLY && ended.said.contains("interrupted") {
        return Ok(());
    }
    Err(format!("{signal:?}, {:?} later: {ended:?}\n{}", sent.elapsed(), ended.said))
}

#[test]
fn a_run_that_is_interrupted_at_any_call_ends_at_once_and_the_next_one_finishes_it() {
    let test = "k8s-apply interrupted";
    in_lanes(test, 3, 20, |lane, number| {
        lane.cycle_and_idle(|lane, step| {
            let nth = 3 * number - 2;
            // The server does some of the calls that are interrupted, and does not hear of others.
            let stall = Fault::stall();
            let stall = if nth % 2 == 0 { stall.after_forwarding() } else { stall };
            lane.proxy.fault(Rule::new(stall).nth(nth));
            let mut running = lane.start(step, &[]);
            let began = Instant::now();
            while !lane.proxy.wait_until(Duration::from_millis(10), |log| !log.faults().is_empty())
            {
                if running.has_ended() {
                    return lane.well(&running.end(LONG));
                }
                assert!(began.elapsed() < LONG, "{}", lane.proxy.log());
            }
            interrupt(running, number)?;
            lane.proxy.clear_faults();
            lane.proxy.reset();
            lane.succeeds(step).or_else(|fault| {
                let gone = step == Step::Delete && fault.contains("there is no set");
                if gone { Ok(()) } else { Err(fault) }
            })
        })
    });
}

#[test]
fn a_run_that_waits_is_interrupted_at_once() {
    let test = "k8s-apply interrupted while it waits";
    in_places(
        test,
        1,
        2,
        || Place::new(test),
        |place, number| {
            // For what does not become ready.
            place.proxy.reset();
            let running = place.start(&Place::name(), &[]);
            place.until(|log| !log.open_watches().is_empty());
            interrupt(running, number)?;
            // For a server that does not answer.
            place.proxy.reset();
            place.proxy.fault(Fault::cut());
            let running = place.start(&Place::name(), &[]);
            place.until(|log| log.faults().len() >= 4);
            interrupt(running, number)?;
            // For manifests that do not come.
            let mut running = place.piped();
            std::thread::sleep(Duration::from_millis(300));
            assert!(!running.has_ended());
            interrupt(running, number)
        },
    );
}
