//! Links, network namespaces and firewall rules that a cluster left.

use serde::Deserialize;

use super::{Action, ResetPlan, Rules, has_program};
use crate::data::leftovers;
use crate::host::{Command, Host, HostError};
use crate::text::firewall;

#[derive(Deserialize)]
struct Link {
    ifname: String,
    /// The bridge that it is in.
    master: Option<String>,
}

pub(super) fn plan(host: &dyn Host, plan: &mut ResetPlan) -> Result<(), HostError> {
    for name in host.list("/run/netns")? {
        if leftovers::get().is_namespace(&name) {
            plan.actions.push(Action::DeleteNamespace { name });
        }
    }
    if has_program(host, "ip")? {
        let (ours, kept) = links(host)?;
        plan.actions.extend(ours.into_iter().map(|name| Action::DeleteLink { name }));
        for name in kept {
            plan.stay(
                name,
                "the kernel makes it with its module, and it does nothing without addresses",
            );
        }
    } else {
        plan.notes.push("there is no program `ip`: links were not looked at".to_owned());
    }
    for rules in sets(host)? {
        let chains = chains(&save(host, rules)?);
        if !chains.is_empty() {
            plan.actions.push(Action::DeleteChains { rules, chains });
        }
    }
    if has_program(host, "nft")? {
        let tables = ours(&tables(host)?);
        if !tables.is_empty() {
            plan.actions.push(Action::DeleteTables { tables });
        }
    }
    let services = host.text("/proc/net/ip_vs")?.unwrap_or_default();
    if services.lines().any(|line| line.starts_with("TCP") || line.starts_with("UDP")) {
        plan.stay(
            "services of IPVS",
            "they do not tell whose they are; without kube-ipvs0 their addresses are gone. `ipvsadm -C` clears all",
        );
    }
    Ok(())
}

/// The links that go, those within a bridge that goes before it; and those that are kept.
pub(super) fn links(host: &dyn Host) -> Result<(Vec<String>, Vec<String>), HostError> {
    let table = leftovers::get();
    let said = host.check(&Command::new(["ip", "-j", "link"]))?;
    let links: Vec<Link> = serde_json::from_str(&said).map_err(|error| HostError::Failed {
        command: "ip -j link".to_owned(),
        code: Some(0),
        stderr: format!("it says no list of links: {error}"),
    })?;
    let in_ours = |link: &Link| link.master.as_deref().is_some_and(|bridge| table.is_link(bridge));
    let mut ours: Vec<String> = links
        .iter()
        .filter(|link| {
            !table.is_link(&link.ifname) && in_ours(link) && link.ifname.starts_with("veth")
        })
        .map(|link| link.ifname.clone())
        .collect();
    ours.extend(
        links.iter().filter(|link| table.is_link(&link.ifname)).map(|link| link.ifname.clone()),
    );
    let kept = links
        .into_iter()
        .map(|link| link.ifname)
        .filter(|name| name != "lo" && table.kept_links.contains(name));
    Ok((ours, kept.collect()))
}

/// The sets of rules that the host has. Asking for old ones would load their modules, so the kernel is asked first.
fn sets(host: &dyn Host) -> Result<Vec<Rules>, HostError> {
    let mut sets = Vec::new();
    for rules in Rules::ALL {
        let names = match rules {
            Rules::IptablesLegacy => "/proc/net/ip_tables_names",
            Rules::Ip6tablesLegacy => "/proc/net/ip6_tables_names",
            Rules::Iptables | Rules::Ip6tables => "",
        };
        let in_use = names.is_empty() || host.text(names)?.is_some_and(|it| !it.trim().is_empty());
        if in_use && has_program(host, rules.save())? {
            sets.push(rules);
        }
    }
    Ok(sets)
}

pub(super) fn save(host: &dyn Host, rules: Rules) -> Result<String, HostError> {
    host.check(&Command::new([rules.save()]))
}

fn prefixes() -> Vec<&'static str> {
    leftovers::get().chain_prefixes.iter().map(String::as_str).collect()
}

/// The script that deletes our chains; `None` where there are none.
pub(super) fn removal(saved: &str) -> Option<String> {
    firewall::removal(saved, &prefixes())
}

/// Our chains, each after its table.
fn chains(saved: &str) -> Vec<String> {
    let table = leftovers::get();
    let parsed = firewall::parse(saved);
    let ours = parsed.iter().flat_map(|of| {
        let chains = of.chains.iter().filter(|chain| table.is_chain(chain));
        chains.map(|chain| format!("{} {chain}", of.name))
    });
    ours.collect()
}

pub(super) fn tables(host: &dyn Host) -> Result<String, HostError> {
    host.check(&Command::new(["nft", "list", "tables"]))
}

fn ours(listed: &str) -> Vec<String> {
    let table = leftovers::get();
    let is_ours = |found: &firewall::NftTable| {
        table.nft_tables.iter().any(|own| own.family == found.family && own.name == found.name)
    };
    let found = firewall::nft_tables(listed);
    found
        .iter()
        .filter(|one| is_ours(one))
        .map(|one| format!("{} {}", one.family, one.name))
        .collect()
}
