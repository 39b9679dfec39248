//! A machine that carries components.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// A pod or host as the generated environment sees it: an address, and what orders it among its like.
///
/// The order is: ordinal (of a stateful pod), name, address as a number. What is missing comes last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// What others reach it by; goes into the environment.
    pub address: Address,
    /// The name of the pod or host, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of a stateful pod: 2 of `thor-thor1-2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<u32>,
    /// A name that stays when the address changes, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<Address>,
}

impl Machine {
    /// A machine of which nothing but the address is known.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self { address, name: None, ordinal: None, host_name: None }
    }

    /// The same machine with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same machine with the number of a stateful pod.
    #[must_use]
    pub fn with_ordinal(mut self, ordinal: u32) -> Self {
        self.ordinal = Some(ordinal);
        self
    }

    /// The name of the machine, or its address where it has none.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.address.to_string())
    }
}

impl Ord for Machine {
    fn cmp(&self, other: &Self) -> Ordering {
        last(self.ordinal.as_ref(), other.ordinal.as_ref())
            .then_with(|| last(self.name.as_ref(), other.name.as_ref()))
            .then_with(|| self.address.cmp(&other.address))
            .then_with(|| self.host_name.cmp(&other.host_name))
    }
}

/// Compares what may be missing; the missing comes last.
fn last<T: Ord>(a: Option<&T>, b: Option<&T>) -> Ordering {
    b.is_some().cmp(&a.is_some()).then_with(|| a.cmp(&b))
}

impl PartialOrd for Machine {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_come_before_names_and_names_before_addresses() {
        let machine = |address: &str| Machine::new(address.parse().unwrap());
        let mut machines = [
            machine("10.0.0.1"),
            machine("10.0.0.2").named("b"),
            machine("10.0.0.3").named("a"),
            machine("10.0.0.4").named("t-10").with_ordinal(10),
            machine("10.0.0.5").named("t-9").with_ordinal(9),
        ];
        machines.sort();
        let labels: Vec<String> = machines.iter().map(Machine::label).collect();
        assert_eq!(labels, ["t-9", "t-10", "a", "b", "10.0.0.1"]);
    }
}
