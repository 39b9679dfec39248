//! nftables: a chain of our own in each table that keeps packets out, called first. A rule in a table of our own could
//! let nothing in that another table keeps out.

use super::{Opening, Openings, carrier};
use crate::change::{ChangeError, Shown};
use crate::data::distribution::Family;
use crate::data::ports::Carrier;
use crate::edit::Edit;
use crate::host::sha256;
use crate::plan::Planning;
use crate::spec::Cidr;
use crate::text::nft::{self, BaseChain};

const FILE: &str = "/etc/nftables.d/node-prep.nft";

pub(super) fn plan(planning: &mut Planning<'_>, openings: &Openings) -> Result<(), ChangeError> {
    let main = match planning.facts.distribution.family {
        Family::Debian => "/etc/nftables.conf",
        Family::Rhel => "/etc/sysconfig/nftables.conf",
    };
    let text = planning.text(main)?.unwrap_or_default();
    if nft::flushes(&text) {
        planning.note(format!(
            "{main} begins with `flush ruleset`: each start of nftables.service drops the rules of kube-proxy and of \
             containers. Delete only tables of your own there"
        ));
    }
    let mut chains = nft::base_chains(&text);
    chains.retain(|chain| chain.closes && ["input", "forward"].contains(&chain.hook.as_str()));
    if openings.trusted.is_empty() {
        chains.retain(|chain| chain.hook == "input");
    }
    if chains.is_empty() {
        planning.note(format!("no chain in {main} keeps packets out: there is nothing to let in"));
        return Ok(());
    }
    let rules: Vec<(&BaseChain, Vec<String>)> =
        chains.iter().map(|chain| (chain, rules(chain, openings))).collect();
    let body: String = rules.iter().map(|(chain, rules)| declared(chain, rules)).collect();
    let text = format!("# Written by node-prep; it is replaced as a whole.\n{body}");
    planning.write(FILE, Edit::Content(text), Some(0o644))?;
    let mut lines = vec![format!("include \"{FILE}\"")];
    lines.extend(chains.iter().map(jump));
    planning.write(main, Edit::Block(lines), None)?;
    for (chain, rules) in rules {
        let BaseChain { family, table, name, .. } = chain;
        let ours = own(chain);
        // What is emptied lets nothing in any more; it is gone with the next start of the service.
        let flush = ["nft", "flush", "chain", family, table, &ours].map(str::to_owned);
        let list = ["nft", "list", "chain", family, table];
        let listed = |chain: &str| {
            list.iter().chain([&chain]).map(|word| (*word).to_owned()).collect::<Vec<String>>()
        };
        planning.want_rule(
            ["nft", "-f", FILE].map(str::to_owned).into(),
            flush.clone().into(),
            Shown::Said { argv: listed(&ours), text: mark(&rules) },
        )?;
        let insert = format!("{} ", jump(chain));
        planning.want_rule(
            std::iter::once("nft").chain(insert.split_whitespace()).map(str::to_owned).collect(),
            flush.into(),
            Shown::Said { argv: listed(name), text: format!("jump {ours}") },
        )?;
    }
    Ok(())
}

/// The name of our chain that is called by another.
fn own(chain: &BaseChain) -> String {
    format!("node-prep-{}", chain.hook)
}

fn jump(chain: &BaseChain) -> String {
    let BaseChain { family, table, name, .. } = chain;
    format!("insert rule {family} {table} {name} jump {}", own(chain))
}

/// By what the rules are known again: nft writes them in its own way.
fn mark(rules: &[String]) -> String {
    format!("node-prep {}", &sha256(rules.concat().as_bytes())[..12])
}

/// The chain with its rules. Read twice, it has them once.
fn declared(chain: &BaseChain, rules: &[String]) -> String {
    let BaseChain { family, table, .. } = chain;
    let ours = own(chain);
    let lines: String =
        rules.iter().flat_map(|rule| ["        ", rule.as_str(), "\n"]).collect::<String>();
    let mark = mark(rules);
    format!(
        "table {family} {table} {{\n    chain {ours} {{\n    }}\n}}\nflush chain {family} {table} {ours}\n\
         table {family} {table} {{\n    chain {ours} {{\n        counter comment \"{mark}\"\n{lines}    }}\n}}\n"
    )
}

fn rules(chain: &BaseChain, openings: &Openings) -> Vec<String> {
    let fits = |network: &Cidr| match chain.family.as_str() {
        "ip" => network.address.is_ipv4(),
        "ip6" => network.address.is_ipv6(),
        _ => true,
    };
    let of = |network: &Cidr| if network.address.is_ipv4() { "ip" } else { "ip6" };
    let mut rules = Vec::new();
    if chain.hook == "input" {
        for opening in &openings.inbound {
            let Some(what) = what(opening, &chain.family) else { continue };
            if opening.from.is_empty() {
                rules.push(format!("{what} accept"));
            }
            for network in opening.from.iter().filter(|network| fits(network)) {
                rules.push(format!("{} saddr {network} {what} accept", of(network)));
            }
        }
    }
    for network in openings.trusted.iter().filter(|network| fits(network)) {
        rules.push(format!("{} saddr {network} accept", of(network)));
        if chain.hook == "forward" {
            rules.push(format!("{} daddr {network} accept", of(network)));
        }
    }
    rules
}

fn what(opening: &Opening, family: &str) -> Option<String> {
    match (opening.carrier, opening.port) {
        (Carrier::Tcp | Carrier::Udp, Some(port)) => {
            Some(format!("{} dport {port}", carrier(opening.carrier)))
        }
        (Carrier::Ipip, _) if family != "ip6" => Some("meta l4proto 4".to_owned()),
        (Carrier::Icmp, _) if family == "ip6" => Some("icmpv6 type echo-request".to_owned()),
        (Carrier::Icmp, _) => Some("icmp type echo-request".to_owned()),
        _ => None,
    }
}
