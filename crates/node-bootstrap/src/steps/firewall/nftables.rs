//! nftables: a chain of our own in each table that keeps packets out, called first. A rule in a table of our own could
//! let nothing in that another table keeps out.

use super::{Opening, Openings, carrier};
use crate::change::{ChangeError, Shown};
use crate::data::distribution::Family;
use crate::data::ports::Carrier;
use crate::edit::Edit;
use crate::host::{Output, sha256};
use crate::plan::Planning;
use crate::spec::Cidr;
use crate::steps::containerd;
use crate::text::block;
use crate::text::nft::{self, BaseChain};

const FILE: &str = "/etc/nftables.d/node-prep.nft";

pub(super) fn plan(planning: &mut Planning<'_>, openings: &Openings) -> Result<(), ChangeError> {
    let main = match planning.facts.distribution.family {
        Family::Debian => "/etc/nftables.conf",
        Family::Rhel => "/etc/sysconfig/nftables.conf",
    };
    let text = planning.text(main)?.unwrap_or_default();
    // What is ours there does not count.
    let text = block::remove(&text).unwrap_or(text);
    let Some(text) = with_included(planning, main, &text, 0)? else { return Ok(()) };
    if nft::flushes(&text) {
        planning.note(format!(
            "{main} begins with `flush ruleset`: each start of nftables.service drops the rules of kube-proxy and of \
             containers. Delete only tables of your own there"
        ));
    }
    let is_meant = |chain: &BaseChain| {
        chain.closes
            && ["ip", "ip6", "inet"].contains(&chain.family.as_str())
            && (chain.hook == "input" || (chain.hook == "forward" && !openings.trusted.is_empty()))
    };
    let mut chains = nft::base_chains(&text);
    chains.retain(is_meant);
    let mut others = loaded(planning);
    others.retain(|other| is_meant(other) && !chains.iter().any(|chain| is_same(chain, other)));
    for BaseChain { family, table, name, by_policy, .. } in others {
        let found =
            format!("the chain {family} {table} {name} keeps packets out, and is not in {main}");
        // One with rules may keep out only a few, such as those that attack ssh.
        if by_policy {
            planning.refuse(format!(
                "{found}: what is let in there now would be gone at the next boot, or would keep the service from \
                 starting. Write it into {main}, or let in there what the node needs and say `firewall: {{mode: ignore}}`"
            ));
        } else {
            planning.note(format!("{found}: see whether its rules let in what the node needs"));
        }
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

/// A file of rules with those that it includes in their places. `None` where they cannot be known, which is refused.
fn with_included(
    planning: &mut Planning<'_>,
    path: &str,
    text: &str,
    depth: usize,
) -> Result<Option<String>, ChangeError> {
    let mut whole = String::new();
    for line in text.lines() {
        let Some(pattern) = nft::include(line) else {
            whole.extend([line, "\n"]);
            continue;
        };
        // nft looks for others from its own folder.
        let pattern =
            if pattern.starts_with('/') { pattern.to_owned() } else { format!("/etc/{pattern}") };
        let folder = pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_plain = depth < 16
            && !pattern.contains(['$', '?', '[', '{'])
            && !folder.contains('*')
            && pattern.matches('*').count() < 2
            && !folder.split('/').any(|part| part.starts_with('.'));
        if !is_plain {
            planning.refuse(not_understood(path, line));
            return Ok(None);
        }
        for file in containerd::matching(planning, std::slice::from_ref(&pattern))? {
            if file == FILE {
                continue;
            }
            let Some(text) = planning.text(&file)? else {
                planning.refuse(format!(
                    "{path} includes {file}, which is not there, so that nftables.service cannot start: mend that line"
                ));
                return Ok(None);
            };
            let Some(text) = with_included(planning, &file, &text, depth + 1)? else {
                return Ok(None);
            };
            whole.push_str(&text);
        }
    }
    if nft::includes(&whole) {
        planning.refuse(not_understood(path, "include"));
        return Ok(None);
    }
    Ok(Some(whole))
}

fn not_understood(path: &str, line: &str) -> String {
    format!(
        "{path}: `{}` is not understood, and what keeps packets out is not known. Name there a file, or all that fit one \
         `*`, on a line of its own and by the whole path, or say `firewall: {{mode: ignore}}`",
        line.trim()
    )
}

/// The chains that the kernel has now, as far as nft tells; not those of other firewalls, which have their own ways.
fn loaded(planning: &Planning<'_>) -> Vec<BaseChain> {
    let said = planning.is_live().then(|| planning.look(&["nft", "list", "ruleset"]));
    let said = said.and_then(Result::ok).filter(Output::is_ok);
    let mut chains = said.map(|said| nft::base_chains(&said.stdout)).unwrap_or_default();
    chains.retain(|chain| {
        // Those of iptables are written in capital letters.
        let is_iptables = chain.name.bytes().all(|byte| byte.is_ascii_uppercase());
        !is_iptables && !["firewalld", "kube-proxy"].contains(&chain.table.as_str())
    });
    chains
}

fn is_same(one: &BaseChain, other: &BaseChain) -> bool {
    one.family == other.family && one.table == other.table && one.name == other.name
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
