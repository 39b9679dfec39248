//! Rules of the parts that are about the host itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use diagnostics::{DataPath, Problem};

use super::{Rules, is_host_name, root};
use crate::spec::{Firewall, FirewallMode, Nfs, Node, PackageName, Swap, SysctlWish};

pub(super) fn check(rules: &mut Rules, node: &Node) {
    if let Some(name) = &node.hostname {
        rules.host_name(root("hostname"), name);
        if name.len() > 64 {
            let message = "a name of more than 64 characters is not taken by the kernel";
            rules.error("name", root("hostname"), message, "give a shorter one");
        }
    }
    hosts(rules, node);
    modules(rules, node);
    sysctls(rules, node);
    if let Some(firewall) = &node.firewall {
        ports(rules, firewall);
    }
    packages(rules, node);
    if let Some(nfs) = &node.nfs {
        exports(rules, nfs);
    }
    dns(rules, node);
    directories(rules, node);
    mounts(rules, node);
}

fn hosts(rules: &mut Rules, node: &Node) {
    let mut addresses: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let mut names: BTreeMap<(&str, bool), IpAddr> = BTreeMap::new();
    for (at, entry) in node.hosts.iter().enumerate() {
        let path = root("hosts").join(at);
        if let Some(first) = addresses.insert(entry.address, at) {
            rules.error(
                "duplicate-address",
                path.join("address"),
                format!("{} is the address of hosts[{first}] already", entry.address),
                "give all of its names in one entry",
            );
        }
        if entry.names.is_empty() {
            rules.error("empty", path.join("names"), "an address without a name", "give its names");
        }
        for (index, name) in entry.names.iter().enumerate() {
            let path = path.join("names").join(index);
            rules.host_name(path.clone(), name);
            // A name may have an address of each IP version, but not two of one.
            match names.insert((name, entry.address.is_ipv4()), entry.address) {
                Some(other) if other == entry.address => {
                    rules.error(
                        "duplicate-name",
                        path,
                        format!("{name} stands twice"),
                        "leave one of them",
                    );
                }
                Some(other) => rules.error(
                    "duplicate-name",
                    path,
                    format!("{name} has the address {other} already"),
                    "only the first would be found; leave one of them",
                ),
                None => {}
            }
        }
        if entry.address.is_unspecified() || entry.address.is_multicast() {
            rules.error(
                "address",
                path.join("address"),
                format!("{} is the address of no host", entry.address),
                "give the host's own address",
            );
        }
    }
    own_name(rules, node);
}

/// Debian gives the host's own name the address 127.0.1.1. A node has to be found at an address that others reach.
fn own_name(rules: &mut Rules, node: &Node) {
    let Some(own) = &node.hostname else { return };
    let loopback = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));
    let is_own = |name: &String| name == own || name.split('.').next() == own.split('.').next();
    let real = node
        .hosts
        .iter()
        .any(|entry| !entry.address.is_loopback() && entry.names.iter().any(is_own));
    for (at, entry) in node.hosts.iter().enumerate() {
        if entry.address == loopback && entry.names.iter().any(is_own) && real {
            rules.error(
                "loopback-name",
                root("hosts").join(at),
                format!("{own} is both 127.0.1.1 and an address that others reach"),
                "leave out the entry of 127.0.1.1",
            );
        }
    }
}

fn modules(rules: &mut Rules, node: &Node) {
    let mut seen = BTreeSet::new();
    let modules = node.modules.iter().flat_map(|modules| &modules.load).enumerate();
    for (at, name) in modules {
        let path = root("modules").join("load").join(at);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || name.starts_with('-') || !name.bytes().all(fits) {
            rules.error(
                "module",
                path,
                format!("`{}` is no name of a kernel module", name.escape_debug()),
                "use letters, digits, _ and -, as in br_netfilter",
            );
        } else if !seen.insert(name.replace('-', "_")) {
            rules.error("duplicate", path, format!("{name} stands twice"), "leave one of them");
        }
    }
}

