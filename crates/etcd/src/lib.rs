//! The members of an etcd cluster: what is known of them, and what may be done without a write being lost.
//!
//! [`Api`] is the port to one member. `Client` (feature `client`) asks a real one through its JSON gateway; `FakeCluster`
//! (feature `fake`) is a cluster in memory. [`rules`] say what may be done, and why not.

mod api;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "fake")]
mod fake;
pub mod rules;
mod snapshot;
mod view;

pub use api::{Api, Endpoint, EtcdError, Tls, Written, hexadecimal, number};
#[cfg(feature = "client")]
pub use client::Client;
#[cfg(feature = "fake")]
pub use fake::{FakeCluster, FakeMember, Order};
pub use snapshot::check_snapshot;
pub use view::{Alarm, Member, View, Vote};
