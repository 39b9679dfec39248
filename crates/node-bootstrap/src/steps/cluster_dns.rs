//! Names of the cluster's services, known on the host, without the cluster's DNS asking itself.
//!
//! The host asks the cluster's DNS for the domain of the cluster, and others for the rest. Where that makes the host its
//! own name server, pods must not be given that address: the cluster's DNS would ask itself, and ends when it finds out.

pub(crate) mod kubelet;
mod owner;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::change::{ChangeError, Enablement, Poke, Wanted};
use crate::edit::Edit;
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::spec::ClusterDns as Wish;
use crate::text::resolv::ResolvConf;

use owner::Owner;

/// What glibc asks.
const RESOLV: &str = "/etc/resolv.conf";
/// The real name servers, for the kubelet.
pub(crate) const UPSTREAMS: &str = "/etc/kubernetes/node-prep/resolv.conf";

const RESOLVED_FILE: &str = "/etc/systemd/resolved.conf.d/90-node-prep.conf";
const NETWORK_MANAGER_FILE: &str = "/etc/NetworkManager/conf.d/90-node-prep-dns.conf";
const NETWORK_MANAGER_DNSMASQ: &str = "/etc/NetworkManager/dnsmasq.d/90-node-prep.conf";
const DNSMASQ_FILE: &str = "/etc/dnsmasq.d/90-node-prep.conf";
const DNSMASQ_UNIT: &str = "dnsmasq.service";
const RESOLVCONF_TAIL: &str = "/etc/resolvconf/resolv.conf.d/tail";
/// glibc and the kubelet take no more.
const MOST_SERVERS: usize = 3;

/// Names of the cluster's services, known on the host.
#[derive(Debug)]
pub(super) struct ClusterDns;

impl Step for ClusterDns {
    fn id(&self) -> &'static str {
        "cluster-dns"
    }

    fn why(&self) -> &'static str {
        "The host finds services of the cluster by name, as a mount of a share inside the cluster needs. Only the names \
         of the cluster are asked of its DNS. The kubelet gets a file with the real name servers, or the cluster's DNS \
         would ask itself."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = &planning.node.cluster_dns else { return Ok(()) };
        let owner = owner::of(planning)?;
        let Some(real) = upstreams(planning, &owner, wish)? else {
            planning.refuse(format!(
                "no name server is known but the host itself ({RESOLV}): nobody could be asked for names outside of \
                 the cluster. Give the host one"
            ));
            return Ok(());
        };
        match &owner {
            Owner::Resolved { stub: false } => planning.refuse(format!(
                "{RESOLV} leads past systemd-resolved to its name servers, so that it cannot choose one by the name; \
                 link it to /run/systemd/resolve/stub-resolv.conf"
            )),
            Owner::Resolved { stub: true } => resolved(planning, wish, &real)?,
            Owner::NetworkManager => network_manager(planning, wish, &real)?,
            Owner::Resolvconf => resolvconf(planning, wish, &real)?,
            Owner::File => plain(planning, wish, &real)?,
            Owner::Unknown { target } => planning.refuse(format!(
                "{RESOLV} leads to {target}, and nobody is known who writes that; leave out `clusterDns`, or make it a \
                 plain file"
            )),
        }
        Ok(())
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        if let Some(why) = kubelet::dns_loop(planning)? {
            planning.refuse(format!("DnsLoop: {why}"));
        }
        if planning.node.cluster_dns.is_some()
            && owner::of(planning)? == Owner::File
            && planning.exists(&planning.resolve("/sbin/dhclient")?)?
        {
            planning.note(format!(
                "dhclient may write {RESOLV} anew with the next lease; apply again after it, or install resolvconf"
            ));
        }
        Ok(())
    }
}

