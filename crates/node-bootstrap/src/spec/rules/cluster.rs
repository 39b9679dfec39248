//! Rules of the parts that are about Kubernetes.

use std::collections::BTreeMap;
use std::net::IpAddr;

use diagnostics::{DataPath, Problem, nearest};
use serde_json::Value;

use super::{Rules, host_and_port, is_host_name, root};
use crate::data::{kubernetes, preflight};
use crate::spec::{
    Argument, CgroupDriver, Cidr, ContainerdSource, EncryptionAlgorithm, Etcd, FirewallMode,
    Kubeadm, Minor, Node, Repository, Role, Subnets,
};

pub(super) fn check(rules: &mut Rules, node: &Node) {
    versions(rules, node);
    if let Some(repository) = node.kubernetes.as_ref().and_then(|part| part.repository.as_ref()) {
        check_repository(rules, repository, &root("kubernetes").join("repository"));
    }
    containerd(rules, node);
    kubelet(rules, node);
    if let Some(kubeadm) = &node.kubeadm {
        check_kubeadm(rules, kubeadm, &root("kubeadm"));
    }
    networks(rules, node);
    control_planes(rules, node);
    cni(rules, node);
}

/// Both what is known, and what a host needs of it.
fn versions(rules: &mut Rules, node: &Node) {
    let Some(part) = &node.kubernetes else {
        if node.role != Role::None {
            rules.push(
                Problem::warning(
                    "kubernetes",
                    "a node without the part kubernetes: its packages are not managed",
                )
                .at(root("role"))
                .help("give kubernetes: {version: ...}, or a profile"),
            );
        }
        return;
    };
    let minor = part.version.minor;
    if kubernetes::find(minor).is_none() {
        let known: Vec<String> = kubernetes::known().iter().map(Minor::to_string).collect();
        rules.error(
            "kubernetes-version",
            root("kubernetes").join("version"),
            format!("Kubernetes {minor} is not known"),
            &format!("known are {}", known.join(", ")),
        );
    }
    let algorithm = node.kubeadm.as_ref().and_then(|kubeadm| kubeadm.encryption_algorithm);
    if algorithm == Some(EncryptionAlgorithm::EcdsaP384) && minor < Minor::new(34) {
        rules.error(
            "encryption-algorithm",
            root("kubeadm").join("encryptionAlgorithm"),
            format!("ECDSA-P384 needs Kubernetes 1.34, not {minor}"),
            "give ECDSA-P256",
        );
    }
    let kubelet = node.kubelet.as_ref();
    if kubelet.is_some_and(|kubelet| kubelet.fail_cgroup_v1.is_some()) && minor < Minor::new(31) {
        let path = root("kubelet").join("failCgroupV1");
        rules.error("kubelet", path, "failCgroupV1 needs Kubernetes 1.31", "leave it out");
    }
}

fn check_repository(rules: &mut Rules, repository: &Repository, path: &DataPath) {
    if let Some(url) = &repository.base_url {
        let key = path.join("baseUrl");
        // Packages may come from a folder of the host.
        match url.strip_prefix("file://") {
            Some(folder) => rules.path(key, folder),
            None => rules.url(key, url),
        }
    }
    if let Some(url) = &repository.key_url {
        rules.url(path.join("keyUrl"), url);
    }
    if let Some(file) = &repository.key_file {
        rules.path(path.join("keyFile"), file);
        if repository.key_url.is_some() {
            let message = "keyUrl and keyFile exclude each other";
            rules.error("repository-key", path.join("keyFile"), message, "leave one of them");
        }
    }
    if let Some(sha256) = &repository.key_sha256 {
        rules.sha256(path.join("keySha256"), sha256);
    } else if repository.key_url.as_ref().is_some_and(|url| url.starts_with("http://")) {
        let message = "a key that is fetched without TLS may be anybody's";
        rules.error("repository-key", path.join("keyUrl"), message, "give keySha256, or https://");
    }
}

