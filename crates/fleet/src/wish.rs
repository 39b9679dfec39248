//! What each host shall be: from a `cluster.yaml` to a `node.yaml` for each.

use std::collections::{BTreeMap, HashMap};
use std::io;

use node_bootstrap::agent::Wish;
use node_bootstrap::spec::{
    Haproxy, HaproxyServer, Kubeadm, Kubelet, KubernetesVersion, Node, Problems, Role,
};
use serde_json::{Value, json};
use topology::Inventory;
use topology::inventory::{Endpoint, Host, HostRole};

/// Why hosts cannot be told what they shall be.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// The `node.yaml` of a host has faults.
    #[error("{host}: {problems}")]
    Node {
        /// The host.
        host: String,
        /// The faults, with paths into its `node.yaml`.
        problems: Problems,
    },
    /// A host would have two names.
    #[error(
        "{host}: its node.yaml has `hostname: {hostname}`; the name of a host in cluster.yaml is its host name, and that of its node"
    )]
    Hostname {
        /// The host.
        host: String,
        /// The other name.
        hostname: String,
    },
    /// A file that a `node.yaml` names cannot be read at the desk.
    #[error("failed to read {path}, which the node.yaml of {host} names: {source}")]
    File {
        /// The host.
        host: String,
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

/// What each host shall be, by its name. `read` gives the text of a file at the desk.
///
/// # Errors
/// If a `node.yaml` has faults, or a file that it names cannot be read: all of that.
pub fn wishes(
    inventory: &Inventory,
    read: &dyn Fn(&str) -> io::Result<String>,
) -> Result<BTreeMap<String, Wish>, Vec<WishError>> {
    let mut wishes = BTreeMap::new();
    let mut errors = Vec::new();
    // Most hosts are the same but for names and addresses: each kind is read once.
    let mut kinds: HashMap<String, Node> = HashMap::new();
    let mut texts: HashMap<String, String> = HashMap::new();
    for host in &inventory.hosts {
        let document = document(inventory, host).to_string();
        let kind = match kinds.get(&document) {
            Some(node) => node.clone(),
            None => match Node::read_over(None, "node.yaml", &document) {
                Ok((node, _)) => kinds.entry(document).or_insert(node).clone(),
                Err(problems) => {
                    errors.push(WishError::Node { host: host.name.clone(), problems });
                    continue;
                }
            },
        };
        let node = settle(inventory, host, kind);
        if let Some(hostname) = node.hostname.clone().filter(|name| *name != host.name) {
            errors.push(WishError::Hostname { host: host.name.clone(), hostname });
        }
        let mut files = BTreeMap::new();
        for path in files_of(&node) {
            let text = match texts.get(path) {
                Some(text) => Ok(text.clone()),
                None => read(path),
            };
            match text {
                Ok(text) => {
                    texts.insert(path.to_owned(), text.clone());
                    files.insert(path.to_owned(), text);
                }
                Err(source) => {
                    let (host, path) = (host.name.clone(), path.to_owned());
                    errors.push(WishError::File { host, path, source });
                }
            }
        }
        wishes.insert(host.name.clone(), Wish { node, files });
    }
    if errors.is_empty() { Ok(wishes) } else { Err(errors) }
}

/// A host's `node.yaml` as `cluster.yaml` has it, over its profile: what is the same for all hosts of its kind. A proxy is
/// no node, so it gets of its own what it gets, and nothing of what is for all nodes.
#[must_use]
pub fn document(inventory: &Inventory, host: &Host) -> Value {
    let is_proxy = host.role == HostRole::Proxy;
    let mut document = if is_proxy { json!(host.node) } else { json!(*inventory.node_of(host)) };
    let profile = if is_proxy { host.profile.as_deref() } else { inventory.profile_of(host) };
    if let Some(version) = &inventory.kubernetes.version
        && !is_proxy
        // What is no mapping is told by who reads it.
        && matches!(document["kubernetes"], Value::Null | Value::Object(_))
        && document["kubernetes"]["version"].is_null()
    {
        document["kubernetes"]["version"] = json!(version);
    }
    for (key, value) in
        [("version", json!(1)), ("profile", json!(profile)), ("role", json!(role(host)))]
    {
        if document[key].is_null() && !value.is_null() {
            document[key] = value;
        }
    }
    document
}

fn role(host: &Host) -> Role {
    match host.role {
        HostRole::ControlPlane => Role::ControlPlane,
        HostRole::Worker => Role::Worker,
        HostRole::Proxy => Role::None,
    }
}

/// What is this host's alone, and what the cluster says of all. What `node.yaml` says itself counts.
fn settle(inventory: &Inventory, host: &Host, mut node: Node) -> Node {
    node.hostname.get_or_insert_with(|| host.name.clone());
    if host.role == HostRole::Proxy {
        let haproxy = node.haproxy.get_or_insert_with(|| Haproxy {
            bind: inventory.endpoint().map_or(Endpoint::API_PORT, |endpoint| endpoint.port()),
            ..Haproxy::default()
        });
        if haproxy.servers.is_empty() {
            let servers = inventory.with_role(HostRole::ControlPlane).map(|host| HaproxyServer {
                name: host.name.clone(),
                address: host.address.to_string(),
                port: Endpoint::API_PORT,
            });
            haproxy.servers = servers.collect();
        }
        return node;
    }
    let kubelet = node.kubelet.get_or_insert_with(Kubelet::default);
    kubelet.node_ip.get_or_insert(host.address);
    let kubeadm = node.kubeadm.get_or_insert_with(Kubeadm::default);
    let of_cluster = &inventory.kubernetes;
    if kubeadm.cluster_name.is_none() {
        kubeadm.cluster_name.clone_from(&inventory.name);
    }
    if kubeadm.control_plane_endpoint.is_none() {
        kubeadm.control_plane_endpoint = inventory.endpoint().map(|endpoint| endpoint.to_string());
    }
    let subnet = |network: Option<topology::Network>| network?.to_string().parse().ok();
    kubeadm.pod_subnet = kubeadm.pod_subnet.take().or_else(|| subnet(of_cluster.pod_subnet));
    kubeadm.service_subnet =
        kubeadm.service_subnet.take().or_else(|| subnet(of_cluster.service_subnet));
    if let Some(domain) = &of_cluster.dns_domain {
        kubeadm.dns_domain.clone_from(domain);
    }
    if host.role == HostRole::ControlPlane {
        kubeadm.advertise_address.get_or_insert(host.address);
    }
    node
}

/// The files at the desk that a `node.yaml` names.
fn files_of(node: &Node) -> impl Iterator<Item = &str> {
    let kubernetes = node.kubernetes.iter().filter_map(|part| part.repository.as_ref());
    let containerd = node.containerd.iter().filter_map(|part| part.repository.as_ref());
    let keys = kubernetes.chain(containerd).filter_map(|it| it.key_file.as_deref());
    // The network plugin is applied where the cluster begins.
    let plugin = node.cni.iter().filter(|_| node.role == Role::ControlPlane);
    keys.chain(plugin.filter_map(|cni| cni.file.as_deref()))
}

/// The version of Kubernetes that a host shall have.
#[must_use]
pub fn version_of(wish: &Wish) -> Option<KubernetesVersion> {
    wish.node.kubernetes.as_ref().map(|kubernetes| kubernetes.version)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn no_file(_: &str) -> io::Result<String> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn of(text: &str) -> BTreeMap<String, Wish> {
        let (inventory, _) = Inventory::read("cluster.yaml", text).unwrap();
        wishes(&inventory, &no_file).unwrap()
    }

    const CLUSTER: &str = "\
version: 1
name: lab
kubernetes: {version: '1.35', podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
highAvailability: {kind: proxy, endpoint: '10.20.0.30:6443'}
profile: kubeadm
node: {swap: ignore}
hosts:
- {name: cp1, address: 10.20.0.11, role: control-plane}
- {name: lb, address: 10.20.0.30, role: proxy}
- {name: w1, address: 10.20.0.21, role: worker}
";

    #[test]
    fn a_node_is_told_what_the_cluster_says_and_what_is_its_alone() {
        let wishes = of(CLUSTER);
        let (first, worker) = (&wishes["cp1"].node, &wishes["w1"].node);
        assert_eq!(first.hostname.as_deref(), Some("cp1"));
        assert_eq!(worker.hostname.as_deref(), Some("w1"));
        assert_eq!((first.role, worker.role), (Role::ControlPlane, Role::Worker));
        let kubeadm = first.kubeadm.as_ref().unwrap();
        assert_eq!(kubeadm.control_plane_endpoint.as_deref(), Some("10.20.0.30:6443"));
        assert_eq!(kubeadm.advertise_address, Some("10.20.0.11".parse().unwrap()));
        assert_eq!(worker.kubeadm.as_ref().unwrap().advertise_address, None);
        let node_ip = worker.kubelet.as_ref().unwrap().node_ip;
        assert_eq!(node_ip, Some("10.20.0.21".parse().unwrap()));
        assert!(worker.modules.is_some(), "the profile is under it");
    }

    #[test]
    fn a_part_of_the_wrong_kind_is_told() {
        let text = CLUSTER.replace("{swap: ignore}", "{kubernetes: '1.35'}");
        let (inventory, _) = Inventory::read("cluster.yaml", &text).unwrap();
        let errors = wishes(&inventory, &no_file).unwrap_err();
        assert!(errors[0].to_string().contains("kubernetes"), "{}", errors[0]);
    }

    #[test]
    fn a_host_has_one_name() {
        let text = CLUSTER
            .replace("address: 10.20.0.11,", "address: 10.20.0.11, node: {hostname: other},");
        let (inventory, _) = Inventory::read("cluster.yaml", &text).unwrap();
        let errors = wishes(&inventory, &no_file).unwrap_err();
        assert!(errors[0].to_string().starts_with("cp1: its node.yaml has `hostname: other`"));
    }

    #[test]
    fn a_proxy_leads_to_all_control_planes_and_gets_nothing_of_what_is_for_nodes() {
        let proxy = &of(CLUSTER)["lb"].node;
        let haproxy = proxy.haproxy.as_ref().unwrap();
        assert_eq!((haproxy.bind, haproxy.servers.len()), (6443, 1));
        assert_eq!(haproxy.servers[0].address, "10.20.0.11");
        assert_eq!(proxy.role, Role::None);
        assert!(
            proxy.kubernetes.is_none() && proxy.containerd.is_none() && proxy.modules.is_none()
        );
    }

    #[test]
    fn files_of_the_desk_are_read_once_and_what_is_missing_is_told_for_each() {
        let text = CLUSTER.replace("{swap: ignore}", "{cni: {file: /srv/cni.yaml}}");
        let (inventory, _) = Inventory::read("cluster.yaml", &text).unwrap();
        let errors = wishes(&inventory, &no_file).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().contains("/srv/cni.yaml, which the node.yaml of cp1"));
        let wishes = wishes(&inventory, &|_| Ok("kind: DaemonSet".to_owned())).unwrap();
        assert_eq!(wishes["cp1"].files["/srv/cni.yaml"], "kind: DaemonSet");
        assert!(wishes["w1"].files.is_empty());
    }
}
