//! Runs workflow graphs: HyperFlow's process networks and WfFormat instances, with a crash-safe journal
//! and an executor of your choice.
//!
//! The core is synchronous and small: load a workflow, check it, run it, observe it. It creates no
//! runtime, prints nothing and reads no environment. What runs tasks is behind one trait,
//! [`exec::Executor`]; [`exec::Local`] makes them processes of this machine, [`exec::Pool`] calls a
//! function of yours.
//!
//! ```
//! use std::sync::Arc;
//! use workflow_engine::exec::{Outcome, Pool};
//! use workflow_engine::model::{Variables, Workflow};
//! use workflow_engine::run::{Run, Status};
//!
//! // Load and check: everything that is wrong is reported at once.
//! let text = r#"{
//!   "processes": [
//!     {"name": "split", "firingLimit": 1, "ins": ["text"],  "outs": ["left", "right"]},
//!     {"name": "count", "firingLimit": 1, "ins": ["left"],  "outs": ["a"]},
//!     {"name": "count", "firingLimit": 1, "ins": ["right"], "outs": ["b"]},
//!     {"name": "sum",   "firingLimit": 1, "ins": ["a", "b"], "outs": ["total"]}],
//!   "signals": [{"name": "text", "data": [{}]}, {"name": "left"}, {"name": "right"},
//!               {"name": "a"}, {"name": "b"}, {"name": "total"}],
//!   "ins": ["text"], "outs": ["total"]}"#;
//! let workflow = Arc::new(Workflow::parse(text, &Variables::new())?);
//! assert_eq!(workflow.shape().levels, 3);
//!
//! // Run with an own executor: two threads that call a function for each task.
//! let executor = Arc::new(Pool::new(2, |task| {
//!     let _work = task.process().type_name();
//!     Outcome::done()
//! }));
//! let report = Run::new(workflow).execute(executor)?;
//! assert_eq!(report.status, Status::Finished);
//! assert_eq!(report.done, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A wrong reference is an error with its place and the nearest name:
//!
//! ```
//! use workflow_engine::model::{Variables, Workflow};
//!
//! let text = r#"{"processes": [{"name": "t", "ins": ["imput"]}],
//!                "signals": [{"name": "input", "data": [1]}]}"#;
//! let invalid = Workflow::parse(text, &Variables::new()).unwrap_err();
//! let problem = &invalid.problems[0];
//! assert_eq!(problem.code, "unknown-signal");
//! assert_eq!(problem.position.map(|at| (at.line, at.column)), Some((1, 38)));
//! assert_eq!(problem.help.as_deref(), Some("did you mean `input`?"));
//! ```

pub mod check;
pub mod draw;
pub mod exec;
mod graph;
pub mod hyperflow_log;
pub mod journal;
#[cfg(feature = "k8s")]
pub mod k8s;
mod load;
pub mod model;
mod net;
pub mod run;
pub mod store;
pub mod trace;

pub use graph::Shape;
pub use load::{LoadError, read_file};
pub use net::{Input, Output, Outputs};
