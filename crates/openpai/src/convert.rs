//! A `cluster.yaml` of OpenPAI's files, and what is lost on the way.

use std::collections::{BTreeMap, HashMap};

use topology::inventory::{
    BalancerKind, Endpoint, HighAvailability, Host, HostRole, Kubernetes, Ssh,
};
use topology::{Address, Inventory, Network};

use crate::cluster::{self, Access, Cluster};

/// A `cluster.yaml`, and what of OpenPAI's files is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// The cluster.
    pub inventory: Inventory,
    /// What is lost or has to be looked at, a sentence each.
    pub notes: Vec<String>,
}

/// Makes a `cluster.yaml` of OpenPAI's files.
#[must_use]
pub fn convert(cluster: &Cluster) -> Converted {
    let ssh = common(cluster);
    let mut notes = Vec::new();
    let hosts: Vec<Host> =
        cluster.hosts.iter().map(|host| convert_host(host, &ssh, &mut notes)).collect();
    let kind = match cluster.high_availability {
        cluster::HighAvailability::ExternalBalancer => BalancerKind::External,
        cluster::HighAvailability::Proxy => BalancerKind::Proxy,
        cluster::HighAvailability::SingleMaster => BalancerKind::Single,
    };
    let endpoint = Endpoint::new(cluster.api_address.into(), Endpoint::API_PORT);
    lost(cluster, &mut notes);
    let inventory = Inventory {
        version: 1,
        name: cluster.name.clone(),
        kubernetes: Kubernetes {
            service_subnet: Some(cluster.service_network),
            ..Kubernetes::default()
        },
        high_availability: Some(HighAvailability { kind, endpoint }),
        ssh,
        profile: Some("kubeadm".to_owned()),
        node: BTreeMap::new(),
        hosts,
    };
    Converted { inventory, notes }
}

/// What most hosts have in common is said once.
fn common(cluster: &Cluster) -> Ssh {
    let mut seen: HashMap<(&str, u16, Option<&str>), (usize, usize)> = HashMap::new();
    for (at, host) in cluster.hosts.iter().enumerate() {
        let Access { user, port, key_file, .. } = &host.access;
        seen.entry((user, *port, key_file.as_deref())).or_insert((0, at)).0 += 1;
    }
    // The most frequent; of several, the first in the file.
    let most = seen.into_iter().max_by_key(|(_, (count, first))| (*count, usize::MAX - first));
    let Some(((user, port, key_file), _)) = most else { return Ssh::default() };
    Ssh {
        user: Some(user.to_owned()),
        port: Some(port),
        identity_file: key_file.map(ToOwned::to_owned),
        ..Ssh::default()
    }
}

fn convert_host(host: &cluster::Host, common: &Ssh, notes: &mut Vec<String>) -> Host {
    let Access { user, port, key_file, .. } = &host.access;
    let name = host.name.to_ascii_lowercase();
    if name != host.name {
        notes.push(format!("{} is called {name}: names of nodes have no capitals", host.name));
    }
    let role = match host.role.as_str() {
        "master" => HostRole::ControlPlane,
        "proxy" => HostRole::Proxy,
        "worker" => HostRole::Worker,
        other => {
            notes.push(format!(
                "{name} had the role {other} of the role definition, and is a worker"
            ));
            HostRole::Worker
        }
    };
    Host {
        name,
        address: host.address,
        role,
        ssh: Ssh {
            host: None::<Address>,
            user: (common.user.as_ref() != Some(user)).then(|| user.clone()),
            port: (common.port != Some(*port)).then_some(*port),
            identity_file: key_file
                .clone()
                .filter(|file| common.identity_file.as_ref() != Some(file)),
            jump: None,
        },
        labels: if role == HostRole::Proxy { BTreeMap::new() } else { host.labels.clone() },
        profile: None,
        node: BTreeMap::new(),
    }
}

/// What every conversion loses.
fn lost(cluster: &Cluster, notes: &mut Vec<String>) {
    let mut note = |text: String| notes.push(text);
    if cluster.hosts.iter().any(|host| host.access.password.is_some()) {
        note("passwords are left out: log in with keys, which ssh or its agent knows".to_owned());
    }
    let images = &cluster.images;
    note(format!(
        "the versions are left out (Kubernetes {}, etcd {}, the dashboard {}): the profile says which Kubernetes is installed; \
         give kubernetes.version for another",
        images.apiserver, images.etcd, images.dashboard
    ));
    note(format!(
        "the registry {} is left out: give mirrors in the hosts' node.yaml, below `node:`",
        images.registry
    ));
    note("the API is served with TLS at port 6443, not at 8080 without".to_owned());
    note(format!(
        "nodes are called by their host names, not by their addresses; the name server {} is not used: the cluster gets its own",
        cluster.dns
    ));
    note("members of etcd are called by their hosts' names: etcdids are left out".to_owned());
    note("classes of hardware, zkids and the dashboard's host are left out; the labels of OpenPAI's services stay".to_owned());
    if cluster.service_network.overlaps(&Network::new([169, 254, 0, 0].into(), 16)) {
        note(format!(
            "the network of services is {}, which is link-local: choose another for kubernetes.serviceSubnet",
            cluster.service_network
        ));
    }
    if cluster.high_availability == cluster::HighAvailability::ExternalBalancer {
        note(format!(
            "the balancer at {} has to pass TCP connections to port 6443 of the control planes",
            cluster.api_address
        ));
    }
}