fn containerd(rules: &mut Rules, node: &Node) {
    let Some(part) = &node.containerd else { return };
    let path = root("containerd");
    rules.path(path.join("registryConfigPath"), &part.registry_config_path);
    if let Some(version) = &part.version {
        rules.word("version", path.join("version"), version, "version of a package");
        if part.source == ContainerdSource::None {
            let message = "nothing is installed with source: none";
            rules.error("unused", path.join("version"), message, "leave out the version");
        }
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let known = node.kubernetes.as_ref().and_then(|part| kubernetes::find(part.version.minor));
        if let (Some(major), Some(known)) = (major, known)
            && major < known.containerd_floor.0
        {
            rules.error(
                "containerd-version",
                path.join("version"),
                format!(
                    "Kubernetes {} needs containerd {}.{}",
                    known.minor, known.containerd_floor.0, known.containerd_floor.1
                ),
                "give a later version",
            );
        }
    }
    if let Some(image) = &part.sandbox_image {
        rules.word("image", path.join("sandboxImage"), image, "image");
    }
    if let Some(repository) = &part.repository {
        check_repository(rules, repository, &path.join("repository"));
        if part.source != ContainerdSource::Docker {
            let problem =
                Problem::warning("unused", "a repository is used with source: docker only");
            rules.push(problem.at(path.join("repository")).help("leave it out"));
        }
    }
    if let Some(kubelet) = &node.kubelet
        && part.systemd_cgroup != (kubelet.cgroup_driver == CgroupDriver::Systemd)
    {
        rules.error(
            "cgroup-driver",
            path.join("systemdCgroup"),
            "containerd and the kubelet would make control groups in two ways",
            "give systemdCgroup: true with cgroupDriver: systemd",
        );
    }
}

fn kubelet(rules: &mut Rules, node: &Node) {
    let Some(part) = &node.kubelet else { return };
    let path = root("kubelet");
    if let Some(file) = &part.resolv_conf {
        rules.path(path.join("resolvConf"), file);
    }
    if let Some(address) = part.node_ip {
        own_address(rules, path.join("nodeIp"), address);
    }
    arguments(rules, &part.extra_args, &path.join("extraArgs"));
    let known =
        ["cgroupDriver", "resolvConf", "failSwapOn", "failCgroupV1", "memorySwap"].as_slice();
    free_fields(rules, &part.configuration, known, &path.join("configuration"));
}

/// Fields that are written as they are: none that is made of other keys.
fn free_fields(
    rules: &mut Rules,
    fields: &BTreeMap<String, Value>,
    known: &[&str],
    path: &DataPath,
) {
    for field in fields.keys() {
        if known.contains(&field.as_str()) || ["apiVersion", "kind"].contains(&field.as_str()) {
            rules.error(
                "own-key",
                path.join(field.clone()),
                format!("{field} is made of other keys of this file"),
                "take it out; a key of its own beside `configuration`, `swap` or `proxyMode` says it",
            );
        }
    }
}

fn own_address(rules: &mut Rules, path: DataPath, address: IpAddr) {
    if address.is_loopback() || address.is_unspecified() || address.is_multicast() {
        let message = format!("{address} is no address that other hosts reach");
        rules.error("address", path, message, "give an address of a link of this host");
    }
}

fn arguments(rules: &mut Rules, arguments: &[Argument], path: &DataPath) {
    for (at, argument) in arguments.iter().enumerate() {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if argument.name.is_empty()
            || argument.name.starts_with('-')
            || !argument.name.bytes().all(fits)
        {
            rules.error(
                "argument",
                path.join(at).join("name"),
                format!("`{}` is no name of an argument", argument.name.escape_debug()),
                "leave out the dashes before it, and give its value apart",
            );
        }
        if argument.value.chars().any(char::is_control) {
            let message = "the value has a control character";
            rules.error("argument", path.join(at).join("value"), message, "give one line");
        }
    }
}