/// The name servers that were asked before, with their search domains and options; `None` where there is none but the
/// host itself.
fn upstreams(
    planning: &Planning<'_>,
    owner: &Owner,
    wish: &Wish,
) -> Result<Option<ResolvConf>, HostError> {
    for path in owner.upstream_files().iter().chain([&UPSTREAMS]) {
        let mut found = ResolvConf::parse(&planning.text(path)?.unwrap_or_default());
        found.nameservers = usable(&found, wish.server).take(MOST_SERVERS).collect();
        if found.nameservers.is_empty() {
            continue;
        }
        if *owner == Owner::Resolvconf {
            // It keeps servers and search domains apart.
            let shown = ResolvConf::parse(&planning.text(RESOLV)?.unwrap_or_default());
            (found.search, found.options) = (shown.search, shown.options);
        }
        found.search.retain(|domain| domain != "." && !wish.search.contains(domain));
        let ours = options(wish);
        found.options.retain(|option| !ours.contains(option));
        return Ok(Some(found));
    }
    Ok(None)
}

/// Name servers elsewhere that are not the cluster's. Those of one link alone cannot be reached by pods.
fn usable(found: &ResolvConf, cluster: IpAddr) -> impl Iterator<Item = IpAddr> {
    found.upstream().filter(move |address| {
        let is_of_link = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        *address != cluster && !is_of_link
    })
}

/// Options of resolv.conf(5).
fn options(wish: &Wish) -> Vec<String> {
    let ndots = wish.ndots.map(|ndots| format!("ndots:{ndots}"));
    ndots.into_iter().chain(wish.timeout_seconds.map(|time| format!("timeout:{time}"))).collect()
}

/// A text for resolv.conf(5).
fn render(head: &str, servers: &[String], search: &[&String], options: &[&String]) -> String {
    let mut out = format!("# {head}: node-prep.\n");
    for server in servers {
        out.extend(["nameserver ", server, "\n"]);
    }
    for (key, words) in [("search", search), ("options", options)] {
        if !words.is_empty() {
            out.push_str(key);
            for word in words {
                out.extend([" ", word]);
            }
            out.push('\n');
        }
    }
    out
}

/// The file for the kubelet.
fn for_kubelet(planning: &mut Planning<'_>, real: &ResolvConf) -> Result<(), ChangeError> {
    let servers: Vec<String> = real.nameservers.iter().map(ToString::to_string).collect();
    let (search, options): (Vec<_>, Vec<_>) =
        (real.search.iter().collect(), real.options.iter().collect());
    let head = "Name servers that pods may ask, without the host and without the cluster's own";
    let text = render(head, &servers, &search, &options);
    planning.write(UPSTREAMS, Edit::Content(text), Some(0o644))
}

fn resolved(
    planning: &mut Planning<'_>,
    wish: &Wish,
    real: &ResolvConf,
) -> Result<(), ChangeError> {
    if let Some((path, servers)) = owner::global_servers(planning, RESOLVED_FILE)? {
        planning.refuse(format!(
            "{path}: `DNS={servers}` is for all names, and systemd-resolved would ask the cluster's DNS as well for \
             any of them; give these servers to the links (DNS= in their .network files, or by DHCP)"
        ));
        return Ok(());
    }
    if wish.ndots.is_some() || wish.timeout_seconds.is_some() {
        planning
            .note("systemd-resolved has no `ndots` and no `timeoutSeconds`: they are passed over");
    }
    for_kubelet(planning, real)?;
    let before = planning.text(RESOLVED_FILE)?;
    let mut domains = format!("~{}", wish.domain);
    for domain in &wish.search {
        domains.extend([" ", domain]);
    }
    let text = format!(
        "# Names of the cluster: node-prep.\n[Resolve]\nDNS={}\nDomains={domains}\n",
        wish.server
    );
    planning.write(RESOLVED_FILE, Edit::Content(text), Some(0o644))?;
    if planning.text(RESOLVED_FILE)? != before {
        planning.poke(Poke::Restart("systemd-resolved.service".to_owned()));
    }
    Ok(())
}

