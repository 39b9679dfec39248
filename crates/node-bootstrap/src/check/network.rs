//! Names, addresses, proxies and firewalls.

use std::net::IpAddr;

use super::look::{Looker, UnitFile};
use super::{Findings, Looked, Purpose, fail, pass, skip, warn};
use crate::data::ports::{Carrier, needed};
use crate::host::HostError;
use crate::spec::{Cidr, FirewallMode, Role};
use crate::text::hosts;
use crate::text::resolv::ResolvConf;

/// What VXLAN puts before a packet of IPv4, in bytes.
const VXLAN: u32 = 50;
/// The least that IPv6 takes.
const LEAST_MTU: u32 = 1280;
/// Links of network plugins that carry packets within others.
const OVERLAYS: [&str; 3] = ["flannel.1", "vxlan.calico", "cilium_vxlan"];

pub(super) fn add(looker: &Looker<'_>, found: &mut Findings) {
    found.add("Hostname", hostname(looker));
    if looker.purpose == Purpose::Init {
        found.live(looker, "Firewalld", firewalld);
    }
    if looker.becomes_node() {
        found.live(looker, "HTTPProxy", http_proxy);
        found.live(looker, "HTTPProxyCIDR", http_proxy_cidr);
        found.live(looker, "DnsLoop", dns_loop);
        found.live(looker, "MTU", mtu);
    }
    found.add("NestedFirewall", nested_firewall(looker));
}

fn hostname(looker: &Looker<'_>) -> Looked {
    let name = looker.node.hostname.as_deref().unwrap_or(&looker.facts.hostname);
    if !is_dns_name(&name.to_ascii_lowercase()) {
        let help = "give it one of lower-case letters, digits, dashes and dots (`hostname`)";
        return Ok(fail(format!("{name:?} is no name for a node"), help));
    }
    if name != name.to_ascii_lowercase() {
        let help = "give it a lower-case name (`hostname`): the node is named so in any case";
        return Ok(warn(format!("{name} has upper-case letters"), help));
    }
    let known = hosts::addresses(&looker.text("/etc/hosts")?, name);
    if let Some(address) = known.first() {
        return Ok(pass(format!("{name} is {address} in /etc/hosts")));
    }
    if !looker.facts.live {
        return Ok(skip(format!("{name} is not in /etc/hosts, and the host does not run")));
    }
    let asked = looker.ask(&["getent", "ahosts", "--", name])?;
    let answer = asked.filter(crate::host::Output::is_ok);
    Ok(match answer.as_ref().and_then(|said| said.stdout.split_whitespace().next()) {
        Some(address) => pass(format!("{name} is {address}")),
        None => warn(
            format!("{name} leads to no address"),
            "put it into /etc/hosts with the address of this host (`hosts`), or into your DNS",
        ),
    })
}

/// RFC 1123: labels of letters, digits and dashes, none at the ends, with dots between them.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
            && bytes.first().is_some_and(|b| *b != b'-')
            && bytes.last() != Some(&b'-')
            && bytes.len() <= 63
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn firewalld(looker: &Looker<'_>) -> Looked {
    if !looker.is_active("firewalld.service")? {
        return Ok(pass("firewalld does not run"));
    }
    let node = looker.node;
    let managed = node
        .firewall
        .as_ref()
        .is_some_and(|firewall| firewall.mode == FirewallMode::Manage && node.role != Role::None);
    if managed {
        return Ok(pass("firewalld runs, and `firewall` in node.yaml opens its ports"));
    }
    let mut node = node.clone();
    if node.role == Role::None {
        node.role = Role::ControlPlane;
    }
    let ports: Vec<String> = needed(&node)
        .iter()
        .filter_map(|inbound| {
            let kind = if inbound.protocol == Carrier::Udp { "udp" } else { "tcp" };
            inbound.port.map(|port| format!("{port}/{kind}"))
        })
        .collect();
    Ok(warn(
        format!("firewalld runs; ports that have to be open are {}", ports.join(", ")),
        "have `firewall: {mode: manage}` in node.yaml open them, or open them yourself",
    ))
}

/// The proxy that kubeadm would see when started as this was, and whom it is not for.
struct Proxy {
    https: Option<String>,
    except: Vec<String>,
}