fn sysctls(rules: &mut Rules, node: &Node) {
    // The first separator says which one separates: net.ipv4.conf.eth0/100 and net/ipv4/conf/eth0.100 are one key.
    let mut seen: BTreeMap<Vec<String>, &str> = BTreeMap::new();
    for (key, sysctl) in &node.sysctls {
        let path = root("sysctls").join(key.as_str());
        let parts = sysctl_parts(key);
        if parts.len() < 2 || parts.iter().any(|part| !is_sysctl_part(part)) {
            rules.error(
                "sysctl-key",
                path.clone(),
                format!("`{}` is no key of a sysctl", key.escape_debug()),
                "write it as sysctl(8) does: net.ipv4.ip_forward; patterns are not taken",
            );
        } else if let Some(other) = seen.insert(parts, key) {
            rules.error(
                "duplicate",
                path.clone(),
                format!("{key} and {other} are the same"),
                "leave one of them",
            );
        }
        if let SysctlWish::Exact(value) = &sysctl.wish
            && (value.trim().is_empty() || value.contains(['\n', '\r', '\0']))
        {
            rules.error(
                "sysctl-value",
                path,
                "the value is empty or has several lines",
                "give one line",
            );
        }
    }
}

/// The parts of a key between its separators.
fn sysctl_parts(key: &str) -> Vec<String> {
    let slashes = key.find(['.', '/']).is_some_and(|at| key.as_bytes().get(at) == Some(&b'/'));
    if slashes {
        return key.split('/').map(str::to_owned).collect();
    }
    key.split('.').map(|part| part.replace('/', ".")).collect()
}

fn is_sysctl_part(part: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@' | b':');
    !part.is_empty() && part != "." && part != ".." && part.bytes().all(fits)
}

fn ports(rules: &mut Rules, firewall: &Firewall) {
    let path = root("firewall");
    if firewall.ssh_port == Some(0) {
        rules.error(
            "port",
            path.join("sshPort"),
            "the port of ssh is 0",
            "give a port from 1 to 65535",
        );
    }
    for (at, extra) in firewall.extra_ports.iter().enumerate() {
        let path = path.join("extraPorts").join(at);
        let said_before = firewall.extra_ports[..at]
            .iter()
            .any(|other| other.port == extra.port && other.protocol == extra.protocol);
        if said_before {
            rules.error(
                "duplicate",
                path.join("port"),
                format!("{} stands twice", extra.port),
                "give everybody who reaches it in one entry",
            );
        }
        for (index, network) in extra.from.iter().enumerate() {
            if !network.is_network() {
                rules.error(
                    "network",
                    path.join("from").join(index),
                    format!("{network} has bits beyond its prefix"),
                    &format!("write {}", network.network()),
                );
            }
        }
        // Rules for a port with sources are exact: who is not named would be shut out of ssh.
        if !extra.from.is_empty() && extra.port.contains(firewall.ssh_port.unwrap_or(22)) {
            rules.error(
                "ssh",
                path,
                "this would let only some reach ssh",
                "ssh stays open to all; take its port out of the range",
            );
        }
    }
    if firewall.mode != FirewallMode::Manage && !firewall.extra_ports.is_empty() {
        rules.push(
            Problem::warning("unused", "no port is opened unless the mode is manage")
                .at(path.join("extraPorts"))
                .help("leave it out, or give mode: manage"),
        );
    }
    for (at, address) in firewall.control_planes.iter().enumerate() {
        if firewall.control_planes[..at].contains(address) {
            let path = path.join("controlPlanes").join(at);
            rules.error("duplicate", path, format!("{address} stands twice"), "leave one of them");
        }
    }
}