fn check_kubeadm(rules: &mut Rules, kubeadm: &Kubeadm, path: &DataPath) {
    let proxy = path.join("proxyConfiguration");
    free_fields(rules, &kubeadm.proxy_configuration, &["mode", "clusterCIDR"], &proxy);
    if let Some(name) = &kubeadm.cluster_name {
        rules.word("name", path.join("clusterName"), name, "name of a cluster");
    }
    if let Some(endpoint) = &kubeadm.control_plane_endpoint
        && host_and_port(endpoint).is_none()
    {
        rules.error(
            "endpoint",
            path.join("controlPlaneEndpoint"),
            format!("`{}` is no host with or without a port", endpoint.escape_debug()),
            "give one such as cluster.example.org:6443",
        );
    }
    if let Some(address) = kubeadm.advertise_address {
        own_address(rules, path.join("advertiseAddress"), address);
    }
    if kubeadm.bind_port == 0 {
        rules.error("port", path.join("bindPort"), "the port is 0", "give a port from 1 to 65535");
    }
    rules.host_name(path.join("dnsDomain"), &kubeadm.dns_domain);
    if let Some(image) = &kubeadm.image_repository {
        rules.word("image", path.join("imageRepository"), image, "repository of images");
    }
    for (at, name) in kubeadm.cert_sans.iter().enumerate() {
        let plain = name.strip_prefix("*.").unwrap_or(name);
        if name.parse::<IpAddr>().is_err() && !is_host_name(plain) {
            let message = format!("`{}` is neither a name nor an address", name.escape_debug());
            rules.error(
                "name",
                path.join("certSANs").join(at),
                message,
                "give one as a certificate has it",
            );
        }
    }
    for (key, component) in [
        ("apiServer", &kubeadm.api_server),
        ("controllerManager", &kubeadm.controller_manager),
        ("scheduler", &kubeadm.scheduler),
    ] {
        arguments(rules, &component.extra_args, &path.join(key).join("extraArgs"));
    }
    if let Some(etcd) = &kubeadm.etcd {
        check_etcd(rules, etcd, &path.join("etcd"));
    }
    for (at, name) in kubeadm.ignore_preflight_errors.iter().enumerate() {
        if !preflight::is_known(name) {
            let near = nearest(name, preflight::names());
            let help = near.map_or_else(
                || "give a name that kubeadm prints in brackets, or all".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let path = path.join("ignorePreflightErrors").join(at);
            rules.error(
                "preflight",
                path,
                format!("kubeadm has no check `{}`", name.escape_debug()),
                &help,
            );
        }
    }
    for (key, duration) in kubeadm.timeouts.entries() {
        if let Some(text) = duration
            && !is_duration(text)
        {
            let message = format!("`{}` is no duration", text.escape_debug());
            rules.error(
                "duration",
                path.join("timeouts").join(key),
                message,
                "give one such as 4m or 1m30s",
            );
        }
    }
}

fn check_etcd(rules: &mut Rules, etcd: &Etcd, path: &DataPath) {
    match (&etcd.local, &etcd.external) {
        (Some(local), None) => {
            arguments(rules, &local.extra_args, &path.join("local").join("extraArgs"));
        }
        (None, Some(external)) => {
            let path = path.join("external");
            for (at, url) in external.endpoints.iter().enumerate() {
                rules.url(path.join("endpoints").join(at), url);
            }
            if external.endpoints.is_empty() {
                let message = "an etcd elsewhere needs its endpoints";
                rules.error(
                    "empty",
                    path.join("endpoints"),
                    message,
                    "give the URLs of its members",
                );
            }
            for (key, file) in [
                ("caFile", &external.ca_file),
                ("certFile", &external.cert_file),
                ("keyFile", &external.key_file),
            ] {
                rules.path(path.join(key), file);
            }
        }
        _ => rules.error(
            "etcd",
            path.clone(),
            "etcd is either local or external",
            "give one of both",
        ),
    }
}

/// A duration of Go: numbers, each with its unit.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = &rest[digits..];
        let unit = ["ms", "h", "m", "s"].into_iter().find_map(|unit| after.strip_prefix(unit));
        match unit {
            Some(after) if digits > 0 => rest = after,
            _ => return false,
        }
    }
    !text.is_empty()
}