impl Proxy {
    fn of(looker: &Looker<'_>) -> Result<Self, HostError> {
        let environment = looker.host.read("/proc/self/environ")?.unwrap_or_default();
        let text = String::from_utf8_lossy(&environment).into_owned();
        let logins = looker.text("/etc/environment")?;
        let variables: Vec<(&str, &str)> = text
            .split('\0')
            .chain(logins.lines())
            .filter_map(|line| line.trim().split_once('='))
            .map(|(name, value)| (name, value.trim_matches(['"', '\''])))
            .collect();
        let get = |wanted: &str| {
            let fits = |(name, value): &&(&str, &str)| {
                name.eq_ignore_ascii_case(wanted) && !value.is_empty()
            };
            variables.iter().find(fits).map(|(_, value)| (*value).to_owned())
        };
        let except = get("NO_PROXY").unwrap_or_default();
        let except = except.split(',').map(|one| one.trim().to_owned());
        Ok(Self {
            https: get("HTTPS_PROXY"),
            except: except.filter(|one| !one.is_empty()).collect(),
        })
    }

    /// Whether it takes what is for this network or address.
    fn catches(&self, network: &Cidr) -> bool {
        let spared = |one: &String| {
            let is_within = |other: Cidr| other.prefix <= network.prefix && other.overlaps(network);
            one == "*"
                || one.parse::<Cidr>().is_ok_and(is_within)
                || one.parse::<IpAddr>().is_ok_and(|address| Cidr::host(address) == *network)
        };
        !self.except.iter().any(spared)
    }
}

fn told(proxy: &str, whom: &str) -> super::Outcome {
    // It may hold a password.
    let shown = proxy.rsplit_once('@').map_or(proxy, |(_, host)| host);
    warn(
        format!("what is for {whom} goes through the proxy {shown}"),
        format!("add {whom} to NO_PROXY, also in the drop-ins of containerd and the kubelet"),
    )
}

fn http_proxy(looker: &Looker<'_>) -> Looked {
    let proxy = Proxy::of(looker)?;
    let Some(https) = &proxy.https else { return Ok(pass("no proxy is set")) };
    let kubeadm = looker.node.kubeadm.as_ref();
    let Some(address) = kubeadm.and_then(|kubeadm| kubeadm.advertise_address) else {
        return Ok(skip("the address of the API server is not said (`advertiseAddress`)"));
    };
    Ok(if proxy.catches(&Cidr::host(address)) {
        told(https, &address.to_string())
    } else {
        pass(format!("the proxy is not used for {address}"))
    })
}

fn http_proxy_cidr(looker: &Looker<'_>) -> Looked {
    let proxy = Proxy::of(looker)?;
    let Some(https) = &proxy.https else { return Ok(pass("no proxy is set")) };
    let kubeadm = looker.node.kubeadm.clone().unwrap_or_default();
    let services = kubeadm.service_subnet.or_else(|| "10.96.0.0/12".parse().ok());
    let caught: Vec<String> = [services, kubeadm.pod_subnet]
        .iter()
        .flatten()
        .flat_map(crate::spec::Subnets::networks)
        .filter(|network| proxy.catches(network))
        .map(ToString::to_string)
        .collect();
    Ok(if caught.is_empty() {
        pass("the proxy is used neither for services nor for pods")
    } else {
        told(https, &caught.join(","))
    })
}

/// The file with the name servers that pods will use for what is outside of the cluster.
fn resolv_conf(looker: &Looker<'_>) -> Result<String, HostError> {
    let written = looker.text("/var/lib/kubelet/config.yaml")?;
    let line = written.lines().find_map(|line| line.strip_prefix("resolvConf:"));
    if let Some(path) = line.map(|path| path.trim().trim_matches('"')).filter(|it| !it.is_empty()) {
        return Ok(path.to_owned());
    }
    if let Some(path) = looker.node.kubelet.as_ref().and_then(|it| it.resolv_conf.clone()) {
        return Ok(path);
    }
    // kubeadm does so where systemd-resolved runs: this file is its.
    let resolved = "/run/systemd/resolve/resolv.conf";
    let there = looker.exists(resolved)?;
    Ok(if there { resolved } else { "/etc/resolv.conf" }.to_owned())
}