fn packages(rules: &mut Rules, node: &Node) {
    for (at, package) in node.packages.iter().enumerate() {
        let path = root("packages").join(at);
        match &package.name {
            PackageName::Same(name) => package_name(rules, path.join("name"), name),
            PackageName::ByFamily(names) => {
                if names.debian.is_empty() && names.rhel.is_empty() {
                    rules.error(
                        "empty",
                        path.join("name"),
                        "no name is given",
                        "give debian or rhel",
                    );
                }
                for (family, names) in [("debian", &names.debian), ("rhel", &names.rhel)] {
                    for (index, name) in names.iter().enumerate() {
                        package_name(rules, path.join("name").join(family).join(index), name);
                    }
                }
            }
        }
        if let Some(version) = &package.version {
            rules.word("version", path.join("version"), version, "version of a package");
        }
    }
    if let Some(kubernetes) = &node.kubernetes {
        for (at, name) in kubernetes.packages.iter().enumerate() {
            package_name(rules, root("kubernetes").join("packages").join(at), name);
        }
    }
}

fn package_name(rules: &mut Rules, path: DataPath, name: &str) {
    let fits =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_' | b':');
    // apt takes a name with a dash after it for one that is to be removed.
    let is_removal = name.ends_with('-');
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.bytes().all(fits)
        || is_removal
    {
        rules.error(
            "package",
            path,
            format!("`{}` is no name of a package", name.escape_debug()),
            "use letters, digits, and . + - _ after them; a version has its own key",
        );
    }
}

fn exports(rules: &mut Rules, nfs: &Nfs) {
    let Some(server) = &nfs.server else { return };
    for (at, export) in server.exports.iter().enumerate() {
        let path = root("nfs").join("server").join("exports").join(at);
        rules.path(path.join("path"), &export.path);
        if server.exports[..at].iter().any(|other| other.path == export.path) {
            let message = format!("{} is offered twice", export.path);
            rules.error(
                "duplicate",
                path.join("path"),
                message,
                "give all of its clients in one entry",
            );
        }
        if export.clients.is_empty() {
            rules.error(
                "empty",
                path.join("clients"),
                "nobody may mount it",
                "say who, such as 10.0.0.0/8",
            );
        }
        for (index, client) in export.clients.iter().enumerate() {
            let path = path.join("clients").join(index);
            let bad = |c: char| {
                c.is_whitespace() || c.is_control() || matches!(c, '(' | ')' | '#' | '"' | '\\')
            };
            if client.to.is_empty() || client.to.starts_with('-') || client.to.chars().any(bad) {
                let message = format!("`{}` is no client", client.to.escape_debug());
                rules.error(
                    "client",
                    path.join("to"),
                    message,
                    "give a host, a network, a pattern, or *",
                );
            }
            for (index, option) in client.options.iter().enumerate() {
                if option.is_empty() || option.contains(',') || option.chars().any(bad) {
                    let message = format!("`{}` is no option of an export", option.escape_debug());
                    rules.error(
                        "option",
                        path.join("options").join(index),
                        message,
                        "give one option an item",
                    );
                }
            }
        }
    }
}

fn dns(rules: &mut Rules, node: &Node) {
    let Some(dns) = &node.cluster_dns else { return };
    let path = root("clusterDns");
    rules.host_name(path.join("domain"), &dns.domain);
    for (at, domain) in dns.search.iter().enumerate() {
        rules.host_name(path.join("search").join(at), domain);
    }
    if dns.search.len() > 6 {
        let message = "glibc looks at six search domains";
        rules.push(
            Problem::warning("search", message).at(path.join("search")).help("leave some out"),
        );
    }
    if dns.ndots.is_some_and(|ndots| ndots > 15) {
        rules.error("ndots", path.join("ndots"), "ndots is 15 at most", "give a smaller number");
    }
    if dns.timeout_seconds.is_some_and(|seconds| !(1..=30).contains(&seconds)) {
        rules.error(
            "timeout",
            path.join("timeoutSeconds"),
            "a timeout is 1 to 30 seconds",
            "give such a number",
        );
    }
    if dns.server.is_loopback() || dns.server.is_unspecified() {
        let message = format!("{} is not the address of the cluster's DNS service", dns.server);
        rules.error(
            "loop",
            path.join("server"),
            message,
            "give the address of the service kube-dns",
        );
    }
    let services = node.kubeadm.as_ref().and_then(|kubeadm| kubeadm.service_subnet.as_ref());
    if let Some(services) = services
        && !services.networks().iter().any(|network| network.contains(dns.server))
    {
        let message = format!("{} is not among the addresses of services, {services}", dns.server);
        rules.error(
            "dns-server",
            path.join("server"),
            message,
            "give the tenth address of serviceSubnet",
        );
    }
    if let Some(kubeadm) = &node.kubeadm
        && is_host_name(&kubeadm.dns_domain)
        && kubeadm.dns_domain != dns.domain
    {
        let message = format!("the domain of the cluster is {}", kubeadm.dns_domain);
        rules.error(
            "dns-domain",
            path.join("domain"),
            message,
            "give the same domain as kubeadm.dnsDomain",
        );
    }
}

