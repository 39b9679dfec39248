use proptest::prelude::*;

use super::Loader::{Procps, Systemd};
use super::*;

#[test]
fn the_first_separator_decides_how_a_key_is_read() {
    let cases = [
        ("kernel.domainname", "/proc/sys/kernel/domainname"),
        ("kernel/domainname", "/proc/sys/kernel/domainname"),
        ("net.ipv4.conf.enp3s0/200.forwarding", "/proc/sys/net/ipv4/conf/enp3s0.200/forwarding"),
        ("net/ipv4/conf/enp3s0.200/forwarding", "/proc/sys/net/ipv4/conf/enp3s0.200/forwarding"),
        ("/net//ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("../../etc/passwd", "/proc/sys/.etc.passwd"),
        ("a/../../../etc/passwd", "/proc/sys"),
    ];
    for (text, path) in cases {
        assert_eq!(Key::new(text).path(), path, "{text}");
    }
}

#[test]
fn globs_match_inside_of_one_part_of_a_path() {
    let cases = [
        ("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0.rp_filter", true),
        ("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0/1.rp_filter", true),
        ("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.rp_filter", false),
        ("net.*.rp_filter", "net.ipv4.conf.eth0.rp_filter", false),
        ("net.ipv4.conf.eth[0-3].x", "net.ipv4.conf.eth2.x", true),
        ("net.ipv4.conf.eth[!0-3].x", "net.ipv4.conf.eth2.x", false),
        ("net.ipv4.conf.eth[]9].x", "net.ipv4.conf.eth9.x", true),
        ("net.ipv4.conf.eth?.x", "net.ipv4.conf.eth.x", false),
        ("net.ipv4.conf.e[.x", "net.ipv4.conf.e[.x", true),
    ];
    for (pattern, name, matches) in cases {
        assert_eq!(Key::new(pattern).matches(&Key::new(name)), matches, "{pattern} {name}");
    }
}

fn winner(files: &[(&str, &str)], loader: Loader, key: &str) -> Option<String> {
    let effective = Effective::of(files, loader);
    let found = effective.get(&Key::new(key))?;
    Some(format!("{} {}:{}", found.value.as_deref()?, found.file, found.line))
}

#[test]
fn the_next_boot_is_computed_as_it_reads_the_files() {
    let ours =
        ("/etc/sysctl.d/90-node-prep.conf", "# ours\nnet.ipv4.ip_forward = 1\n-net.bridge.x=1\n");
    let vendor = (
        "/usr/lib/sysctl.d/50-default.conf",
        "net.ipv4.ip_forward=0\nnet.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n",
    );
    let link = ("/etc/sysctl.d/99-sysctl.conf", ";x\nnet/ipv4/ip_forward = 0\n");
    let conf = ("/etc/sysctl.conf", "net.ipv4.ip_forward=0\nnonsense\n= 1\n");
    let masked = ("/etc/sysctl.d/50-default.conf", "");
    let cases: [(&[_], _, _, Option<&str>); 9] = [
        (
            &[ours, vendor],
            Systemd,
            "net.ipv4.ip_forward",
            Some("1 /etc/sysctl.d/90-node-prep.conf:2"),
        ),
        (&[link, ours], Systemd, "net.ipv4.ip_forward", Some("0 /etc/sysctl.d/99-sysctl.conf:2")),
        (
            &[conf, ours],
            Systemd,
            "net.ipv4.ip_forward",
            Some("1 /etc/sysctl.d/90-node-prep.conf:2"),
        ),
        (&[conf, ours], Procps, "net.ipv4.ip_forward", Some("0 /etc/sysctl.conf:1")),
        (
            &[vendor],
            Systemd,
            "net.ipv4.conf.eth0.rp_filter",
            Some("2 /usr/lib/sysctl.d/50-default.conf:2"),
        ),
        (&[vendor], Systemd, "net.ipv4.conf.all.rp_filter", None),
        (&[vendor, masked], Systemd, "net.ipv4.ip_forward", None),
        (&[ours], Systemd, "net.bridge.x", Some("1 /etc/sysctl.d/90-node-prep.conf:3")),
        (
            &[("/etc/sysctl.d/10-a.conf", "a.b=1"), ("/etc/sysctl.d/20-b.conf", "a.*=2\na.?=3")],
            Systemd,
            "a.b",
            Some("1 /etc/sysctl.d/10-a.conf:1"),
        ),
    ];
    for (files, loader, key, expected) in cases {
        assert_eq!(winner(files, loader, key).as_deref(), expected, "{key} {loader:?} {files:?}");
    }
}

#[test]
fn a_later_file_that_undoes_a_wish_is_named() {
    let ours =
        ("/etc/sysctl.d/90-node-prep.conf", "vm.max_map_count = 262144\nnet.ipv4.ip_forward = 1\n");
    let other = ("/etc/sysctl.d/99-x.conf", "vm.max_map_count = 300000\nnet.ipv4.ip_forward = 0\n");
    let effective = Effective::of(&[ours, other], Loader::Systemd);
    let shadowed = |key: &str, wish: Wish| {
        effective
            .shadowed(&Key::new(key), &wish, ours.0)
            .map(|found| (found.file.as_str(), found.line))
    };
    assert_eq!(shadowed("net.ipv4.ip_forward", Wish::Exact("1".to_owned())), Some((other.0, 2)));
    assert_eq!(shadowed("vm.max_map_count", Wish::AtLeast(262_144)), None);
    assert_eq!(shadowed("vm.max_map_count", Wish::AtLeast(400_000)), Some((other.0, 1)));
    assert_eq!(shadowed("kernel.panic", Wish::Exact("10".to_owned())), None);
}

#[test]
fn a_minimum_never_lowers_what_others_have_set() {
    let wish = Wish::AtLeast(100);
    // current, others, ours -> live, line
    let cases = [
        ((Some("50"), None, None), (Some("100"), Some("100"))),
        ((Some("50\n"), Some("60"), None), (Some("100"), Some("100"))),
        ((Some("50"), Some("200"), None), (Some("200"), None)),
        ((Some("200"), Some("200"), Some("100")), (None, None)),
        ((Some("200"), None, None), (None, Some("200"))),
        ((Some("300"), None, Some("200")), (None, Some("200"))),
        ((Some("150"), Some("60"), Some("90")), (None, Some("150"))),
        ((None, None, None), (Some("100"), Some("100"))),
        ((Some("-1"), None, None), (Some("100"), Some("100"))),
    ];
    for ((current, others, ours), (live, line)) in cases {
        let wanted = wish.wanted(current, others, ours).unwrap();
        assert_eq!(
            (wanted.live.as_deref(), wanted.line.as_deref()),
            (live, line),
            "{current:?} {others:?} {ours:?}"
        );
    }
    assert!(wish.wanted(Some("4096 131072 6291456"), None, None).is_err());
}

#[test]
fn exact_values_are_compared_by_their_fields() {
    let wish = Wish::Exact("4096 131072 6291456".to_owned());
    let wanted = wish.wanted(Some("4096\t131072\t6291456\n"), None, None).unwrap();
    assert_eq!(wanted, Wanted { live: None, line: Some("4096 131072 6291456".to_owned()) });
    assert!(wish.wanted(Some("4096\t131072\t1"), None, None).unwrap().live.is_some());
}

#[test]
fn a_drop_in_groups_lines_by_their_reason() {
    let line = |key: &str, value: &str, optional, reason: &str| Line {
        key: Key::new(key),
        value: value.to_owned(),
        optional,
        reason: reason.to_owned(),
    };
    let text = render(&[
        line("net.ipv4.ip_forward", "1", false, "pods reach other hosts"),
        line("net.ipv6.conf.all.forwarding", "1", true, "pods reach other hosts"),
        line("net.ipv4.tcp_rmem", "1\t2  3\n", false, "Roxie"),
    ]);
    insta::assert_snapshot!(text, @r"
    # Written by node-prep; it is replaced as a whole.
    # pods reach other hosts
    net.ipv4.ip_forward = 1
    -net.ipv6.conf.all.forwarding = 1
    # Roxie
    net.ipv4.tcp_rmem = 1 2 3
    ");
    assert_eq!(parse("f", &text).count(), 3);
}

proptest! {
    #[test]
    fn a_key_is_the_same_in_both_manners(parts in prop::collection::vec("[a-z][a-z0-9_.]{0,4}", 2..5)) {
        let key = Key::new(&format!("net/{}", parts.join("/")));
        prop_assert_eq!(&Key::new(&key.to_string()), &key);
    }

    #[test]
    fn once_done_nothing_is_left_to_do_and_nothing_got_lower(
        minimum in 0..400_u64, current in 0..400_u64, others in prop::option::of(0..400_u64), ours in prop::option::of(0..400_u64),
    ) {
        let wish = Wish::AtLeast(minimum);
        let text = |value: Option<u64>| value.map(|value| value.to_string());
        let (before, others) = (current.to_string(), text(others));
        let wanted = wish.wanted(Some(&before), others.as_deref(), text(ours).as_deref()).unwrap();
        let after = wanted.live.clone().unwrap_or(before);
        prop_assert!(after.parse::<u64>().unwrap() >= minimum.max(current));
        let again = wish.wanted(Some(&after), others.as_deref(), wanted.line.as_deref()).unwrap();
        prop_assert_eq!(&again, &Wanted { live: None, line: wanted.line.clone() });
        let boot = wanted.line.or(others).unwrap();
        prop_assert!(wish.is_met_by(&boot).unwrap());
    }
}
