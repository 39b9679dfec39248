//! Threads that run attempts by a function: the base of the local executor, and the short way to an own one.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Attempt, Executor, Failure, Outcome, Stop, TaskId};

/// How long a pool that is dropped waits for its threads.
const LAST_WAIT: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Queue {
    attempts: VecDeque<Attempt>,
    idle: usize,
    closed: bool,
}

#[derive(Default)]
struct Inner {
    queue: Mutex<Queue>,
    work: Condvar,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Attempt> {
        let mut queue = self.lock();
        loop {
            if let Some(attempt) = queue.attempts.pop_front() {
                return Some(attempt);
            }
            if queue.closed {
                return None;
            }
            queue.idle += 1;
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

/// An executor that calls a function on one of its threads for each attempt.
///
/// ```
/// use std::sync::Arc;
/// use workflow_engine::exec::{Outcome, Pool};
/// use workflow_engine::model::{Variables, Workflow};
/// use workflow_engine::run::{Run, Status};
///
/// let text = r#"{"processes": [{"name": "hello", "firingLimit": 1, "ins": [0], "outs": []}],
///                "signals": [{"name": "go", "data": [{}]}], "ins": [0], "outs": []}"#;
/// let workflow = Workflow::parse(text, &Variables::new())?;
/// let pool = Pool::new(2, |attempt| {
///     assert_eq!(attempt.process().name(), "hello");
///     Outcome::done()
/// });
/// let report = Run::new(Arc::new(workflow)).execute(Arc::new(pool))?;
/// assert_eq!(report.status, Status::Finished);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pool {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// As many threads as tasks shall run at once (see [`RunOptions::slots`](crate::run::RunOptions)).
    pub fn new<F>(threads: usize, run: F) -> Self
    where
        F: Fn(&Attempt) -> Outcome + Send + Sync + 'static,
    {
        Self::with_slots(threads, move |_slot, attempt| run(attempt))
    }

    /// As [`Pool::new`]; the function also gets the number of its thread, from 0.
    pub(super) fn with_slots<F>(threads: usize, run: F) -> Self
    where
        F: Fn(usize, &Attempt) -> Outcome + Send + Sync + 'static,
    {
        let inner = Arc::new(Inner::default());
        let run = Arc::new(run);
        let threads = (0..threads.max(1))
            .map(|slot| {
                let inner = Arc::clone(&inner);
                let run = Arc::clone(&run);
                std::thread::spawn(move || {
                    while let Some(attempt) = inner.next() {
                        // A panic is that task's failure; the thread goes on with the next one.
                        let outcome = catch_unwind(AssertUnwindSafe(|| run(slot, &attempt)));
                        attempt.finish(outcome.unwrap_or_else(|_| {
                            let why = "the executor's function panicked".to_owned();
                            Outcome::failed(Failure::Lost(why))
                        }));
                    }
                })
            })
            .collect();
        Self { inner, threads }
    }

    /// Takes an attempt back that no thread has begun.
    pub(super) fn withdraw(&self, task: TaskId) -> Option<Attempt> {
        let mut queue = self.inner.lock();
        let at = queue.attempts.iter().position(|attempt| attempt.id() == task)?;
        queue.attempts.remove(at)
    }
}

impl Executor for Pool {
    fn start(&self, attempt: Attempt) {
        let mut queue = self.inner.lock();
        queue.attempts.push_back(attempt);
        // A busy thread looks here before it sleeps; only a sleeping one needs a call.
        if queue.idle > 0 {
            drop(queue);
            self.inner.work.notify_one();
        }
    }

    fn stop(&self, task: TaskId, _how: Stop) {
        if let Some(attempt) = self.withdraw(task) {
            attempt.finish(Outcome::failed(Failure::Stopped));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.inner.lock().closed = true;
        self.inner.work.notify_all();
        let until = Instant::now() + LAST_WAIT;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_micros(200));
            }
            // One that hangs in a task that cannot be killed must not hang everyone else.
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Variables, Workflow};
    use crate::run::{Run, RunOptions};

    #[test]
    fn a_panic_fails_its_task_and_leaves_the_thread_for_the_next() {
        let text = r#"{"processes": [{"name": "a", "firingLimit": 1, "ins": [0], "outs": []},
                                     {"name": "b", "firingLimit": 1, "ins": [0], "outs": []}],
                       "signals": [{"name": "go", "data": [{}]}], "ins": [0], "outs": []}"#;
        let workflow = Arc::new(Workflow::parse(text, &Variables::new()).unwrap());
        let pool = Pool::new(1, |task| {
            assert_eq!(task.process().name(), "b", "this panic is part of the test");
            Outcome::done()
        });
        let options = RunOptions { slots: 1, keep_going: true, ..RunOptions::default() };
        let report = Run::new(workflow).options(options).execute(Arc::new(pool)).unwrap();
        assert_eq!((report.done, report.failed.len()), (1, 1));
    }
}
