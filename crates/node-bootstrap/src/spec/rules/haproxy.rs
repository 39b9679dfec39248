//! Rules of the part about haproxy.

use diagnostics::DataPath;

use super::{Rules, host_and_port, root};
use crate::data::ports::{self, Carrier};
use crate::spec::Node;

pub(super) fn check(rules: &mut Rules, node: &Node) {
    let Some(haproxy) = &node.haproxy else { return };
    let part = root("haproxy");
    bind(rules, part.join("bind"), node, haproxy.bind);
    if haproxy.servers.is_empty() {
        rules.error(
            "empty",
            part.join("servers"),
            "there is nothing that it leads to",
            "name the control planes: `servers: [{name: a, address: 10.0.0.1}]`",
        );
    }
    for (at, server) in haproxy.servers.iter().enumerate() {
        let path = part.join("servers").join(at);
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if server.name.is_empty() || !server.name.chars().all(fits) {
            rules.error(
                "name",
                path.join("name"),
                format!("`{}` is no name that haproxy takes", server.name.escape_debug()),
                "use letters, digits, -, _ and .",
            );
        }
        if !matches!(host_and_port(&server.address), Some((_, None))) {
            rules.error(
                "address",
                path.join("address"),
                format!("`{}` is neither an address nor a name", server.address.escape_debug()),
                "give one such as 10.0.0.1 or a.example.org; the port has a field of its own",
            );
        }
        if server.port == 0 {
            let message = "there is no port 0";
            rules.error("port", path.join("port"), message, "give one from 1 to 65535");
        }
        let before = &haproxy.servers[..at];
        if before.iter().any(|other| other.name == server.name) {
            rules.error(
                "duplicate-name",
                path.join("name"),
                format!("{} stands twice", server.name),
                "give each server a name of its own",
            );
        }
        let same = |a: &str, b: &str| a.trim_matches(['[', ']']) == b.trim_matches(['[', ']']);
        if before
            .iter()
            .any(|other| same(&other.address, &server.address) && other.port == server.port)
        {
            rules.error(
                "duplicate-address",
                path.join("address"),
                format!("{} port {} stands twice", server.address, server.port),
                "leave one of them",
            );
        }
    }
    let checks = &haproxy.checks;
    for (field, value, most) in [
        ("intervalSeconds", checks.interval_seconds, 60),
        ("fall", checks.fall, 20),
        ("rise", checks.rise, 20),
    ] {
        if !(1..=most).contains(&value) {
            let message = format!("{value} is not from 1 to {most}");
            let path = part.join("checks").join(field);
            rules.error("range", path, message, "leave it out for what is usual");
        }
    }
}

/// What else listens on this host.
fn bind(rules: &mut Rules, path: DataPath, node: &Node, port: u16) {
    if port == 0 {
        rules.error("port", path, "there is no port 0", "give one from 1 to 65535");
        return;
    }
    let others = Node { haproxy: None, ..node.clone() };
    let taken = ports::needed(&others).into_iter().find(|needed| {
        needed.protocol == Carrier::Tcp && needed.port.is_some_and(|range| range.contains(port))
    });
    if let Some(taken) = taken {
        rules.error(
            "bind",
            path,
            format!("port {port} is that of something else on this host: {}", taken.why),
            "give haproxy a port of its own, such as 8443, or a host of its own",
        );
    }
}
