//! What a module of the kernel brings, by which it is known although no list names it.

/// Files that are there, or `filesystem:NAME` in `/proc/filesystems`, once a module works.
pub(crate) fn files(module: &str) -> &'static [&'static str] {
    match module {
        "overlay" => &["filesystem:overlay"],
        "br_netfilter" => &["/proc/sys/net/bridge/bridge-nf-call-iptables"],
        "nf_conntrack" => &["/proc/sys/net/netfilter/nf_conntrack_max"],
        _ => &[],
    }
}

/// Whether a module brings a key of `/proc/sys`.
pub(crate) fn brings(module: &str, key: &str) -> bool {
    match module {
        "br_netfilter" => key.starts_with("net.bridge."),
        "nf_conntrack" => key.starts_with("net.netfilter."),
        _ => false,
    }
}