fn dns_loop(looker: &Looker<'_>) -> Looked {
    let path = resolv_conf(looker)?;
    let Some(text) = looker.host.text(&path)? else {
        let help = "write one, or name another in `kubelet.resolvConf`";
        return Ok(fail(
            format!("there is no {path}, which pods get their name servers from"),
            help,
        ));
    };
    let found = ResolvConf::parse(&text);
    let own: Vec<String> = found.loopback().map(|address| address.to_string()).collect();
    Ok(if !own.is_empty() {
        fail(
            format!("{path} names {}: CoreDNS would ask itself, and stop", own.join(", ")),
            "name a file with the real name servers in `kubelet.resolvConf`; `clusterDns` in node.yaml writes one",
        )
    } else if found.nameservers.is_empty() {
        warn(
            format!("{path} names no server: pods find no name outside of the cluster"),
            "add a line `nameserver ADDRESS`",
        )
    } else {
        pass(format!("{path} names servers elsewhere"))
    })
}

fn mtu(looker: &Looker<'_>) -> Looked {
    let of = |link: &str| -> Result<Option<u32>, HostError> {
        let path = format!("/sys/class/net/{link}/mtu");
        Ok(looker.host.text(&path)?.and_then(|text| text.trim().parse().ok()))
    };
    let routes = looker.text("/proc/net/route")?;
    let mut uplinks: Vec<&str> = routes
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let (link, to, mask) = (fields.next()?, fields.next()?, fields.nth(5)?);
            (to == "00000000" && mask == "00000000").then_some(link)
        })
        .collect();
    uplinks.sort_unstable();
    uplinks.dedup();
    let mut sizes = Vec::new();
    for link in &uplinks {
        sizes.extend(of(link)?.map(|size| (*link, size)));
    }
    let Some(&(link, least)) = sizes.iter().min_by_key(|(_, size)| *size) else {
        return Ok(skip("there is no default route"));
    };
    let help =
        "give links and the network plugin sizes that fit: larger packets vanish without a word";
    if least < LEAST_MTU + VXLAN {
        return Ok(warn(
            format!("packets on {link} have at most {least} bytes, too few for an overlay"),
            help,
        ));
    }
    for overlay in OVERLAYS {
        if let Some(size) = of(overlay)?.filter(|size| size + VXLAN > least) {
            let told = format!("{overlay} takes {size} bytes, but {link} below it {least}");
            return Ok(warn(told, help));
        }
    }
    Ok(if sizes.iter().any(|(_, size)| *size != least) {
        let all: Vec<String> = sizes.iter().map(|(link, size)| format!("{link} {size}")).collect();
        warn(format!("default routes have packets of different sizes: {}", all.join(", ")), help)
    } else {
        pass(format!("packets on {link} have at most {least} bytes"))
    })
}

/// What fills the kernel's rules at boot besides Kubernetes.
fn nested_firewall(looker: &Looker<'_>) -> Looked {
    let mut managers = Vec::new();
    for unit in ["firewalld", "nftables", "iptables", "ip6tables", "netfilter-persistent"] {
        if looker.unit(&format!("{unit}.service"))? == UnitFile::Enabled {
            managers.push(unit);
        }
    }
    let ufw = looker.text("/etc/ufw/ufw.conf")?;
    if ufw.lines().any(|line| line.trim().eq_ignore_ascii_case("enabled=yes")) {
        managers.push("ufw");
    }
    if managers.contains(&"nftables") {
        for path in ["/etc/nftables.conf", "/etc/sysconfig/nftables.conf"] {
            let text = looker.text(path)?;
            if text.lines().any(|line| line.trim() == "flush ruleset") {
                return Ok(warn(
                    format!(
                        "{path} flushes all rules, those of kube-proxy and pods too, when nftables.service is restarted"
                    ),
                    "flush only your own tables in it (`flush table inet filter`)",
                ));
            }
        }
    }
    managers.retain(|name| *name != "ip6tables");
    Ok(if managers.len() > 1 {
        warn(
            format!("more than one firewall is started at boot: {}", managers.join(", ")),
            "disable all but one: each of them takes the rules for its own",
        )
    } else {
        pass(match managers.first() {
            Some(one) => format!("only {one} is started at boot"),
            None => "no firewall is started at boot".to_owned(),
        })
    })
}
