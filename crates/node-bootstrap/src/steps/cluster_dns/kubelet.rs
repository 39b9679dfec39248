//! The name servers that the kubelet gives to pods for names outside of the cluster.

use super::owner::{self, Owner};
use super::{RESOLV, UPSTREAMS};
use crate::host::HostError;
use crate::plan::Planning;
use crate::text::resolv::ResolvConf;

/// Where the kubelet reads its configuration.
const CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// Where systemd-resolved writes the real name servers.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
/// Where its arguments stand.
const ARGUMENTS: [&str; 2] = ["/etc/default/kubelet", "/etc/sysconfig/kubelet"];

/// What the kubelet has to be told of name servers.
///
/// It differs from host to host, and kubeadm's configuration of kubelets is one for all: so it belongs to the argument
/// `--resolv-conf` of this host, or to `kubelet.resolvConf` where all hosts are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolver {
    /// Nothing: `/etc/resolv.conf` names servers that pods can ask.
    Own,
    /// This file.
    File {
        /// Its path.
        path: String,
        /// Why this one.
        why: String,
        /// Whether kubeadm tells kubelets so by itself: it looks for systemd-resolved.
        by_kubeadm: bool,
    },
    /// Whatever it is told, the cluster's DNS would ask itself: why, and how to mend it.
    Loop(String),
}

/// What the kubelet of this host has to be told. It is known whether or not the step for the names of the cluster has
/// been planned already.
pub(crate) fn resolver(planning: &Planning<'_>) -> Result<Resolver, HostError> {
    let file = |path: &str, why: &str| Resolver::File {
        path: path.to_owned(),
        why: why.to_owned(),
        by_kubeadm: path == RESOLVED,
    };
    if let Some(path) = planning.node.kubelet.as_ref().and_then(|it| it.resolv_conf.as_deref()) {
        return Ok(file(path, "`kubelet.resolvConf` says so"));
    }
    if planning.node.cluster_dns.is_some() {
        return Ok(file(
            UPSTREAMS,
            "the host asks the cluster's DNS for some names, and the cluster's DNS must not be sent back to the host",
        ));
    }
    let owner = owner::of(planning)?;
    if !planning.is_live() {
        // What stands there comes at the first boot.
        return Ok(match owner {
            Owner::Resolved { stub: true } => {
                file(RESOLVED, "pods cannot ask the host's systemd-resolved")
            }
            _ => Resolver::Own,
        });
    }
    let own = ResolvConf::parse(&planning.text(RESOLV)?.unwrap_or_default());
    let Some(loopback) = own.loopback().next() else { return Ok(Resolver::Own) };
    for path in owner.upstream_files().iter().filter(|path| **path != RESOLV) {
        let found = ResolvConf::parse(&planning.text(path)?.unwrap_or_default());
        if found.upstream().next().is_some() && found.loopback().next().is_none() {
            return Ok(file(path, &format!("{RESOLV} names {loopback}, which pods cannot ask")));
        }
    }
    Ok(Resolver::Loop(format!(
        "{RESOLV} names {loopback}, the host itself: the cluster's DNS would ask itself. Give a file with other name \
         servers as `kubelet.resolvConf`"
    )))
}

/// Why the cluster's DNS of this host's pods would ask itself: kubeadm has no such check, and the pods of the DNS say it
/// only after they have ended. `None` where it would not.
pub(crate) fn dns_loop(planning: &Planning<'_>) -> Result<Option<String>, HostError> {
    if !planning.is_live() {
        return Ok(None);
    }
    let config = planning.text(CONFIG)?;
    let node = planning.node;
    if config.is_none() && node.cluster_dns.is_none() && node.kubelet.is_none() {
        return Ok(None);
    }
    let config = config.unwrap_or_default();
    let path = match told(planning, &config)? {
        Some(path) => path,
        None => match resolver(planning)? {
            Resolver::Own => RESOLV.to_owned(),
            Resolver::File { path, .. } => path,
            Resolver::Loop(why) => return Ok(Some(why)),
        },
    };
    let Some(text) = planning.text(&path)? else {
        return Ok(Some(format!("{path} is not there, and the kubelet gives it to pods")));
    };
    let found = ResolvConf::parse(&text);
    if let Some(loopback) = found.loopback().next() {
        return Ok(Some(format!(
            "{path} names {loopback}, the host itself, and the kubelet gives it to pods: the cluster's DNS asks itself. \
             Give the kubelet a file with other name servers (`kubelet.resolvConf`)"
        )));
    }
    let clusters: Vec<String> = list(&config, "clusterDNS")
        .into_iter()
        .chain(node.cluster_dns.as_ref().map(|dns| dns.server.to_string()))
        .collect();
    let own = found.nameservers.iter().find(|address| clusters.contains(&address.to_string()));
    Ok(own.map(|own| {
        format!(
            "{path} names {own}, the cluster's DNS, and the kubelet gives it to pods: the cluster's DNS asks itself. \
             Give the kubelet a file with other name servers (`kubelet.resolvConf`)"
        )
    }))
}

/// What the kubelet is told now: its arguments count more than its configuration.
fn told(planning: &Planning<'_>, config: &str) -> Result<Option<String>, HostError> {
    for path in ARGUMENTS {
        let text = planning.text(path)?.unwrap_or_default();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = lines.flat_map(|line| line.split([' ', '\t', '"', '\'']));
        if let Some(found) =
            words.filter_map(|word| word.strip_prefix("--resolv-conf=")).next_back()
        {
            return Ok(Some(found.to_owned()));
        }
    }
    let value = config.lines().find_map(|line| line.strip_prefix("resolvConf:"));
    let value = value.map(|value| value.trim().trim_matches(['"', '\'']).to_owned());
    Ok(value.filter(|value| !value.is_empty()))
}

/// The items of a list at the top of the kubelet's configuration, as kubeadm writes it.
fn list(config: &str, key: &str) -> Vec<String> {
    let mut lines = config.lines().skip_while(|line| line.strip_prefix(key) != Some(":"));
    lines.next();
    lines
        .map_while(|line| line.trim_start().strip_prefix("- "))
        .map(|item| item.trim().trim_matches(['"', '\'']).to_owned())
        .collect()
}
