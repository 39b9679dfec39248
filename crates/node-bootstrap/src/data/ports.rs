//! The ports that a node needs, by its role, its network plugin and its services.

use std::sync::LazyLock;

use serde::Deserialize;

use super::table;
use crate::spec::{CniKind, Node, PortRange, Role};

/// Something that a host has to let in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Inbound {
    /// The ports; absent for a protocol without ports.
    pub port: Option<PortRange>,
    /// What carries it.
    pub protocol: Carrier,
    /// Who sends it.
    pub from: Sender,
    /// What for.
    pub why: String,
    when: Vec<When>,
}

/// What carries packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// IP in IP: protocol 4.
    Ipip,
    /// ICMP echo.
    Icmp,
}

/// Who sends packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// Anyone: other nodes, load balancers, people.
    Anyone,
    /// The control planes.
    ControlPlanes,
}

/// What makes it necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    ControlPlane,
    Worker,
    Flannel,
    FlannelWireguard,
    Calico,
    CalicoVxlan,
    Cilium,
    NfsServer,
}

static TABLE: LazyLock<Vec<Inbound>> =
    LazyLock::new(|| table(include_str!("../../data/ports.json")));

/// What a node has to let in, without its extra ports. The port of the API server is the one of `kubeadm.bindPort`.
///
/// A control plane that runs ordinary pods as well needs what a worker needs.
#[must_use]
pub fn needed(node: &Node) -> Vec<Inbound> {
    let cni = node.firewall.as_ref().map_or(CniKind::None, |firewall| firewall.cni);
    let serves = node.nfs.as_ref().is_some_and(|nfs| nfs.server.is_some());
    let wanted = |when: &When| match when {
        When::ControlPlane => node.role == Role::ControlPlane,
        When::Worker => {
            node.role == Role::Worker || node.role == Role::ControlPlane && node.single_node
        }
        When::NfsServer => serves,
        // A network plugin runs on nodes only.
        _ if node.role == Role::None => false,
        When::Flannel => cni == CniKind::Flannel,
        When::FlannelWireguard => cni == CniKind::FlannelWireguard,
        When::Calico => cni == CniKind::Calico,
        When::CalicoVxlan => cni == CniKind::CalicoVxlan,
        When::Cilium => cni == CniKind::Cilium,
    };
    let external = node.kubeadm.as_ref().and_then(|kubeadm| kubeadm.etcd.as_ref());
    let no_etcd = external.is_some_and(|etcd| etcd.external.is_some());
    let mut found: Vec<Inbound> =
        TABLE.iter().filter(|inbound| inbound.when.iter().any(wanted)).cloned().collect();
    found.retain(|inbound| !(no_etcd && inbound.port.is_some_and(|port| port.contains(ETCD))));
    let bind = node.kubeadm.as_ref().map_or(API_SERVER, |kubeadm| kubeadm.bind_port);
    for inbound in
        found.iter_mut().filter(|inbound| inbound.port == Some(PortRange::one(API_SERVER)))
    {
        inbound.port = Some(PortRange::one(bind));
    }
    if let Some(haproxy) = &node.haproxy {
        found.push(Inbound {
            port: Some(PortRange::one(haproxy.bind)),
            protocol: Carrier::Tcp,
            from: Sender::Anyone,
            why: "haproxy, which leads to the API servers".to_owned(),
            when: Vec::new(),
        });
    }
    found
}

const API_SERVER: u16 = 6443;
const ETCD: u16 = 2379;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Firewall, Kubeadm, Nfs, NfsServer};

    fn ports(node: &Node) -> Vec<String> {
        let show = |inbound: &Inbound| match inbound.port {
            Some(port) => format!("{port}/{:?}", inbound.protocol).to_lowercase(),
            None => format!("{:?}", inbound.protocol).to_lowercase(),
        };
        needed(node).iter().map(show).collect()
    }

    fn node(role: Role, cni: CniKind) -> Node {
        Node { role, firewall: Some(Firewall { cni, ..Firewall::default() }), ..Node::default() }
    }

    #[test]
    fn each_role_has_its_ports() {
        assert_eq!(
            ports(&node(Role::ControlPlane, CniKind::None)),
            ["6443/tcp", "2379-2380/tcp", "10250/tcp", "10257/tcp", "10259/tcp"]
        );
        assert_eq!(
            ports(&node(Role::Worker, CniKind::None)),
            ["10250/tcp", "10256/tcp", "30000-32767/tcp", "30000-32767/udp"]
        );
        assert!(ports(&node(Role::None, CniKind::Calico)).is_empty());
    }

    #[test]
    fn each_network_plugin_has_its_ports() {
        let more = |cni| {
            let all = ports(&node(Role::Worker, cni));
            all[4..].to_vec()
        };
        assert_eq!(more(CniKind::Flannel), ["8472/udp"]);
        assert_eq!(more(CniKind::FlannelWireguard), ["51820-51821/udp"]);
        assert_eq!(more(CniKind::Calico), ["179/tcp", "ipip", "5473/tcp"]);
        assert_eq!(more(CniKind::CalicoVxlan), ["5473/tcp", "4789/udp"]);
        assert_eq!(more(CniKind::Cilium), ["8472/udp", "4240/tcp", "4244-4245/tcp", "icmp"]);
    }

    #[test]
    fn a_single_node_has_the_ports_of_both_roles_and_no_port_twice() {
        let all = ports(&Node { single_node: true, ..node(Role::ControlPlane, CniKind::Flannel) });
        let mut unique = all.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), all.len());
        assert!(all.contains(&"10256/tcp".to_owned()) && all.contains(&"6443/tcp".to_owned()));
    }

    #[test]
    fn the_port_of_the_api_server_and_the_place_of_etcd_are_regarded() {
        let etcd: crate::spec::Etcd = serde_json::from_value(serde_json::json!({"external": {
            "endpoints": ["https://10.0.0.9:2379"], "caFile": "/a", "certFile": "/b", "keyFile": "/c"}}))
        .unwrap();
        let kubeadm = Kubeadm { bind_port: 8443, etcd: Some(etcd), ..Kubeadm::default() };
        let all =
            ports(&Node { kubeadm: Some(kubeadm), ..node(Role::ControlPlane, CniKind::None) });
        assert_eq!(all, ["8443/tcp", "10250/tcp", "10257/tcp", "10259/tcp"]);
    }

    #[test]
    fn haproxy_has_its_port_without_being_a_node() {
        let haproxy = crate::spec::Haproxy { bind: 8443, ..crate::spec::Haproxy::default() };
        assert_eq!(ports(&Node { haproxy: Some(haproxy), ..Node::default() }), ["8443/tcp"]);
    }

    #[test]
    fn a_server_of_files_has_its_port_without_being_a_node() {
        let nfs = Nfs { server: Some(NfsServer::default()), client: false };
        assert_eq!(ports(&Node { nfs: Some(nfs), ..Node::default() }), ["2049/tcp"]);
    }
}
