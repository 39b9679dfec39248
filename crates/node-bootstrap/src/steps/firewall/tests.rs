use super::*;
use crate::change::Change;
use crate::fake::FakeHost;
use crate::host::Host;
use crate::spec::Node;
use crate::steps::testing::{carry_out, debian, lives, plan_of, rocky, shown, take_back};

fn node(role: &str, firewall: &serde_json::Value) -> Node {
    serde_json::from_value(serde_json::json!({
        "role": role,
        "kubeadm": {"podSubnet": "10.244.0.0/16"},
        "firewall": firewall,
    }))
    .unwrap()
}

fn control_plane() -> Node {
    let firewall = serde_json::json!({
        "cni": "flannel",
        "controlPlanes": ["10.0.0.1"],
        "extraPorts": [{"port": "443"}, {"port": "5000-5010", "protocol": "udp", "from": ["192.168.0.0/24"]}],
    });
    node("control-plane", &firewall)
}

fn with_firewalld() -> FakeHost {
    let host = rocky();
    host.set_unit("firewalld.service", "enabled", true);
    host.set("/etc/firewalld/firewalld.conf", "DefaultZone=public\n");
    host.set(
        "/usr/lib/firewalld/zones/public.xml",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone>\n  <short>Public</short>\n  <service name=\"ssh\"/>\n  <forward/>\n</zone>\n",
    );
    host.set(
        "/usr/lib/firewalld/zones/trusted.xml",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone target=\"ACCEPT\">\n  <short>Trusted</short>\n</zone>\n",
    );
    host
}

fn with_ufw() -> FakeHost {
    let host = FakeHost::of("ubuntu", "24.04");
    host.set_unit("ufw.service", "enabled", true);
    host.set("/etc/ufw/ufw.conf", "ENABLED=yes\n");
    host.set(
        "/etc/ufw/user.rules",
        "*filter\n### RULES ###\n### tuple ### allow tcp 10250 0.0.0.0/0 any 0.0.0.0/0 in\n### END RULES ###\n",
    );
    host.set("/etc/ssh/sshd_config", "Port 2222\nListenAddress 10.0.0.1:2200\n");
    host
}

fn with_nftables(input: &str) -> FakeHost {
    let host = debian();
    host.set_unit("nftables.service", "enabled", true);
    host.set(
        "/etc/nftables.conf",
        &format!("#!/usr/sbin/nft -f\nflush ruleset\n\ntable inet filter {{\n\tchain input {{\n\t\ttype filter hook input priority 0; policy {input};\n\t}}\n}}\n"),
    );
    host
}

