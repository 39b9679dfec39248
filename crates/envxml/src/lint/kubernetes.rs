//! What only matters on pods.

use std::collections::{BTreeMap, HashMap};

use super::context::{Context, Placed};
use super::findings::Findings;
use super::thor::machines_of;
use super::values::{is_true, number, truth};
use super::{PodRole, Rule};
use crate::address::{ip, is_local, normal};
use crate::view::{Instance, Part};

/// The UDP buffers that Roxie asks for where its cluster says nothing.
const UDP_BUFFER: u32 = 131_072;

/// Roles of pods that take anything that has no pod of its own.
const ANYTHING: [&str; 2] = ["support", "node"];

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    roxie(context, found);
    addresses(context, found);
    for thor in context.of("ThorCluster") {
        let element = thor.component.element;
        let slaves = machines_of(thor, Part::ThorSlave).len();
        if slaves > 1 && !is_true(element, "replicateOutputs") {
            found.add(
                Rule::ThorWithoutReplicas,
                &thor.chain(),
                Some("replicateOutputs"),
                format!(
                    "a pod that is lost takes its part of the files of {} with it",
                    thor.title()
                ),
                "set replicateOutputs to true, or give the pods volumes that stay",
            );
        }
    }
    if let Some(pods) = &context.options.pods {
        labels(context, pods, found);
    }
}

fn roxie<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    for roxie in context.of("RoxieCluster") {
        let element = roxie.component.element;
        let multicast = element.get("roxieMulticastEnabled");
        // It is on where nothing is said.
        if multicast.and_then(|value| truth(&value)) != Some(false) {
            found.add(
                Rule::RoxieMulticast,
                &roxie.chain(),
                Some("roxieMulticastEnabled"),
                format!("{} uses multicast, which does not exist on pod networks", roxie.title()),
                "set roxieMulticastEnabled to false",
            );
        }
        if roxie.component.part(Part::RoxieServer).next().is_none() {
            continue;
        }
        let size = |attribute| number(element, attribute, UDP_BUFFER);
        let read = size("udpFlowSocketsSize").max(size("udpMulticastBufferSize"));
        let write = size("udpLocalWriteSocketSize");
        found.add(
            Rule::RoxieUdpBuffers,
            &roxie.chain(),
            Some("udpFlowSocketsSize"),
            format!(
                "{} needs net.core.rmem_max of at least {read} and net.core.wmem_max of at least {write}",
                roxie.title()
            ),
            "set both on the nodes: they are not a pod's own, so a pod's securityContext cannot",
        );
        if !is_true(element, "copyResources") {
            found.add(
                Rule::RoxieCopyResources,
                &roxie.chain(),
                Some("copyResources"),
                format!("{} reads its files from other pods", roxie.title()),
                "set copyResources to true, so that a query does not fail with another pod",
            );
        }
    }
}

/// One finding for all addresses: each of them has the same reason and remedy.
fn addresses<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let unstable = |address: &str| ip(address).is_some() && !is_local(address);
    let mut machines = context.machines.iter().filter(|machine| unstable(&machine.address));
    let Some(first) = machines.next() else { return };
    let count = machines.count() + 1;
    found.add(
        Rule::UnstableAddress,
        &first.chain,
        Some("netAddress"),
        format!("{count} of {} machines have an IP address", context.machines.len()),
        "use the names of a StatefulSet's pods below a headless Service, as thor-0.thor.default.svc",
    );
}

fn labels<'d>(
    context: &Context<'_, 'd>,
    pods: &BTreeMap<String, PodRole>,
    found: &mut Findings<'d>,
) {
    let by_address: HashMap<_, _> =
        pods.iter().map(|(address, pod)| (normal(address), pod)).collect();
    let mut on_machine: HashMap<usize, &PodRole> = HashMap::new();
    for (index, machine) in context.machines.iter().enumerate() {
        if let Some(pod) = by_address.get(&normal(&machine.address)) {
            on_machine.insert(index, pod);
        } else if !is_local(&machine.address) && !machine.address.is_empty() {
            found.add(
                Rule::AddressWithoutPod,
                &machine.chain,
                Some("netAddress"),
                format!("no pod has the address {}", machine.address),
                "generate the environment again from the pods as they are now",
            );
        }
    }
    for (address, pod) in pods {
        if context.machine(address).is_none() {
            found.add(
                Rule::PodWithoutComputer,
                &[],
                None,
                format!("no computer has the address {address} of a pod for {}", pod.role),
                "generate the environment again from the pods as they are now",
            );
        }
    }
    for placed in &context.components {
        for (instance, machine) in placed.instances() {
            let Some(pod) = machine.and_then(|machine| on_machine.get(&machine)) else { continue };
            let Some(wanted) = roles(placed, instance) else { continue };
            let chain = placed.below(instance.element);
            if !wanted.contains(&&*pod.role) {
                found.add(
                    Rule::RoleAgainstPod,
                    &chain,
                    Some("computer"),
                    format!("{} is on a pod for {}", placed.title(), pod.role),
                    format!("put it on a pod for {}", wanted[0]),
                );
            } else if let Some(cluster) = other_cluster(placed, instance, pod) {
                found.add(
                    Rule::RoleAgainstPod,
                    &chain,
                    Some("computer"),
                    format!("{} is on a pod of {cluster}", placed.title()),
                    format!("put it on a pod of {}", placed.component.name),
                );
            }
        }
    }
}

/// The roles of pods that may run an instance, the best one first; `None` when all may.
fn roles(placed: &Placed<'_, '_>, instance: &Instance<'_>) -> Option<Vec<&'static str>> {
    let own: &[&str] = match (placed.component.process, instance.part) {
        (_, Part::ThorSlave | Part::ThorSpare) => return Some(vec!["thor", "thor_roxie", "node"]),
        (_, Part::RoxieServer) => return Some(vec!["roxie", "thor_roxie", "node"]),
        (_, Part::ThorMaster) => &["thormaster"],
        ("DafilesrvProcess" | "FTSlaveProcess", _) => return None,
        ("EspProcess", _) => &["esp"],
        ("DaliServerProcess", _) => &["dali"],
        ("SashaServerProcess", _) => &["sasha"],
        ("EclCCServerProcess", _) => &["eclcc"],
        ("EclSchedulerProcess", _) => &["scheduler"],
        ("BackupNodeProcess", _) => &["backup"],
        ("SparkThorProcess", _) => &["spark"],
        ("LDAPServerProcess", _) => &["ldap"],
        _ => &[],
    };
    Some(own.iter().chain(&ANYTHING).copied().collect())
}

/// The cluster of a pod, when an instance of another one is on it.
fn other_cluster<'p>(
    placed: &Placed<'_, '_>,
    instance: &Instance<'_>,
    pod: &'p PodRole,
) -> Option<&'p str> {
    let clustered = matches!(instance.part, Part::ThorSlave | Part::ThorMaster | Part::RoxieServer)
        || placed.is("EspProcess");
    let general = ANYTHING.contains(&&*pod.role) || pod.role == "thor_roxie";
    let cluster = pod.cluster.as_deref().filter(|_| clustered && !general)?;
    // `envgen` puts `my` before the name.
    let name = &*placed.component.name;
    (name != cluster && name.strip_prefix("my") != Some(cluster)).then_some(cluster)
}
