//! Names and addresses in `/etc/hosts`.

use std::net::IpAddr;

use crate::change::ChangeError;
use crate::edit::{Edit, EditError};
use crate::plan::{Planning, Step};
use crate::spec::HostEntry;
use crate::text::hosts;

const FILE: &str = "/etc/hosts";

/// Names and addresses in `/etc/hosts`.
#[derive(Debug)]
pub(super) struct Hosts;

impl Step for Hosts {
    fn id(&self) -> &'static str {
        "hosts"
    }

    fn why(&self) -> &'static str {
        "Hosts find each other, and themselves, when no name server does. The lines stand in a block of their own in \
         /etc/hosts."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        let before = planning.text(FILE)?.unwrap_or_default();
        let mut wishes = node.hosts.clone();
        wishes.extend(own_name(node.hostname.as_deref(), &wishes, &before));
        if wishes.is_empty() {
            return Ok(());
        }
        let entries: Vec<hosts::Entry> = wishes.iter().map(Into::into).collect();
        let managed = hosts::manage(&before, &entries).map_err(|fault| ChangeError::Edit {
            path: FILE.to_owned(),
            source: EditError::new(fault),
        })?;
        let ours = managed.text.lines().position(|line| line == crate::text::block::BEGIN);
        for conflict in &managed.conflicts {
            let hosts::Conflict { name, address, line } = conflict;
            let own: Vec<String> = wishes
                .iter()
                .filter(|wish| wish.names.contains(name))
                .map(|wish| wish.address.to_string())
                .collect();
            let own = own.join(", ");
            // The first line with a name is the one that counts.
            if ours.is_none_or(|ours| *line <= ours) {
                planning.refuse(format!(
                    "{FILE}:{line}: {name} has the address {address} there, and is to have {own}; take it out of \
                     that line, or out of `hosts`"
                ));
            } else {
                planning.note(format!(
                    "{FILE}:{line}: {name} has the address {address} there too, after {own}"
                ));
            }
        }
        planning.write(FILE, Edit::Hosts(wishes), None)
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        if node.hosts.is_empty() && node.hostname.is_none() {
            return Ok(());
        }
        // cloud-init says so in the head of the file that it writes.
        if planning.text(FILE)?.unwrap_or_default().contains("manage_etc_hosts") {
            planning.note(format!(
                "cloud-init writes {FILE} anew at every boot; say `manage_etc_hosts: false` in \
                 /etc/cloud/cloud.cfg.d/99-hosts.cfg"
            ));
        }
        if planning.is_live() {
            let name = planning.facts.hostname.clone();
            if !planning.look(&["getent", "hosts", &name]).is_ok_and(|output| output.is_ok()) {
                planning.note(format!(
                    "the host does not know its own name {name}; give it an address in `hosts`"
                ));
            }
        }
        Ok(())
    }
}

/// A host has to know its own name. Where no line has it, it gets the address that Debian gives it.
fn own_name(name: Option<&str>, wishes: &[HostEntry], text: &str) -> Option<HostEntry> {
    let name = name?;
    let is_wished = wishes.iter().any(|wish| wish.names.iter().any(|own| own == name));
    let loopback = IpAddr::from([127, 0, 1, 1]);
    // What we wrote ourselves is wished again, or it would go.
    let others = hosts::addresses(text, name).into_iter().any(|address| address != loopback);
    let debian = hosts::entries(text).any(|(line, entry)| {
        entry.address == loopback
            && entry.names.iter().any(|own| own == name)
            && !is_ours(text, line)
    });
    if is_wished || others || debian {
        return None;
    }
    let short = name.split_once('.').map(|(short, _)| short.to_owned());
    let names = [name.to_owned()].into_iter().chain(short).collect();
    Some(HostEntry { address: loopback, names })
}

