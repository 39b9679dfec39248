//! Addresses together: the network of services, and how the API is reached.

use std::net::IpAddr;

use diagnostics::Problem;
use topology::Network as Subnet;

use super::Derived;
use super::machines::{has_role, is_master, name_of};
use crate::config::{ClusterConfiguration, KubernetesConfiguration, Machine};
use crate::fields::{Written, address_of, shown};

/// What was read of the addresses of `kubernetes-configuration.yaml`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    /// The name server.
    pub(crate) dns: Option<IpAddr>,
    /// The address of the API, with where it is written.
    pub(crate) balancer: Option<Written<IpAddr>>,
    /// The network of services.
    pub(crate) services: Option<Subnet>,
}

impl Network {
    pub(crate) fn of(kubernetes: &KubernetesConfiguration, faults: &mut Vec<Problem>) -> Self {
        let mut address = |text: &Option<Written<String>>| {
            let text = text.as_ref()?;
            let value = address_of(text, faults)?;
            Some(Written { value, path: text.path.clone(), place: text.place.clone() })
        };
        let dns = address(&kubernetes.cluster_dns).map(|dns| dns.value);
        let balancer = address(&kubernetes.load_balance_ip);
        Self { dns, balancer, services: services(kubernetes, faults) }
    }
}

fn services(kubernetes: &KubernetesConfiguration, faults: &mut Vec<Problem>) -> Option<Subnet> {
    let text = kubernetes.service_range.as_ref()?;
    let Ok(range) = text.value.parse::<Subnet>() else {
        let message = format!("`{}` is no network", shown(&text.value));
        faults.push(text.error("network", message, "give one such as 10.254.0.0/16"));
        return None;
    };
    if range.network() != range {
        faults.push(text.warning(
            "network",
            format!("`{range}` is an address in a network"),
            format!("write {}", range.network()),
        ));
    }
    Some(range)
}

/// Whether the address of the API agrees with the roles: the three solutions for high availability.
pub(crate) fn balancer(
    cluster: &ClusterConfiguration,
    derived: &Derived,
    faults: &mut Vec<Problem>,
) {
    let Some(balancer) = &derived.network.balancer else { return };
    let with_address =
        || cluster.machines.iter().zip(derived.machines.0.iter().map(|facts| facts.address));
    let at_balancer: Vec<&Machine> = with_address()
        .filter(|(_, address)| *address == Some(balancer.value))
        .map(|(machine, _)| machine)
        .collect();
    let of_role = |role: &str| -> Vec<(&Machine, Option<IpAddr>)> {
        with_address().filter(|(machine, _)| has_role(machine, role)).collect()
    };
    let (masters, proxies) = (of_role("master"), of_role("proxy"));
    let list = |machines: &[(&Machine, Option<IpAddr>)]| {
        let known: Vec<String> =
            machines.iter().filter_map(|(_, ip)| Some(ip.as_ref()?.to_string())).collect();
        known.join(" or ")
    };
    if let [_, .., (last, _)] = proxies[..] {
        faults.push(last.entry.warning(
            "two-proxies",
            format!("{} hosts are proxies, and load-balance-ip can be the address of one only", proxies.len()),
            "leave one; or move one address between them with keepalived and give that one as load-balance-ip, with the \
             balancer outside of this file",
        ));
    }
    // Without all addresses, nothing can be said.
    let all_known =
        |machines: &[(&Machine, Option<IpAddr>)]| machines.iter().all(|(_, ip)| ip.is_some());
    if !proxies.is_empty() {
        if all_known(&proxies) && !at_balancer.iter().any(|machine| has_role(machine, "proxy")) {
            faults.push(balancer.error(
                "proxy-lb-mismatch",
                format!(
                    "load-balance-ip is {}, and the proxy host has another address",
                    balancer.value
                ),
                format!("write {}, the address of the proxy host", list(&proxies)),
            ));
        }
        return;
    }
    match (&masters[..], &at_balancer[..]) {
        ([], _) => {}
        ([_], [machine]) if is_master(machine) => {}
        (_, [machine, ..]) if !is_master(machine) => faults.push(balancer.error(
            "lb-is-worker",
            format!("load-balance-ip is the address of {}, on which no API server runs", name_of(machine)),
            "give the address of the balancer, of a proxy host, or of the only master",
        )),
        ([_], []) if all_known(&masters) => faults.push(balancer.warning(
            "single-master-lb-mismatch",
            format!("there is one master, and load-balance-ip is {}, another address", balancer.value),
            format!("write {}, unless a balancer outside of this file has that address", list(&masters)),
        )),
        ([_, _, ..], [machine, ..]) => faults.push(balancer.warning(
            "lb-is-master",
            format!("load-balance-ip is the address of the master {}: without it, the others are not reached", name_of(machine)),
            "give the address of a balancer, or make a host the proxy",
        )),
        _ => {}
    }
}

/// Whether the network of services has addresses that are others'.
pub(crate) fn overlaps(
    cluster: &ClusterConfiguration,
    kubernetes: &KubernetesConfiguration,
    derived: &Derived,
    faults: &mut Vec<Problem>,
) {
    let (Some(range), Some(written)) = (derived.network.services, &kubernetes.service_range) else {
        return;
    };
    let inside: Vec<(&Machine, IpAddr)> = cluster
        .machines
        .iter()
        .zip(&derived.machines.0)
        .filter_map(|(machine, facts)| {
            Some((machine, facts.address.filter(|ip| range.contains(*ip))?))
        })
        .collect();
    let help = "give services a network of their own, such as 10.254.0.0/16";
    if let [(machine, address), rest @ ..] = &inside[..] {
        let more = if rest.is_empty() {
            String::new()
        } else {
            format!(", and {} more hosts", rest.len())
        };
        let message = format!(
            "the network of services contains {address}, the address of {}{more}",
            name_of(machine)
        );
        faults.push(written.error("service-range-overlap", message, help));
    }
    if let Some(balancer) = &derived.network.balancer
        && range.contains(balancer.value)
        && !inside.iter().any(|(_, address)| *address == balancer.value)
    {
        let message =
            format!("the network of services contains load-balance-ip, {}", balancer.value);
        faults.push(written.error("service-range-overlap", message, help));
    }
    // Where hosts are inside, it is the network that is wrong.
    if inside.is_empty()
        && let Some(dns) = derived.network.dns.filter(|dns| range.contains(*dns))
        && let Some(written) = &kubernetes.cluster_dns
    {
        faults.push(written.warning(
            "dns-in-service-range",
            format!("{dns} is an address of services, and OpenPAI deploys no name server there"),
            "give a name server of /etc/resolv.conf",
        ));
    }
}
