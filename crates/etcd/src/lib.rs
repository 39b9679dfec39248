//! The members of an etcd cluster: what is known of them, and what may be done without a write being lost.

mod view;

pub use view::{Member, View};
