//! `k8s-apply` when things go wrong: calls that fail, answers that are lost, and the program killed, at every call that it
//! makes, against a real API server. However it was disturbed, in the end the cluster is as after a run that was not.

mod every_call;
mod fresh;
mod interrupts;
mod kills;
mod lane;
mod lasting;
mod leftovers;
mod program;
mod set;
mod state;
mod waiting;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use lane::Lane;

/// Runs the cases of a test, which are told by their numbers from 1, in some lanes side by side.
///
/// # Panics
/// With what was wrong, if anything was.
fn in_lanes(
    test: &str,
    lanes: usize,
    cases: usize,
    case: impl Fn(&Lane, usize) -> Result<(), String> + Sync,
) {
    in_places(test, lanes, cases, || Lane::new(test), case);
}

/// The same in places of another sort. A place that cannot be had has no cases, and has said why.
fn in_places<P>(
    test: &str,
    places: usize,
    cases: usize,
    new: impl Fn() -> Option<P> + Sync,
    case: impl Fn(&P, usize) -> Result<(), String> + Sync,
) {
    let next = AtomicUsize::new(1);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..places {
            scope.spawn(|| {
                let Some(place) = new() else { return };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > cases {
                        break;
                    }
                    if let Err(fault) = case(&place, number) {
                        wrong.lock().unwrap().push(format!("case {number}: {fault}"));
                        // What it left behind says nothing about the next case.
                        break;
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{test}:\n{}", wrong.join("\n\n"));
}
