//! The rules of `cluster.yaml` that types cannot express.

use std::collections::HashMap;
use std::net::IpAddr;

use diagnostics::{DataPath, Problem};

use super::{BalancerKind, HighAvailability, Host, HostRole, Inventory, Ssh};
use crate::network::Network;

/// Everything that is wrong, in the order of the parts. Where some hosts could not be read, `all_hosts` is false, and
/// nothing is said of all of them together.
pub(super) fn check(inventory: &Inventory, all_hosts: bool) -> Vec<Problem> {
    let mut rules = Rules { problems: Vec::new() };
    if inventory.version != 1 {
        rules.error(
            "format-version",
            root("version"),
            format!("version {} of this format is not known", inventory.version),
            "this program knows version 1",
        );
    }
    rules.ssh(&inventory.ssh, &root("ssh"));
    if inventory.ssh.host.is_some() {
        let help = "say it of the host that it is of";
        rules.error("ssh-host", root("ssh").join("host"), "all hosts cannot be one", help);
    }
    rules.hosts(&inventory.hosts);
    if all_hosts {
        rules.control_planes(inventory);
        match &inventory.high_availability {
            Some(given) => rules.high_availability(inventory, given),
            None => rules.without_balancer(inventory),
        }
    }
    rules.networks(inventory);
    rules.problems
}

fn root(part: &str) -> DataPath {
    DataPath::root().join(part)
}

fn host_path(index: usize) -> DataPath {
    root("hosts").join(index)
}

struct Rules {
    problems: Vec<Problem>,
}

