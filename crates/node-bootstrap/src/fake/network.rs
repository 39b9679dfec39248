//! Links and firewall rules of a host in memory.

use super::World;
use super::programs::{failed, said};
use crate::host::{Entry, Kind, Meta, Output};
use crate::text::firewall::parse;

pub(super) const HAPROXY: &str = "haproxy.service";
/// Who listens.
pub(super) const SOCKETS: &str = "/proc/net/tcp";

/// haproxy reads its file and listens on the port that stands there.
pub(super) fn serve(world: &mut World) {
    let file = world.files.get("/etc/haproxy/haproxy.cfg").map(|entry| &entry.kind);
    let Some(Kind::File(content)) = file else { return };
    let text = String::from_utf8_lossy(content);
    let bind = text.lines().find_map(|line| line.trim().strip_prefix("bind "));
    let port = bind
        .and_then(|bind| bind.split_whitespace().next()?.rsplit_once(':')?.1.parse::<u16>().ok());
    let Some(port) = port else { return };
    let listens =
        format!("  sl  local_address rem_address   st\n 0: 00000000:{port:04X} 00000000:0000 0A\n");
    let entry = Entry { kind: Kind::File(listens.into_bytes()), meta: Meta::root(0o444) };
    world.files.insert(SOCKETS.to_owned(), entry);
}

/// What a program does and says; `None` where it is none of these.
pub(super) fn run(world: &mut World, argv: &[&str], stdin: &str) -> Option<Output> {
    Some(match argv {
        ["ip", "-j", "link"] => {
            let links = world.links.iter().map(|(name, master)| {
                serde_json::json!({"ifindex": 1, "ifname": name, "flags": ["UP"], "master": master})
            });
            said(0, serde_json::Value::from(links.collect::<Vec<_>>()).to_string())
        }
        ["ip", "-j", "address", ..] => {
            let local = |address| serde_json::json!({"local": address});
            let all: Vec<serde_json::Value> = world.addresses.iter().map(local).collect();
            let mut links = vec![serde_json::json!({"ifname": "eth0", "addr_info": all})];
            links.extend(world.links.iter().map(|(name, _)| {
                serde_json::json!({"ifname": name, "addr_info": [{"local": "192.0.2.1"}]})
            }));
            said(0, serde_json::Value::from(links).to_string())
        }
        // It takes nothing that is broken.
        ["/usr/sbin/haproxy", "-c", ..] => match stdin.lines().position(|it| it.contains("broken"))
        {
            Some(at) => failed(format!("[ALERT] parsing [/dev/stdin:{}]: broken", at + 1)),
            None => said(0, ""),
        },
        ["ip", "link", "delete", name] => {
            let before = world.links.len();
            world.links.retain(|(known, _)| known != name);
            if world.links.len() < before {
                said(0, "")
            } else {
                failed(format!("Cannot find device \"{name}\""))
            }
        }
        ["ip", "netns", "delete", name] => {
            world.files.remove(&format!("/run/netns/{name}"));
            said(0, "")
        }
        [save] if save.ends_with("tables-save") => {
            said(0, world.rules.get(*save).cloned().unwrap_or_default())
        }
        [restore, "--noflush", ..] => {
            let save = format!("{}-save", restore.strip_suffix("-restore")?);
            match restored(world.rules.get(&save).map(String::as_str).unwrap_or_default(), stdin) {
                Ok(rules) => {
                    world.rules.insert(save, rules);
                    said(0, "")
                }
                Err(line) => failed(format!("iptables-restore: line failed: {line}")),
            }
        }
        ["nft", "list", "tables"] => said(
            0,
            world.tables.iter().flat_map(|table| ["table ", table, "\n"]).collect::<String>(),
        ),
        ["nft", "-f", "-"] => {
            for line in stdin.lines() {
                let gone = line.strip_prefix("delete table ")?;
                world.tables.retain(|table| table != gone);
            }
            said(0, "")
        }
        _ => return None,
    })
}

/// What `iptables-restore --noflush` makes of rules; the line that it does not take.
fn restored(saved: &str, script: &str) -> Result<String, String> {
    let mut tables = parse(saved);
    let mut at = None;
    for line in script.lines() {
        if let Some(name) = line.strip_prefix('*') {
            at = tables.iter().position(|table| table.name == name);
            continue;
        }
        let table = at.and_then(|at| tables.get_mut(at)).ok_or(line)?;
        if let Some(chain) = line.strip_prefix(':').and_then(|rest| rest.split(' ').next()) {
            let of = format!("-A {chain} ");
            table.rules.retain(|rule| !rule.starts_with(&of));
        } else if let Some(rule) = line.strip_prefix("-D ") {
            let rule = format!("-A {rule}");
            let at = table.rules.iter().position(|known| *known == rule).ok_or(line)?;
            table.rules.remove(at);
        } else if let Some(chain) = line.strip_prefix("-X ") {
            let end = format!("-j {chain}");
            if table.rules.iter().any(|rule| rule.ends_with(&end)) {
                return Err(line.to_owned());
            }
            table.chains.retain(|known| known != chain);
        } else if line != "COMMIT" {
            return Err(line.to_owned());
        }
    }
    Ok(tables
        .iter()
        .map(|table| {
            let chains = table.chains.iter().flat_map(|chain| [":", chain, " - [0:0]\n"]);
            let rules = table.rules.iter().flat_map(|rule| [rule.as_str(), "\n"]);
            let body: String = chains.chain(rules).collect();
            ["*", &table.name, "\n", &body, "COMMIT\n"].concat()
        })
        .collect())
}