fn network_manager(
    planning: &mut Planning<'_>,
    wish: &Wish,
    real: &ResolvConf,
) -> Result<(), ChangeError> {
    if !wish.search.is_empty() || wish.ndots.is_some() || wish.timeout_seconds.is_some() {
        planning.note(
            "NetworkManager takes search domains and options from its connections: `search`, `ndots` and \
             `timeoutSeconds` are passed over; see `nmcli connection modify NAME +ipv4.dns-search DOMAIN`",
        );
    }
    for_kubelet(planning, real)?;
    let package = planning.facts.distribution.packages.dnsmasq_base.clone();
    planning.want_packages(&[Wanted { name: package, version: None }], &[])?;
    let before =
        [NETWORK_MANAGER_FILE, NETWORK_MANAGER_DNSMASQ].map(|path| planning.text(path).ok());
    let rule = format!("# Names of the cluster: node-prep.\n{}", server_line(wish));
    planning.write(NETWORK_MANAGER_DNSMASQ, Edit::Content(rule), Some(0o644))?;
    let plugin = "# A name server that asks the cluster's DNS for its names: node-prep.\n[main]\ndns=dnsmasq\n";
    planning.write(NETWORK_MANAGER_FILE, Edit::Content(plugin.to_owned()), Some(0o644))?;
    if before
        != [NETWORK_MANAGER_FILE, NETWORK_MANAGER_DNSMASQ].map(|path| planning.text(path).ok())
    {
        planning.poke(super::network_manager::reload());
    }
    Ok(())
}

fn server_line(wish: &Wish) -> String {
    format!("server=/{}/{}\n", wish.domain, wish.server)
}

/// dnsmasq beside others on this port: it listens only to the host itself.
fn dnsmasq(planning: &mut Planning<'_>, wish: &Wish, more: &str) -> Result<(), ChangeError> {
    let text = format!(
        "# Names of the cluster: node-prep.\nlisten-address=127.0.0.1\nbind-interfaces\n{}{more}",
        server_line(wish)
    );
    let before = planning.text(DNSMASQ_FILE)?;
    // Before the package, which starts it.
    planning.write(DNSMASQ_FILE, Edit::Content(text), Some(0o644))?;
    let package = planning.facts.distribution.packages.dnsmasq.clone();
    planning.want_packages(&[Wanted { name: package, version: None }], &[])?;
    planning.want_unit(DNSMASQ_UNIT, Some(Enablement::Enabled), Some(true))?;
    if planning.text(DNSMASQ_FILE)? != before {
        planning.poke(Poke::Restart(DNSMASQ_UNIT.to_owned()));
    }
    Ok(())
}

/// resolvconf tells dnsmasq the other name servers, and glibc to ask dnsmasq.
fn resolvconf(
    planning: &mut Planning<'_>,
    wish: &Wish,
    real: &ResolvConf,
) -> Result<(), ChangeError> {
    for_kubelet(planning, real)?;
    dnsmasq(planning, wish, "")?;
    let mut lines = Vec::new();
    if !wish.search.is_empty() {
        let all: Vec<&str> = wish.search.iter().chain(&real.search).map(String::as_str).collect();
        lines.push(format!("search {}", all.join(" ")));
    }
    let options = options(wish);
    if !options.is_empty() {
        lines.push(format!("options {}", options.join(" ")));
    }
    let before = planning.text(RESOLVCONF_TAIL)?;
    if !lines.is_empty() {
        planning.write(RESOLVCONF_TAIL, Edit::Block(lines), Some(0o644))?;
    }
    if planning.text(RESOLVCONF_TAIL)? != before {
        planning.poke(Poke::Program(["resolvconf", "-u"].map(str::to_owned).to_vec()));
    }
    Ok(())
}

/// Nobody writes the file but us.
fn plain(planning: &mut Planning<'_>, wish: &Wish, real: &ResolvConf) -> Result<(), ChangeError> {
    for_kubelet(planning, real)?;
    let mut more = String::from("no-resolv\n");
    for server in &real.nameservers {
        more.extend(["server=", &server.to_string(), "\n"]);
    }
    dnsmasq(planning, wish, &more)?;
    // Last, when somebody answers there.
    let ours = options(wish);
    let head = "dnsmasq is asked, which asks the cluster's DNS for its names";
    let text = render(
        head,
        &["127.0.0.1".to_owned()],
        &wish.search.iter().chain(&real.search).collect::<Vec<_>>(),
        &ours.iter().chain(&real.options).collect::<Vec<_>>(),
    );
    planning.write(RESOLV, Edit::Content(text), Some(0o644))
}