/// Whether a line, from 1, stands in our block.
fn is_ours(text: &str, line: usize) -> bool {
    let position = |marker: &str| text.lines().position(|line| line == marker);
    match (position(crate::text::block::BEGIN), position(crate::text::block::END)) {
        (Some(begin), Some(end)) => (begin + 1..=end).contains(&line),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Node;
    use crate::steps::testing::{debian, findings, lives, plan_of, rocky, shown};

    fn node(hostname: Option<&str>, hosts: &[(&str, &[&str])]) -> Node {
        let entry = |(address, names): &(&str, &[&str])| HostEntry {
            address: address.parse().unwrap(),
            names: names.iter().map(ToString::to_string).collect(),
        };
        Node {
            hostname: hostname.map(str::to_owned),
            hosts: hosts.iter().map(entry).collect(),
            ..Node::default()
        }
    }

    #[test]
    fn lines_stand_in_a_block_and_the_own_name_has_the_wished_address() {
        let wish = node(Some("n1"), &[("10.0.0.1", &["n1.example", "n1"]), ("10.0.0.2", &["n2"])]);
        let prepare = || {
            let host = debian();
            host.set("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 n1 other\n");
            host
        };
        insta::assert_snapshot!(lives(prepare, &wish, &Hosts), @r"
        edit /etc/hosts
          -127.0.1.1 n1 other
          +#node-prep: 127.0.1.1 n1 other
          +# BEGIN node-prep
          +127.0.1.1 other
          +10.0.0.1 n1.example n1
          +10.0.0.2 n2
          +# END node-prep
        ");
    }

    #[test]
    fn a_new_name_is_known_to_its_host() {
        insta::allow_duplicates! {
            for prepare in [debian, rocky] {
            insta::assert_snapshot!(lives(prepare, &node(Some("n1.example.org"), &[]), &Hosts), @r"
            edit /etc/hosts
              +# BEGIN node-prep
              +127.0.1.1 n1.example.org n1
              +# END node-prep
            ");
            }
        }
        let host = debian();
        host.set("/etc/hosts", "127.0.1.1 n1\n");
        assert!(plan_of(&host, &node(Some("n1"), &[]), &Hosts).is_empty());
    }

    #[test]
    fn a_line_that_wins_with_another_address_is_a_refusal_and_one_that_does_not_a_note() {
        let wish = node(None, &[("10.0.0.1", &["n1"])]);
        let host = debian();
        host.set("/etc/hosts", "127.0.0.1 localhost\n10.0.0.9 n1\n");
        insta::assert_snapshot!(shown(&plan_of(&host, &wish, &Hosts)), @r"
        edit /etc/hosts
          +# BEGIN node-prep
          +10.0.0.1 n1
          +# END node-prep
        refused: /etc/hosts:2: n1 has the address 10.0.0.9 there, and is to have 10.0.0.1; take it out of that line, or out of `hosts`
        ");
        host.set("/etc/hosts", "# BEGIN node-prep\n10.0.0.1 n1\n# END node-prep\n10.0.0.9 n1\n");
        insta::assert_snapshot!(shown(&plan_of(&host, &wish, &Hosts)), @"note: /etc/hosts:4: n1 has the address 10.0.0.9 there too, after 10.0.0.1");
    }

    #[test]
    fn what_the_next_boot_takes_away_is_found() {
        let wish = node(None, &[("10.0.0.1", &["n1"])]);
        let host = debian();
        host.set("/etc/hosts", "# manage_etc_hosts as True\n");
        host.answer(&["getent", "hosts", "localhost"], 0, "127.0.0.1 localhost\n");
        assert_eq!(findings(&host, &wish, &Hosts).len(), 1);
        host.answer(&["getent", "hosts", "localhost"], 2, "");
        insta::assert_snapshot!(findings(&host, &wish, &Hosts).join("\n"), @r"
        cloud-init writes /etc/hosts anew at every boot; say `manage_etc_hosts: false` in /etc/cloud/cloud.cfg.d/99-hosts.cfg
        the host does not know its own name localhost; give it an address in `hosts`
        ");
    }
}
