//! Kubernetes clusters of many hosts. What each shall be stands in an [`Inventory`](topology::Inventory); what each is,
//! a survey says; a plan is what lies between. Hosts are asked and changed through [`Contact`].

mod contact;
pub mod etcd;
mod watch;

pub use contact::{Contact, ContactError};
pub use watch::{News, Watch};
