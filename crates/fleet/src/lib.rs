//! Kubernetes clusters of many hosts. What each shall be stands in an [`Inventory`](topology::Inventory); what each is,
//! a [`survey`](mod@survey) says; a [`plan`] is what lies between, and [`run`] carries it out. Hosts are asked and changed through
//! [`Contact`], [`SshContact`] for hosts that are elsewhere.

mod ask;
mod contact;
pub mod etcd;
mod kubectl;
pub mod plan;
mod pool;
pub mod run;
mod ssh;
pub mod survey;
mod watch;
pub mod wish;

pub use ask::ask;
pub use contact::{Contact, ContactError};
pub use ssh::{SshContact, target_of};
pub use watch::{News, Watch};
