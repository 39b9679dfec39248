//! Wishes about a host, one for each concern.

pub(crate) mod cluster_dns;
mod containerd;
mod directories;
mod firewall;
mod haproxy;
mod hostname;
mod hosts;
mod kubelet;
mod modules;
mod mounts;
mod network_manager;
mod nfs;
mod packages;
mod repositories;
mod selinux;
mod swap;
mod sysctls;
#[cfg(test)]
pub(crate) mod testing;
mod time;

use crate::facts::Facts;
use crate::fetch::Need;
use crate::host::{Host, HostError};
use crate::plan::Step;
use crate::spec::Node;

pub(crate) use packages::pattern;

/// All steps, in the order in which they are carried out.
#[must_use]
pub fn all() -> &'static [&'static dyn Step] {
    &[
        &hostname::Hostname,
        &hosts::Hosts,
        &repositories::Repositories,
        // Before the modules: some are in packages.
        &packages::Packages,
        &modules::Modules,
        &sysctls::Sysctls,
        &swap::Swap,
        &selinux::Selinux,
        // Before what listens.
        &firewall::Firewall,
        &directories::Directories,
        &time::Time,
        &nfs::Nfs,
        &haproxy::Haproxy,
        &mounts::Mounts,
        &network_manager::NetworkManager,
        &cluster_dns::ClusterDns,
        &containerd::Containerd,
        &kubelet::Kubelet,
    ]
}

/// The step that says where packages come from.
#[must_use]
pub fn repositories() -> &'static dyn Step {
    &repositories::Repositories
}

/// What has to be fetched before [`plan_with`](crate::plan::plan_with): keys of repositories that are not on the host yet.
///
/// # Errors
/// If the host cannot be looked at.
pub fn needs(host: &dyn Host, node: &Node, facts: &Facts) -> Result<Vec<Need>, HostError> {
    repositories::needs(host, node, facts)
}