fn directories(rules: &mut Rules, node: &Node) {
    for (at, directory) in node.directories.iter().enumerate() {
        let path = root("directories").join(at);
        rules.path(path.join("path"), &directory.path);
        if node.directories[..at].iter().any(|other| other.path == directory.path) {
            let message = format!("{} stands twice", directory.path);
            rules.error("duplicate", path.join("path"), message, "leave one of them");
        }
        for (key, name) in [("owner", &directory.owner), ("group", &directory.group)] {
            if let Some(name) = name {
                user(rules, path.join(key), name);
            }
        }
    }
    let users = node.kubeconfig.iter().flat_map(|kubeconfig| &kubeconfig.users).enumerate();
    for (at, name) in users {
        user(rules, root("kubeconfig").join("users").join(at), name);
    }
}

fn user(rules: &mut Rules, path: DataPath, name: &str) {
    let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ':' | '/' | ',');
    if name.is_empty() || name.len() > 32 || name.starts_with('-') || !name.chars().all(fits) {
        let message = format!("`{}` is no name of a user or group", name.escape_debug());
        rules.error("user", path, message, "give a name or number of this host");
    }
}

fn mounts(rules: &mut Rules, node: &Node) {
    for (at, mount) in node.mounts.iter().enumerate() {
        let path = root("mounts").join(at);
        rules.path(path.join("where"), &mount.target);
        rules.word("mount", path.join("what"), &mount.what, "device or source of a mount");
        rules.word("mount", path.join("type"), &mount.kind, "type of a file system");
        for (index, option) in mount.options.iter().enumerate() {
            let path = path.join("options").join(index);
            rules.word("option", path.clone(), option, "option of a mount");
            let key = option.split('=').next().unwrap_or_default();
            if ["password", "pass", "password2", "secret"].contains(&key) && option.contains('=') {
                rules.error(
                    "secret",
                    path.clone(),
                    format!(
                        "everybody on the host would read this {key}, in /etc/fstab and elsewhere"
                    ),
                    "put it into a file that only root reads: credentials=FILE, or secretfile=FILE",
                );
            }
            if option.contains(',') {
                rules.error("option", path, "several options in one", "give one option an item");
            }
        }
        if node.mounts[..at].iter().any(|other| other.target == mount.target) {
            let message = format!("{} is the place of two mounts", mount.target);
            rules.error("duplicate", path.join("where"), message, "leave one of them");
        }
        if mount.kind == "swap" || mount.target == "/" {
            let message = format!(
                "{} is not mounted by this file",
                if mount.kind == "swap" { "swap" } else { "/" }
            );
            rules.error("mount", path, message, "leave it out");
        }
    }
    let kept = node.kubelet.as_ref().is_some_and(|kubelet| kubelet.fail_swap_on == Some(true));
    if node.swap == Swap::Keep && kept {
        rules.error(
            "swap",
            root("kubelet").join("failSwapOn"),
            "swap is kept, and the kubelet refuses to run with it",
            "leave out failSwapOn, or give swap: off",
        );
    }
}