/// No address may belong to both pods and services, or to both one of these and a host.
fn networks(rules: &mut Rules, node: &Node) {
    let Some(kubeadm) = &node.kubeadm else { return };
    let path = root("kubeadm");
    // kubeadm's own, where none is given.
    let usual = Cidr { address: IpAddr::from([10, 96, 0, 0]), prefix: 12 };
    let pods = kubeadm.pod_subnet.iter().flat_map(Subnets::networks);
    let services: Vec<Cidr> = match &kubeadm.service_subnet {
        Some(subnets) => subnets.networks().to_vec(),
        None => vec![usual],
    };
    let pods: Vec<Cidr> = pods.copied().collect();
    for (key, networks) in [("podSubnet", &pods), ("serviceSubnet", &services)] {
        for network in networks.iter().filter(|network| !network.is_network()) {
            let message = format!("{network} has bits beyond its prefix");
            rules.error(
                "network",
                path.join(key),
                message,
                &format!("write {}", network.network()),
            );
        }
    }
    let smallest = |network: &Cidr| if network.address.is_ipv4() { 28 } else { 124 };
    for network in services.iter().filter(|network| network.prefix > smallest(network)) {
        let message = format!("{network} has too few addresses: the tenth is that of DNS");
        rules.error("network", path.join("serviceSubnet"), message, "give a larger network");
    }
    for pod in &pods {
        for service in services.iter().filter(|service| service.overlaps(pod)) {
            let message =
                format!("the addresses of pods, {pod}, and of services, {service}, overlap");
            rules.error(
                "overlap",
                path.join("podSubnet"),
                message,
                "give one of them another network",
            );
        }
    }
    let hosts =
        node.hosts.iter().enumerate().map(|(at, entry)| (root("hosts").join(at), entry.address));
    let mut addresses: Vec<(DataPath, IpAddr)> =
        hosts.filter(|(_, address)| !address.is_loopback()).collect();
    addresses
        .extend(kubeadm.advertise_address.map(|address| (path.join("advertiseAddress"), address)));
    let own = node.kubelet.as_ref().and_then(|kubelet| kubelet.node_ip);
    addresses.extend(own.map(|address| (root("kubelet").join("nodeIp"), address)));
    for (at, address) in addresses {
        for (what, key, networks) in
            [("pods", "podSubnet", &pods), ("services", "serviceSubnet", &services)]
        {
            if let Some(network) = networks.iter().find(|network| network.contains(address)) {
                rules.error(
                    "overlap",
                    at.clone(),
                    format!("{address} is among the addresses of {what}, {network}"),
                    &format!("give another address, or kubeadm.{key} another network"),
                );
            }
        }
    }
}

fn control_planes(rules: &mut Rules, node: &Node) {
    let planes = node.firewall.as_ref().map_or(0, |firewall| firewall.control_planes.len());
    if planes > 1
        && let Some(kubeadm) = &node.kubeadm
        && kubeadm.control_plane_endpoint.is_none()
        && node.role == Role::ControlPlane
    {
        rules.error(
            "control-plane-endpoint",
            root("kubeadm"),
            format!("{planes} control planes need one endpoint together"),
            "give controlPlaneEndpoint: it cannot be given later",
        );
    }
    if node.single_node && node.role != Role::ControlPlane {
        rules.error(
            "single-node",
            root("singleNode"),
            "only a control plane can be a cluster by itself",
            "give role: control-plane, or singleNode: false",
        );
    }
    let managed =
        node.firewall.as_ref().is_some_and(|firewall| firewall.mode == FirewallMode::Manage);
    let port = node.kubeadm.as_ref().map(|kubeadm| kubeadm.bind_port);
    let ssh = node.firewall.as_ref().and_then(|firewall| firewall.ssh_port).unwrap_or(22);
    if managed && node.role == Role::ControlPlane && port == Some(ssh) {
        rules.error(
            "port",
            root("kubeadm").join("bindPort"),
            format!("{ssh} is the port of ssh"),
            "give the API server another port",
        );
    }
}

fn cni(rules: &mut Rules, node: &Node) {
    let Some(part) = &node.cni else { return };
    let path = root("cni");
    match (&part.file, &part.url) {
        (Some(file), None) => rules.path(path.join("file"), file),
        (None, Some(url)) => {
            rules.url(path.join("url"), url);
            if part.sha256.is_none() {
                let message = "what is fetched needs a SHA-256 to compare with";
                rules.error(
                    "sha256",
                    path.join("url"),
                    message,
                    "give sha256, as sha256sum prints it",
                );
            }
        }
        _ => rules.error(
            "cni",
            path.clone(),
            "a manifest is either a file or a URL",
            "give one of both",
        ),
    }
    if let Some(sha256) = &part.sha256 {
        rules.sha256(path.join("sha256"), sha256);
    }
}
