//! What the files mean: rules that types cannot express.

mod addresses;
mod components;
pub(crate) mod machines;
mod services;
mod words;

use diagnostics::Problem;

use crate::config::Login;
use crate::set::Set;

pub(crate) use addresses::Network;
pub(crate) use machines::Facts;

/// What was read of the values on the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Derived {
    /// Of each machine.
    pub(crate) machines: Facts,
    /// Of the addresses.
    pub(crate) network: Network,
}

/// Checks everything that can be checked with the files that are there.
pub(crate) fn check(set: &Set, faults: &mut Vec<Problem>) -> Derived {
    let mut derived = Derived::default();
    if let Some(cluster) = &set.cluster {
        words::login(&cluster.default_login, faults);
        derived.machines = Facts::of(&cluster.machines, &cluster.default_login, faults);
        machines::check(cluster, &derived.machines, faults);
        if let Some(roles) = &set.roles {
            machines::roles(cluster, roles, faults);
        }
    }
    if let Some(kubernetes) = &set.kubernetes {
        derived.network = Network::of(kubernetes, faults);
        words::kubernetes(kubernetes, faults);
        if let Some(cluster) = &set.cluster {
            addresses::balancer(cluster, &derived, faults);
            addresses::overlaps(cluster, kubernetes, &derived, faults);
        }
    }
    if let Some(roles) = &set.roles {
        components::check(roles, faults);
    }
    if let Some(services) = &set.services {
        services::check(services, faults);
    }
    derived
}

/// The login that counts for a value: the machine's own, else the default.
pub(crate) fn own_or<'l, T>(
    own: &'l Login,
    default: &'l Login,
    part: impl Fn(&'l Login) -> Option<&'l T>,
) -> Option<&'l T> {
    part(own).or_else(|| part(default))
}
