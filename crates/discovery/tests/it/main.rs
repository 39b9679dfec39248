//! Tests of the crate through its public face.

mod address_files;
mod complete;
mod discover;
#[cfg(feature = "live")]
mod live;
mod pod_list;
mod pods;