impl Rules {
    fn error(
        &mut self,
        code: &'static str,
        path: DataPath,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::error(code, message).at(path).help(help));
    }

    fn warning(
        &mut self,
        code: &'static str,
        path: DataPath,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::warning(code, message).at(path).help(help));
    }

    fn hosts(&mut self, hosts: &[Host]) {
        if hosts.is_empty() {
            let help = "list them: - {name: cp1, address: 10.10.0.11, role: control-plane}";
            self.error("no-hosts", root("hosts"), "there are no hosts", help);
        }
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut addresses: HashMap<IpAddr, usize> = HashMap::new();
        for (index, host) in hosts.iter().enumerate() {
            let path = host_path(index);
            if !is_host_name(&host.name) {
                self.error(
                    "name",
                    path.join("name"),
                    format!("`{}` is no name of a host (RFC 1123)", host.name.escape_debug()),
                    "use lower case letters, digits and `-`, a letter or digit at both ends of each part",
                );
            }
            if let Some(first) = names.get(host.name.as_str()) {
                let first = hosts[*first].address;
                let message =
                    format!("the host at {first} is called {} as well", host.name.escape_debug());
                self.error(
                    "duplicate-name",
                    path.join("name"),
                    message,
                    "give each host a name of its own",
                );
            } else {
                names.insert(&host.name, index);
            }
            if let Some(first) = addresses.get(&host.address) {
                let first = hosts[*first].name.escape_debug();
                let message = format!("{first} has the address {} as well", host.address);
                let help = "give each host an address of its own";
                self.error("duplicate-address", path.join("address"), message, help);
            } else {
                addresses.insert(host.address, index);
            }
            if host.address.is_unspecified() || host.address.is_multicast() {
                let message = format!("{} is the address of no host", host.address);
                self.error(
                    "address",
                    path.join("address"),
                    message,
                    "give the host's address in the cluster",
                );
            }
            self.ssh(&host.ssh, &path.join("ssh"));
            self.labels(host, &path.join("labels"));
        }
    }

    /// Words of a command line of ssh: none may be taken for an option.
    fn ssh(&mut self, ssh: &Ssh, path: &DataPath) {
        if ssh.port == Some(0) {
            self.error("port", path.join("port"), "0 is no port", "give a number from 1 to 65535");
        }
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let jump = |c: char| name(c) || matches!(c, '@' | ':' | ',' | '[' | ']');
        let file = |c: char| !c.is_control();
        let mut word = |key, word: Option<&String>, fits: &dyn Fn(char) -> bool, help| {
            if let Some(word) = word
                && (word.is_empty() || word.starts_with('-') || !word.chars().all(fits))
            {
                let message = format!("`{}` cannot be given to ssh", word.escape_debug());
                self.error("ssh", path.join(key), message, help);
            }
        };
        let help = "give a name of letters, digits, `-`, `_` and `.`";
        word("user", ssh.user.as_ref(), &name, help);
        word("jump", ssh.jump.as_ref(), &jump, "give hosts as `ssh -J` takes them: ops@bastion:22");
        word("identityFile", ssh.identity_file.as_ref(), &file, "give the path of a private key");
    }

    fn labels(&mut self, host: &Host, path: &DataPath) {
        if host.role == HostRole::Proxy && !host.labels.is_empty() {
            let help = "leave them out: only nodes have labels";
            self.warning("labels", path.clone(), "a proxy host is no node", help);
        }
        for (key, value) in &host.labels {
            let name = key
                .rsplit_once('/')
                .map_or(Some(key.as_str()), |(prefix, name)| is_host_name(prefix).then_some(name));
            if !name.is_some_and(is_label_word) || !(value.is_empty() || is_label_word(value)) {
                let message = format!(
                    "`{}: {}` is no label of Kubernetes",
                    key.escape_debug(),
                    value.escape_debug()
                );
                let help = "letters, digits, `-`, `_` and `.`, a letter or digit at both ends, at most 63; a key may \
                            have a domain and / before it";
                self.error("label", path.join(key.as_str()), message, help);
            }
        }
    }

    fn control_planes(&mut self, inventory: &Inventory) {
        let all: Vec<usize> = places(inventory, HostRole::ControlPlane);
        match all[..] {
            [] if !inventory.hosts.is_empty() => self.error(
                "no-control-plane",
                root("hosts"),
                "no host has the role control-plane",
                "give one, three or five hosts that role",
            ),
            [.., last] if all.len().is_multiple_of(2) => {
                let quorum = all.len() / 2 + 1;
                self.warning(
                    "even-control-planes",
                    host_path(last).join("role"),
                    format!(
                        "{} control planes: etcd needs {quorum} of them, so it bears the loss of {}, no more than with {}",
                        all.len(),
                        all.len() - quorum,
                        all.len() - 1
                    ),
                    "make them an odd number",
                );
            }
            _ => {}
        }
    }

    fn without_balancer(&mut self, inventory: &Inventory) {
        let several = places(inventory, HostRole::ControlPlane).len() > 1;
        if several || !places(inventory, HostRole::Proxy).is_empty() {
            self.error(
                "high-availability",
                DataPath::root(),
                "nothing says how the API is reached",
                "add highAvailability: {kind: external, proxy or single, endpoint: ADDRESS:6443}",
            );
        }
    }

    fn high_availability(&mut self, inventory: &Inventory, given: &HighAvailability) {
        let path = root("highAvailability");
        let proxies = places(inventory, HostRole::Proxy);
        let control_planes = places(inventory, HostRole::ControlPlane);
        let address = given.endpoint.host().ip().map(|ip| ip.to_canonical());
        let at = address.and_then(|ip| inventory.hosts.iter().find(|host| host.address == ip));
        let endpoint = path.join("endpoint");
        if given.kind != BalancerKind::Proxy
            && let [first, ..] = proxies[..]
        {
            self.error(
                "proxy-unused",
                host_path(first).join("role"),
                "a proxy host is of no use with this kind of high availability",
                "give highAvailability the kind proxy, or the host another role",
            );
        }
        match given.kind {
            BalancerKind::Single => {
                if control_planes.len() > 1 {
                    let message = format!("there are {} control planes", control_planes.len());
                    self.error(
                        "single",
                        path.join("kind"),
                        message,
                        "give the kind external or proxy",
                    );
                }
                if let ([only], Some(_)) = (&control_planes[..], address)
                    && at.is_none_or(|host| host.role != HostRole::ControlPlane)
                {
                    let own = inventory.hosts[*only].address;
                    let message =
                        format!("{} is not the address of the control plane", given.endpoint);
                    self.error("endpoint", endpoint, message, format!("give {own}, or its name"));
                }
            }
            BalancerKind::Proxy => match (&proxies[..], address) {
                ([], _) => self.error(
                    "no-proxy",
                    path.join("kind"),
                    "no host has the role proxy",
                    "give a host that role, or give the kind external",
                ),
                ([only], Some(_)) if at.is_none_or(|host| host.role != HostRole::Proxy) => {
                    let own = inventory.hosts[*only].address;
                    let message =
                        format!("{} is not the address of the proxy host", given.endpoint);
                    self.error("endpoint", endpoint, message, format!("give {own}, or its name"));
                }
                ([_, .., last], Some(_)) if at.is_some() => self.warning(
                    "two-proxies",
                    host_path(*last).join("role"),
                    format!(
                        "{} hosts are proxies, and the endpoint is the address of one host",
                        proxies.len()
                    ),
                    "leave one; or move an address between them, and give that as the endpoint",
                ),
                _ => {}
            },
            BalancerKind::External => match at.map(|host| (host, host.role)) {
                Some((host, HostRole::ControlPlane)) if control_planes.len() > 1 => self.warning(
                    "endpoint",
                    endpoint,
                    format!(
                        "the endpoint is the address of {}: without it, the others are not reached",
                        host.name
                    ),
                    "give the address of the balancer",
                ),
                Some((host, HostRole::Worker)) => self.error(
                    "endpoint",
                    endpoint,
                    format!(
                        "the endpoint is the address of {}, on which no API server runs",
                        host.name
                    ),
                    "give the address of the balancer",
                ),
                _ => {}
            },
        }
    }

    fn networks(&mut self, inventory: &Inventory) {
        let kubernetes = &inventory.kubernetes;
        let path = root("kubernetes");
        let all = [
            ("podSubnet", "pods", kubernetes.pod_subnet),
            ("serviceSubnet", "services", kubernetes.service_subnet),
        ];
        for (key, whose, network) in all {
            let Some(network) = network else { continue };
            if network.network() != network {
                let help = format!("write {}", network.network());
                self.error(
                    "network",
                    path.join(key),
                    format!("{network} is an address in a network"),
                    help,
                );
            }
            if network.overlaps(&link_local()) {
                self.warning(
                    "link-local",
                    path.join(key),
                    format!(
                        "{network} is link-local: clouds answer there, and no router passes it on"
                    ),
                    "give a private network, such as 10.96.0.0/12",
                );
            }
            let inside = |host: &&Host| network.contains(host.address);
            if let Some(host) = inventory.hosts.iter().find(inside) {
                let more = inventory.hosts.iter().filter(inside).count() - 1;
                let more =
                    if more == 0 { String::new() } else { format!(", and {more} more hosts") };
                let message = format!(
                    "the network of {whose} contains {}, the address of {}{more}",
                    host.address, host.name
                );
                self.error(
                    "overlap",
                    path.join(key),
                    message,
                    "give it a network that is used by nothing else",
                );
            }
        }
        if let (Some(pods), Some(services)) = (kubernetes.pod_subnet, kubernetes.service_subnet)
            && pods.overlaps(&services)
        {
            let message =
                format!("the networks of pods ({pods}) and services ({services}) overlap");
            self.error("overlap", path.join("serviceSubnet"), message, "give each its own");
        }
    }
}

fn places(inventory: &Inventory, role: HostRole) -> Vec<usize> {
    let hosts = inventory.hosts.iter().enumerate();
    hosts.filter(|(_, host)| host.role == role).map(|(index, _)| index).collect()
}

/// 169.254.0.0/16 of RFC 3927.
fn link_local() -> Network {
    Network::new(IpAddr::from([169, 254, 0, 0]), 16)
}

/// A name of a host in lower case: parts of letters, digits and `-` with dots between.
fn is_host_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let part = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

fn is_label_word(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
