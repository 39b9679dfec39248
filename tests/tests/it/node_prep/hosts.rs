//! The hosts that other tests build on: they do what those rely on, and keep away from this machine.

use std::process::Output;

use tests::hosts::{Host, Hosts};

/// All it said.
fn text(said: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr))
}

/// Whether the command is done.
fn is_done(host: &Host, command: &[&str]) -> bool {
    host.run(command).status.success()
}

#[test]
fn a_debian_host_runs_services_and_its_reboot_keeps_only_files() {
    let Some(host) = Hosts::needed().and_then(|hosts| hosts.boot("debian-12")) else { return };
    assert_eq!(host.done(&["systemctl", "is-system-running"]).trim(), "running");
    assert!(host.read("/etc/os-release").contains("\nID=debian\n"));
    host.done(&["systemctl", "mask", "--now", "systemd-timesyncd"]);
    host.done(&["systemctl", "enable", "--now", "nftables"]);
    assert!(!is_done(&host, &["systemctl", "is-active", "systemd-timesyncd"]));

    host.done(&["sysctl", "-w", "net.ipv4.ip_forward=1", "vm.swappiness=7"]);
    host.write("/etc/sysctl.d/90-test.conf", "vm.max_map_count = 262144\n");
    host.write("/run/of-this-boot", "");
    host.reboot();
    assert_eq!(host.done(&["systemctl", "is-system-running"]).trim(), "running");
    assert!(is_done(&host, &["systemctl", "is-active", "nftables"]));
    assert!(!is_done(&host, &["systemctl", "is-active", "systemd-timesyncd"]));
    assert!(!is_done(&host, &["test", "-e", "/run/of-this-boot"]));
    assert_eq!(host.read("/proc/sys/net/ipv4/ip_forward").trim(), "0");
    assert_ne!(host.read("/proc/sys/vm/swappiness").trim(), "7");
    assert_eq!(host.read("/proc/sys/vm/max_map_count").trim(), "262144");
}

#[test]
fn a_host_cannot_change_this_machine() {
    let Some(host) = Hosts::needed().and_then(|hosts| hosts.boot("debian-12")) else { return };
    let swappiness = || std::fs::read_to_string("/proc/sys/vm/swappiness").unwrap();
    let hostname = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let (swappiness_before, hostname_before) = (swappiness(), hostname());
    host.done(&["sysctl", "-w", "vm.swappiness=11"]);
    host.done(&["hostnamectl", "set-hostname", "another"]);
    assert_eq!(host.read("/proc/sys/kernel/hostname").trim(), "another");
    assert_eq!((swappiness(), hostname()), (swappiness_before, hostname_before));

    let swap = "fallocate -l 1M /swap || dd if=/dev/zero of=/swap bs=1M count=1; \
                chmod 600 /swap; mkswap /swap && swapon /swap";
    let said = host.run(&["sh", "-c", swap]);
    assert!(text(&said).contains("Operation not permitted"), "{}", text(&said));
    assert!(!is_done(&host, &["date", "--set", "2020-01-01"]));
}

#[test]
fn commands_keep_their_input_output_and_exit_code() {
    let Some(host) = Hosts::needed().and_then(|hosts| hosts.boot("debian-12")) else { return };
    let said = host.run_with(
        &["sh", "-c", "cat; echo \"$1\" '${HOME}' >&2; exit 7", "-", "two $words"],
        "input\n",
        std::time::Duration::from_mins(1),
    );
    assert_eq!(said.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&said.stdout), "input\n");
    assert_eq!(String::from_utf8_lossy(&said.stderr), "two $words ${HOME}\n");
}

#[test]
fn a_host_tells_what_was_changed_in_it() {
    let Some(host) = Hosts::needed().and_then(|hosts| hosts.boot("debian-12")) else { return };
    let before = host.tree_snapshot(&["/etc", "/usr/lib/systemd"], &["/etc/machine-id"]);
    assert!(before.entries().len() > 300);
    assert!(before.entries().contains_key(std::path::Path::new("/etc/ssh/sshd_config")));
    host.done(&["chmod", "600", "/etc/fstab"]);
    host.write("/etc/new", "");
    let after = host.tree_snapshot(&["/etc", "/usr/lib/systemd"], &["/etc/machine-id"]);
    let differences = before.differences(&after);
    assert_eq!(differences.len(), 2, "{differences:?}");
    host.done(&["sh", "-c", "chmod 644 /etc/fstab; rm /etc/new"]);
    let after = host.tree_snapshot(&["/etc", "/usr/lib/systemd"], &["/etc/machine-id"]);
    assert_eq!(before.differences(&after), Vec::<String>::new());
}

#[test]
fn the_double_of_the_rhel_family_has_a_firewall_and_a_state_of_selinux() {
    let Some(host) = Hosts::needed().and_then(|hosts| hosts.boot("rocky-10")) else { return };
    assert!(host.read("/etc/os-release").contains("VERSION_ID=\"10.0\""));
    assert_eq!(host.done(&["firewall-cmd", "--state"]).trim(), "running");
    host.done(&["firewall-cmd", "--permanent", "--add-port=10250/tcp"]);
    host.done(&["firewall-cmd", "--reload"]);
    assert!(host.done(&["nft", "list", "ruleset"]).contains("10250"));
    assert_eq!(host.done(&["getenforce"]).trim(), "Enforcing");
    host.done(&["setenforce", "0"]);
    assert_eq!(host.done(&["getenforce"]).trim(), "Permissive");
    host.done(&["sed", "-i", "s/^SELINUX=.*/SELINUX=disabled/", "/etc/selinux/config"]);
    assert_eq!(host.done(&["getenforce"]).trim(), "Permissive");
    host.reboot();
    assert_eq!(host.done(&["getenforce"]).trim(), "Disabled");
}

#[test]
fn hosts_reach_each_other() {
    let Some(hosts) = Hosts::needed() else { return };
    let (Some(one), Some(other)) = (hosts.boot("debian-12"), hosts.boot("rocky-9")) else { return };
    one.done(&["ping", "-c", "1", "-W", "5", other.address()]);
    let banner = format!("exec 3<>/dev/tcp/{}/22; head -n 1 <&3", one.address());
    assert!(other.done(&["bash", "-c", &banner]).starts_with("SSH-2.0-"));
}

#[test]
fn a_root_folder_without_systemd_is_thrown_away() {
    let Some(hosts) = Hosts::needed() else { return };
    let shared = tempfile::tempdir().unwrap();
    let binds = [(shared.path(), "/shared")];
    let command = "hostname > /shared/name; touch /etc/left; exit 5";
    let said = hosts.chroot("debian-12", &binds, &["sh", "-c", command]);
    assert_eq!(said.status.code(), Some(5), "{}", text(&said));
    assert_eq!(std::fs::read_to_string(shared.path().join("name")).unwrap(), "chroot\n");
    let said = hosts.chroot("debian-12", &[], &["test", "-e", "/etc/left"]);
    assert_eq!(said.status.code(), Some(1), "{}", text(&said));
}
