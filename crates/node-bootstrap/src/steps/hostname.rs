//! The name of the host: now, and at every boot.

use crate::change::{Change, ChangeError};
use crate::edit::Edit;
use crate::plan::{Planning, Step};

/// Where the name of every boot stands.
const FILE: &str = "/etc/hostname";
/// Where the kubelet of a host that has joined a cluster keeps how it signs in.
const JOINED: &str = "/etc/kubernetes/kubelet.conf";

/// The name of the host.
#[derive(Debug)]
pub(super) struct Hostname;

impl Step for Hostname {
    fn id(&self) -> &'static str {
        "hostname"
    }

    fn why(&self) -> &'static str {
        "A node has the name of its host, and no two nodes may have the same. It is set now and, by /etc/hostname, at \
         every boot."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(name) = &planning.node.hostname else { return Ok(()) };
        if let Err(why) = fits(name) {
            planning.refuse(format!("`{}` {why}", name.escape_debug()));
            return Ok(());
        }
        let current = &planning.facts.hostname;
        if planning.is_live() && current != name && planning.exists(JOINED)? {
            planning.refuse(format!(
                "this host is a node of a cluster with the name {current} ({JOINED}); its node would not be found as \
                 {name}. Take it out of the cluster first (`node-prep reset`), or leave its name"
            ));
            return Ok(());
        }
        planning.write(FILE, Edit::Content(format!("{name}\n")), Some(0o644))?;
        if !planning.is_live() || current != name {
            planning.live(Change::SetHostname { name: name.clone() });
        }
        Ok(())
    }
}

/// Whether Kubernetes takes a name for a node: that of RFC 1123 in small letters, as long as the kernel lets it be.
fn fits(name: &str) -> Result<(), &'static str> {
    let label = |label: &str| {
        let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 64 {
        Err("is too long for a host: at most 64 characters")
    } else if !name.split('.').all(label) {
        Err(
            "is no name for a host: small letters, digits and dashes, parts with dots between them, such as node-1",
        )
    } else if name == "localhost" || name.starts_with("localhost.") {
        Err("is every host's name for itself; give one that no other host has")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Node;
    use crate::steps::testing::{debian, lives, plan_of, rocky, shown};

    fn named(name: &str) -> Node {
        Node { hostname: Some(name.to_owned()), ..Node::default() }
    }

    #[test]
    fn a_host_is_named_now_and_for_good() {
        insta::allow_duplicates! {
            for prepare in [debian, rocky] {
            insta::assert_snapshot!(lives(prepare, &named("node-1"), &Hostname), @r"
            write /etc/hostname (mode 0644)
              -localhost
              +node-1
            name the host node-1 now
            ");
            }
        }
    }

    #[test]
    fn only_names_that_a_node_can_have_are_taken() {
        let long = "a".repeat(64);
        for name in
            ["", "Node", "a_b", "-a", "a-", "a..b", "localhost", "localhost.localdomain", &long]
        {
            let plan = plan_of(&debian(), &named(name), &Hostname);
            assert_eq!(plan.refusals().count(), 1, "{name}");
            assert!(plan.is_empty(), "{name}");
        }
        for name in ["a", "node-1.example.org", "10"] {
            assert!(fits(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_node_of_a_cluster_keeps_its_name() {
        let host = debian();
        host.set("/proc/sys/kernel/hostname", "old\n");
        host.set("/etc/kubernetes/kubelet.conf", "");
        insta::assert_snapshot!(shown(&plan_of(&host, &named("new"), &Hostname)), @"refused: this host is a node of a cluster with the name old (/etc/kubernetes/kubelet.conf); its node would not be found as new. Take it out of the cluster first (`node-prep reset`), or leave its name");
    }

    #[test]
    fn a_host_whose_name_is_not_wished_keeps_it() {
        assert_eq!(plan_of(&debian(), &Node::default(), &Hostname), crate::plan::Plan::default());
    }
}
