//! `wf-run --executor k8s`, as its users run it, on a real cluster: every test in a namespace of its own.

#![expect(clippy::panic, reason = "a test that cannot go on is to fail")]

mod bed;
mod disturbed;
mod every_call;
mod failures;
mod flow;
mod modes;
mod montage;
mod rights;

use std::time::Duration;

/// Longer than any run here takes that comes to an end.
const LONG: Duration = Duration::from_secs(150);
