//! Wishes about a host, one for each concern.

mod containerd;
mod firewall;
mod kubelet;
mod modules;
mod packages;
mod repositories;
mod sysctls;
#[cfg(test)]
pub(crate) mod testing;

use crate::facts::Facts;
use crate::fetch::Need;
use crate::host::{Host, HostError};
use crate::plan::Step;
use crate::spec::Node;

/// All steps, in the order in which they are carried out.
#[must_use]
pub fn all() -> &'static [&'static dyn Step] {
    &[
        &modules::Modules,
        &sysctls::Sysctls,
        &repositories::Repositories,
        &packages::Packages,
        &firewall::Firewall,
        &containerd::Containerd,
        &kubelet::Kubelet,
    ]
}

/// What has to be fetched before [`plan_with`](crate::plan::plan_with): keys of repositories that are not on the host yet.
///
/// # Errors
/// If the host cannot be looked at.
pub fn needs(host: &dyn Host, node: &Node, facts: &Facts) -> Result<Vec<Need>, HostError> {
    repositories::needs(host, node, facts)
}
