//! Wishes about a host, one for each concern.

pub(crate) mod cluster_dns;
mod directories;
mod hostname;
mod hosts;
mod modules;
mod mounts;
mod network_manager;
mod nfs;
mod selinux;
mod swap;
mod sysctls;
#[cfg(test)]
pub(crate) mod testing;
mod time;

use crate::plan::Step;

/// All steps, in the order in which they are carried out.
#[must_use]
pub fn all() -> &'static [&'static dyn Step] {
    &[
        &hostname::Hostname,
        &hosts::Hosts,
        &modules::Modules,
        &sysctls::Sysctls,
        &swap::Swap,
        &selinux::Selinux,
        &directories::Directories,
        &time::Time,
        &nfs::Nfs,
        &mounts::Mounts,
        &network_manager::NetworkManager,
        &cluster_dns::ClusterDns,
    ]
}
