//! Puts sets of manifests on a Kubernetes cluster, and keeps them there.
//!
//! [`manifest::load`] reads, `run::propose` finds out, `run::Proposal::carry_out` does. Nothing is written before
//! everything was looked at: a `plan::Plan` is a value, with a reason for each refusal and the place in the file.
//!
//! ```no_run
//! # #[cfg(feature = "client")]
//! # mod example {
//! use k8s_apply::apply_set::SetRef;
//! use k8s_apply::cluster::{Cluster, Limits};
//! use k8s_apply::manifest::{Input, LoadOptions, load};
//! use k8s_apply::run::{RunOptions, propose};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let loaded = load(&[Input::Path("manifests".into())], &LoadOptions::default());
//! if loaded.has_errors() {
//!     return Err(loaded.problems[0].to_string().into());
//! }
//! // The kubeconfig that the environment names, and its current context.
//! let cluster = Cluster::connect(None, None, Limits::default()).await?;
//! let options = RunOptions {
//!     set: Some(SetRef::parse("web", "apps")?),
//!     prune: Some(Default::default()),
//!     wait_for_all: true,
//!     ..RunOptions::default()
//! };
//! let proposal = propose(&cluster, &loaded.manifests, &options).await?;
//! if let Some(problem) = proposal.plan.problems.first() {
//!     return Err(problem.to_string().into());
//! }
//! for step in &proposal.plan.steps {
//!     println!("{:?} {}", step.action, step.key);
//! }
//! let now = || "2026-11-21T07:04:44Z".to_owned(); // for the history: the library reads no clock
//! let report = proposal.carry_out(&cluster, &options, &now, &|event| println!("{event:?}")).await;
//! assert!(report.is_complete(), "{report:?}");
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! The steps are usable one by one: `plan` (what would change), `apply` (stage by stage), `wait` (with reasons),
//! `apply_set` (sets, pruning, deleting), [`order`], [`readiness`], [`convert`]. Without the feature `client` the crate
//! knows no cluster: manifests, names, quantities, order and readiness are plain data.

#[cfg(feature = "client")]
pub mod apply;
#[cfg(feature = "client")]
pub mod apply_set;
pub mod builtin;
#[cfg(feature = "client")]
pub mod change;
#[cfg(feature = "client")]
pub mod cluster;
pub mod config_map;
pub mod convert;
pub mod definition;
#[cfg(feature = "client")]
pub mod fields;
#[cfg(feature = "client")]
pub mod follow;
pub mod manifest;
pub mod name;
pub mod object;
pub mod order;
#[cfg(feature = "client")]
pub mod plan;
pub mod quantity;
pub mod readiness;
#[cfg(feature = "client")]
pub mod run;
#[cfg(feature = "client")]
pub mod wait;

pub use object::{GroupKind, GroupVersionKind, Object, ObjectKey};
pub use quantity::Quantity;
pub use readiness::Readiness;