#[test]
fn firewalld_gets_what_a_control_plane_needs_in_its_zones() {
    insta::assert_snapshot!(lives(with_firewalld, &control_plane(), &Firewall), @r#"
    make folder /etc/firewalld/zones (mode 0755)
    edit /etc/firewalld/zones/public.xml
      +<?xml version="1.0" encoding="utf-8"?>
      +<zone>
      +  <short>Public</short>
      +  <service name="ssh"/>
      +  <forward/>
      +  <port port="6443" protocol="tcp"/>
      +  <rule family="ipv4">
      +    <source address="10.0.0.1/32"/>
      +    <port port="2379-2380" protocol="tcp"/>
      +    <accept/>
      +  </rule>
      +  <port port="10250" protocol="tcp"/>
      +  <rule family="ipv4">
      +    <source address="10.0.0.1/32"/>
      +    <port port="10257" protocol="tcp"/>
      +    <accept/>
      +  </rule>
      +  <rule family="ipv4">
      +    <source address="10.0.0.1/32"/>
      +    <port port="10259" protocol="tcp"/>
      +    <accept/>
      +  </rule>
      +  <port port="8472" protocol="udp"/>
      +  <port port="443" protocol="tcp"/>
      +  <rule family="ipv4">
      +    <source address="192.168.0.0/24"/>
      +    <port port="5000-5010" protocol="udp"/>
      +    <accept/>
      +  </rule>
      +</zone>
    edit /etc/firewalld/zones/trusted.xml
      +<?xml version="1.0" encoding="utf-8"?>
      +<zone target="ACCEPT">
      +  <short>Trusted</short>
      +  <source address="10.244.0.0/16"/>
      +</zone>
    run firewall-cmd --reload
    "#);
}

#[test]
fn zones_of_links_get_the_same() {
    let host = with_firewalld();
    host.set("/etc/firewalld/zones/inner.xml", "<zone>\n  <interface name=\"eth1\"/>\n</zone>\n");
    host.set("/etc/NetworkManager/system-connections/a.nmconnection", "[connection]\nzone=work\n");
    host.set("/etc/ssh/sshd_config", "Port 2222\n");
    let firewall = serde_json::json!({"cni": "calico"});
    let plan = shown(&plan_of(&host, &node("worker", &firewall), &Firewall));
    for zone in ["inner", "public", "work"] {
        let part = plan.split(&format!("edit /etc/firewalld/zones/{zone}.xml\n")).nth(1).unwrap();
        let part = part.split("edit ").next().unwrap();
        for element in ["port=\"2222\"", "port=\"10250\"", "<protocol value=\"4\"/>"] {
            assert!(part.contains(element), "{zone}: {part}");
        }
    }
}

#[test]
fn zones_that_are_active_get_the_same_and_those_that_keep_out_do_not() {
    let host = with_firewalld();
    host.set(
        "/etc/firewalld/zones/rack.xml",
        "<zone>\n  <source address=\"10.99.0.0/24\"/>\n</zone>\n",
    );
    host.set("/etc/sysconfig/network-scripts/ifcfg-eth2", "DEVICE=eth2\nZONE=dmz\n");
    let active = "public (default)\n  interfaces: eth0\nhome\n  sources: 10.98.0.0/24\nwork\n  interfaces: eth3\n\
                  drop\n  sources: 192.0.2.1\ntrusted\n  sources: 10.1.0.0/16\n";
    host.answer(&["firewall-cmd", "--get-active-zones"], 0, active);
    let plan = plan_of(&host, &node("worker", &serde_json::json!({})), &Firewall);
    let zones: Vec<String> = plan
        .changes()
        .map(|(_, change)| change.resource())
        .filter(|path| path.contains("/zones/"))
        .collect();
    let zones: Vec<&str> = zones.iter().filter_map(|path| path.rsplit('/').next()).collect();
    assert_eq!(zones, ["dmz.xml", "home.xml", "public.xml", "rack.xml", "work.xml", "trusted.xml"]);
}

#[test]
fn a_reload_that_would_drop_rules_of_others_is_refused() {
    let host = with_firewalld();
    let zone = |head: &str, links: &str, ports: &str, rules: &str| {
        format!(
            "{head}\n  target: default\n  interfaces: {links}\n  services: ssh\n  ports: {ports}\n  rich rules: \n{rules}"
        )
    };
    let list =
        |host: &FakeHost, text: &str| host.answer(&["firewall-cmd", "--list-all-zones"], 0, text);
    let kept = zone("public", "", "80/tcp 443/tcp", "\trule b accept\n");
    host.answer(&["firewall-cmd", "--permanent", "--list-all-zones"], 0, &kept);
    list(&host, &zone("public (default, active)", "eth0", "443/tcp 80/tcp", "\trule b accept\n"));
    assert_eq!(plan_of(&host, &control_plane(), &Firewall).refusals().count(), 0);
    list(
        &host,
        &zone("public (active)", "eth0", "443/tcp 2222/tcp", "\trule b accept\n\trule a accept\n"),
    );
    let said = shown(&plan_of(&host, &control_plane(), &Firewall));
    let refused = said.lines().find(|line| line.starts_with("refused: ")).unwrap();
    assert!(
        refused.contains("drops them: public ports 2222/tcp, public rule a accept. Keep"),
        "{refused}"
    );
    list(&host, &kept);
    carry_out(&host, &plan_of(&host, &control_plane(), &Firewall));
    // Nothing is to be done, and nothing is dropped.
    list(&host, &zone("public", "", "2222/tcp", ""));
    assert_eq!(plan_of(&host, &control_plane(), &Firewall).refusals().count(), 0);
}

#[test]
fn what_is_wished_no_more_is_closed_and_what_others_opened_stays() {
    let less = node("worker", &serde_json::json!({"cni": "none"}));
    let with_theirs = || {
        let host = with_firewalld();
        let theirs =
            "<zone>\n  <service name=\"ssh\"/>\n  <port port=\"443\" protocol=\"tcp\"/>\n</zone>\n";
        host.set("/etc/firewalld/zones/public.xml", theirs);
        host
    };
    for (prepare, kept, gone) in [
        (&with_theirs as &dyn Fn() -> FakeHost, "port=\"443\"", ["port=\"6443\"", "port=\"8472\""]),
        (&with_ufw, "tcp 2222 ", ["tcp 6443 ", "udp 8472 "]),
    ] {
        let host = prepare();
        let before = host.snapshot();
        carry_out(&host, &plan_of(&host, &control_plane(), &Firewall));
        let text = |host: &FakeHost| {
            let rules = ["/etc/firewalld/zones/public.xml", "/etc/ufw/user.rules"];
            rules.iter().filter_map(|path| host.text(path).unwrap()).collect::<String>()
        };
        assert!(gone.iter().all(|gone| text(&host).contains(gone)), "{}", text(&host));
        carry_out(&host, &plan_of(&host, &less, &Firewall));
        assert!(!gone.iter().any(|gone| text(&host).contains(gone)), "{}", text(&host));
        assert!(text(&host).contains(kept), "{}", text(&host));
        assert!(plan_of(&host, &less, &Firewall).is_empty());
        carry_out(&host, &plan_of(&host, &control_plane(), &Firewall));
        assert!(gone.iter().all(|gone| text(&host).contains(gone)), "{}", text(&host));
        assert!(plan_of(&host, &control_plane(), &Firewall).is_empty());
        take_back(&host);
        assert_eq!(host.snapshot(), before);
    }
}

#[test]
fn ports_where_systemd_listens_for_ssh_stay_open() {
    let host = with_ufw();
    host.set(
        "/etc/systemd/system/ssh.socket.d/port.conf",
        "[Socket]\nListenStream=\nListenStream=0.0.0.0:2022\nListenStream=2023\n",
    );
    let plan = shown(&plan_of(&host, &control_plane(), &Firewall));
    assert!(
        plan.contains("to any port 2022 comment") && plan.contains("to any port 2023 comment"),
        "{plan}"
    );
}

#[test]
fn ufw_gets_rules_that_it_has_not() {
    insta::assert_snapshot!(lives(with_ufw, &control_plane(), &Firewall), @r"
    run ufw allow proto tcp from any to any port 2200 comment node-prep
    run ufw allow proto tcp from any to any port 2222 comment node-prep
    run ufw allow proto tcp from any to any port 6443 comment node-prep
    run ufw allow proto tcp from 10.0.0.1 to any port 2379:2380 comment node-prep
    run ufw allow proto tcp from 10.0.0.1 to any port 10257 comment node-prep
    run ufw allow proto tcp from 10.0.0.1 to any port 10259 comment node-prep
    run ufw allow proto udp from any to any port 8472 comment node-prep
    run ufw allow proto tcp from any to any port 443 comment node-prep
    run ufw allow proto udp from 192.168.0.0/24 to any port 5000:5010 comment node-prep
    run ufw allow from 10.244.0.0/16 comment node-prep
    run ufw route allow from 10.244.0.0/16 comment node-prep
    run ufw route allow to 10.244.0.0/16 comment node-prep
    ");
}

#[test]
fn ufw_that_keeps_ssh_out_is_not_touched() {
    let host = with_ufw();
    host.set("/etc/ufw/user.rules", "### tuple ### deny any 2222 0.0.0.0/0 any 0.0.0.0/0 in\n");
    let plan = plan_of(&host, &control_plane(), &Firewall);
    assert!(plan.is_empty() && shown(&plan).contains("keeps ssh out"), "{}", shown(&plan));
    let host = with_ufw();
    let firewall = serde_json::json!({"cni": "calico"});
    let plan = shown(&plan_of(&host, &node("worker", &firewall), &Firewall));
    assert!(plan.contains("refused: ufw has no command for IP in IP"), "{plan}");
}

#[test]
fn nftables_gets_a_chain_of_ours_that_is_called_first() {
    let host = with_nftables("drop");
    let before = host.snapshot();
    let plan = plan_of(&host, &control_plane(), &Firewall);
    insta::assert_snapshot!(shown(&plan), @r#"
    make folder /etc/nftables.d (mode 0755)
    write /etc/nftables.d/node-prep.nft (mode 0644)
      +# Written by node-prep; it is replaced as a whole.
      +table inet filter {
      +    chain node-prep-input {
      +    }
      +}
      +flush chain inet filter node-prep-input
      +table inet filter {
      +    chain node-prep-input {
      +        counter comment "node-prep c910a9661e36"
      +        tcp dport 22 accept
      +        tcp dport 6443 accept
      +        ip saddr 10.0.0.1/32 tcp dport 2379-2380 accept
      +        tcp dport 10250 accept
      +        ip saddr 10.0.0.1/32 tcp dport 10257 accept
      +        ip saddr 10.0.0.1/32 tcp dport 10259 accept
      +        udp dport 8472 accept
      +        tcp dport 443 accept
      +        ip saddr 192.168.0.0/24 udp dport 5000-5010 accept
      +        ip saddr 10.244.0.0/16 accept
      +    }
      +}
    edit /etc/nftables.conf
      +# BEGIN node-prep
      +include "/etc/nftables.d/node-prep.nft"
      +insert rule inet filter input jump node-prep-input
      +# END node-prep
    run nft -f /etc/nftables.d/node-prep.nft
    run nft insert rule inet filter input jump node-prep-input
    note: /etc/nftables.conf begins with `flush ruleset`: each start of nftables.service drops the rules of kube-proxy and of containers. Delete only tables of your own there
    "#);
    carry_out(&host, &plan);
    assert!(plan_of(&host, &control_plane(), &Firewall).is_empty());
    let more = node("worker", &serde_json::json!({}));
    let rules: Vec<String> = plan_of(&host, &more, &Firewall)
        .changes()
        .filter(|(_, change)| matches!(change, Change::Rule { .. }))
        .map(|(_, change)| change.to_string())
        .collect();
    assert_eq!(rules, ["run nft -f /etc/nftables.d/node-prep.nft"], "the call is there already");
    take_back(&host);
    let after = host.snapshot();
    assert_eq!(after.files, before.files);
    // The running kernel keeps a chain without rules until the next start of the service.
    assert_eq!(after.mounts["nft inet filter node-prep-input"], "");
    let tree = with_nftables("drop").as_tree();
    let plan = plan_of(&tree, &control_plane(), &Firewall);
    carry_out(&tree, &plan);
    assert!(plan_of(&tree, &control_plane(), &Firewall).is_empty());
    take_back(&tree);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn nftables_that_keeps_nothing_out_needs_nothing() {
    let plan = plan_of(&with_nftables("accept"), &control_plane(), &Firewall);
    assert!(plan.is_empty());
    insta::assert_snapshot!(shown(&plan), @r"
    note: /etc/nftables.conf begins with `flush ruleset`: each start of nftables.service drops the rules of kube-proxy and of containers. Delete only tables of your own there
    note: no chain in /etc/nftables.conf keeps packets out: there is nothing to let in
    ");
}

#[test]
fn chains_in_included_files_are_opened_and_what_is_not_understood_is_refused() {
    let host = with_nftables("accept");
    host.set(
        "/etc/nftables.conf",
        "include \"/etc/nftables/main.nft\"\ninclude \"/etc/more/*.nft\"\n",
    );
    host.set("/etc/nftables/main.nft", "table inet f {\n include \"/etc/nftables/in.nft\"\n}\n");
    host.set(
        "/etc/nftables/in.nft",
        "chain in {\n type filter hook input priority 0; policy drop;\n}\n",
    );
    let plan = plan_of(&host, &control_plane(), &Firewall);
    assert!(
        shown(&plan).contains("run nft insert rule inet f in jump node-prep-input"),
        "{}",
        shown(&plan)
    );
    carry_out(&host, &plan);
    assert!(plan_of(&host, &control_plane(), &Firewall).is_empty());
    for line in [
        "include \"/etc/gone.nft\"",
        "table inet f { include \"/etc/nftables/in.nft\"; }",
        "include $x",
    ] {
        host.set("/etc/nftables.conf", &format!("{line}\n"));
        let plan = plan_of(&host, &control_plane(), &Firewall);
        assert!(plan.is_empty() && plan.refusals().count() == 1, "{line}: {}", shown(&plan));
    }
}

#[test]
fn chains_that_only_the_kernel_has_are_refused_or_told() {
    let host = with_nftables("drop");
    let table = |name: &str, chain: &str, policy: &str| {
        format!(
            "table inet {name} {{\n\tchain {chain} {{\n\t\ttype filter hook input priority filter; policy {policy};\n\t\ttcp dport 23 drop\n\t}}\n}}\n"
        )
    };
    let seen = |host: &FakeHost, rules: &[String]| {
        host.answer(&["nft", "list", "ruleset"], 0, &rules.concat());
        let plan = plan_of(host, &control_plane(), &Firewall);
        let said = shown(&plan);
        let said = said.lines().filter(|line| line.contains("and is not in"));
        said.map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let known = [
        table("filter", "input", "drop"),
        table("firewalld", "in", "drop"),
        table("f", "INPUT", "drop"),
    ];
    assert!(seen(&host, &known).is_empty());
    assert_eq!(seen(&host, &[table("f2b", "input", "accept")]), ["note"]);
    assert_eq!(seen(&host, &[table("site", "input", "drop")]), ["refused"]);
}

#[test]
fn ssh_whose_port_is_not_known_is_refused() {
    let host = with_firewalld();
    host.set("/etc/ssh/sshd_config.d/10-x.conf", "Port twentytwo\n");
    let plan = plan_of(&host, &control_plane(), &Firewall);
    assert!(plan.is_empty());
    insta::assert_snapshot!(shown(&plan), @"refused: /etc/ssh/sshd_config.d/10-x.conf:1: `twentytwo` is no port, so that the one of ssh is not known and cannot be kept open. Mend that line");
}

#[test]
fn rules_in_files_of_iptables_are_told_and_not_changed() {
    let host = rocky();
    host.set_unit("iptables.service", "enabled", true);
    let firewall = serde_json::json!({});
    insta::assert_snapshot!(shown(&plan_of(&host, &node("worker", &firewall), &Firewall)), @"refused: iptables.service is active, and its files are not changed by node-prep. Let in 22/tcp, 10250/tcp, 10256/tcp, 30000-32767/tcp, 30000-32767/udp there, and say `firewall: {mode: ignore}`");
}

#[test]
fn disabling_stops_what_takes_only_its_own_rules_away() {
    let node = node("worker", &serde_json::json!({"mode": "disable"}));
    insta::assert_snapshot!(lives(with_firewalld, &node, &Firewall), @"disable and stop firewalld.service");
    insta::assert_snapshot!(lives(|| with_nftables("drop"), &node, &Firewall), @r"
    disable nftables.service
    reboot: the rules of nftables.service stay until then: to stop it would flush the rules of containers and of all others
    ");
    insta::assert_snapshot!(lives(debian, &node, &Firewall), @"");
}

#[test]
fn a_host_without_a_firewall_and_one_that_is_ignored_stay_as_they_are() {
    assert_eq!(lives(debian, &control_plane(), &Firewall), "");
    let node = node("worker", &serde_json::json!({"mode": "ignore"}));
    assert_eq!(lives(with_firewalld, &node, &Firewall), "");
    let off = || {
        let host = with_ufw();
        host.set("/etc/ufw/ufw.conf", "ENABLED=no\n");
        host
    };
    assert_eq!(lives(off, &control_plane(), &Firewall), "");
}
