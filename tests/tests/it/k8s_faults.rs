//! `k8s-apply` when things go wrong: calls that fail, answers that are lost, and the program killed, at every call that it
//! makes, against a real API server. However it was disturbed, in the end the cluster is as after a run that was not.

mod every_call;
mod kills;
mod lane;
mod program;
mod set;
mod state;

/// Runs a test with lanes side by side, each with cases of its own. A case is told by its number, from 1.
///
/// # Panics
/// With what was wrong, if anything was.
fn in_lanes(
    test: &'static str,
    lanes: usize,
    cases: usize,
    case: impl Fn(&lane::Lane, usize) -> Result<(), String> + Sync,
) {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let next = AtomicUsize::new(1);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                let Some(lane) = lane::Lane::new(test) else { return };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > cases {
                        break;
                    }
                    if let Err(fault) = case(&lane, number) {
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
