//! Tests of what package managers say.

use std::collections::{BTreeMap, BTreeSet};

use super::Wanted;
use crate::data::distribution::PackageManager::{Apt, Dnf};
use crate::fake::FakeHost;
use crate::host::{HostError, Output};

const LOCKED: &str = "dpkg: error: dpkg frontend lock was locked by another process with pid 7\n";

fn map(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
}

fn set(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn a_key_is_no_package_and_kernels_stand_side_by_side() {
    let host = FakeHost::of("rocky", "9.4");
    let list = "ii \tgpg-pubkey\t350d275d-6279464b\nii \tkernel-core\t5.14.0-427\nii \tgpg-pubkey\t9c61d8c1-0\nii \tkernel-core\t5.14.0-362\nii \tbash\t5.1.8-9\n";
    host.answer(&["rpm", "-qa"], 0, list);
    let found = Dnf.installed(&host).unwrap();
    assert_eq!(found, map(&[("bash", "5.1.8-9"), ("kernel-core", "5.14.0-362 5.14.0-427")]));
}

#[test]
fn a_kernel_that_came_goes_and_the_others_stay() {
    let host = FakeHost::of("rocky", "9.4");
    host.answer(&["rpm", "-qa"], 0, "ii \tkernel-core\t5.14.0-427\nii \tkernel-core\t5.14.0-362\n");
    host.answer(&["dnf", "remove"], 0, "");
    let (before, after) = (map(&[("kernel-core", "5.14.0-362")]), Dnf.installed(&host).unwrap());
    host.calls();
    assert!(Dnf.restore(&host, &before, &after).unwrap().is_empty());
    let calls: Vec<String> =
        host.calls().into_iter().filter(|call| call.starts_with("dnf")).collect();
    assert_eq!(calls, ["dnf remove --assumeyes --quiet --noautoremove -- kernel-core-5.14.0-427"]);
}

#[test]
fn what_is_half_installed_is_there_but_is_not_installed() {
    let host = FakeHost::new();
    host.answer(&["dpkg-query"], 0, "ii \ta\t1\niF \tb\t2\nrc \tc\t3\nun \td\t\n");
    assert_eq!(Apt.installed(&host).unwrap(), map(&[("a", "1")]));
    assert_eq!(Apt.present(&host).unwrap(), map(&[("a", "1"), ("b", "2")]));
}

#[test]
fn dpkg_finishes_only_what_is_half_done_and_waits_for_its_lock() {
    let wanted = [Wanted { name: "kubelet".to_owned(), version: None }];
    let host = FakeHost::new();
    Apt.prepare(&host, &wanted, &[]).unwrap();
    assert!(!host.calls().iter().any(|call| call.contains("--configure")));
    host.answer(&["dpkg", "--audit"], 0, "kubelet is half configured\n");
    host.with(|world| {
        let argv = ["dpkg", "--configure"].map(str::to_owned).to_vec();
        let output = Output { code: Some(2), stdout: String::new(), stderr: LOCKED.to_owned() };
        world.answers.push((argv, output));
    });
    let Err(HostError::Failed { stderr, .. }) = Apt.prepare(&host, &wanted, &[]) else {
        panic!("it is locked for ever");
    };
    assert_eq!(stderr, LOCKED);
    let calls = host.calls();
    let count = |what: &str| calls.iter().filter(|call| *call == what).count();
    assert_eq!((count("dpkg --configure -a"), count("sleep 5")), (61, 60));
}

#[test]
fn what_a_killed_apt_had_not_unpacked_is_fetched() {
    let host = FakeHost::new();
    host.answer(&["dpkg", "--audit"], 0, "kubeadm is unpacked\n");
    host.with(|world| {
        let argv = ["dpkg", "--configure"].map(str::to_owned).to_vec();
        let stderr = "dependency problems - leaving unconfigured\n".to_owned();
        world.answers.push((argv, Output { code: Some(1), stdout: String::new(), stderr }));
    });
    host.answer(&["apt-get"], 0, "");
    Apt.tidy(&host).unwrap();
    let calls = host.calls();
    assert!(calls.iter().any(|call| call.contains("--fix-broken install --yes")), "{calls:?}");
}

#[test]
fn the_lists_of_apt_are_waited_for_as_well() {
    let host = FakeHost::new();
    let locked =
        "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\n";
    host.with(|world| {
        let output = Output { code: Some(100), stdout: String::new(), stderr: locked.to_owned() };
        world.answers.push((vec!["apt-get".to_owned()], output));
    });
    Apt.prepare(&host, &[], &[]).unwrap_err();
    assert_eq!(host.calls().iter().filter(|call| *call == "sleep 5").count(), 60);
}

#[test]
fn a_transaction_that_is_only_shown_names_what_it_touches() {
    let apt = "Reading package lists...\nInst cri-tools (1.35.0-1.1 k8s:core [amd64])\nRemv runc [1.1.5] [podman ]\nInst libc6:i386 [2.36-9] (2.36-10 Debian:12 [i386])\nConf cri-tools (1.35.0-1.1 k8s:core [amd64])\n";
    assert_eq!(Apt.touched(apt), set(&["cri-tools", "libc6", "runc"]));
    let dnf = "Dependencies resolved.\n====\n Package     Arch    Version    Repository  Size\n====\nInstalling:\n kubelet     x86_64  1.35.4-1   kubernetes  12 M\nInstalling dependencies:\n a-name-that-is-too-long-for-its-column\n             x86_64  1-1        appstream   1 k\n\nTransaction Summary\n====\nInstall  2 Packages\n\nOperation aborted.\n";
    let touched = Dnf.touched(dnf);
    for name in ["kubelet", "a-name-that-is-too-long-for-its-column"] {
        assert!(touched.contains(name), "{touched:?}");
    }
    assert!(!touched.contains("x86_64") && !touched.contains("Install"), "{touched:?}");
}

#[test]
fn rpm_names_what_needs_those_that_go() {
    let host = FakeHost::of("rocky", "9.4");
    host.with(|world| {
        let stderr = "error: Failed dependencies:\n\tcontainerd.io >= 1.6 is needed by (installed) docker-ce-3:27.1-1.el9.x86_64\n";
        let output = Output { code: Some(1), stdout: String::new(), stderr: stderr.to_owned() };
        world.answers.push((vec!["rpm".to_owned(), "--erase".to_owned()], output));
    });
    let others = Dnf.go_along(&host, &set(&["containerd.io"])).unwrap();
    assert_eq!(others, ["docker-ce-3:27.1-1.el9.x86_64"]);
}

#[test]
fn a_version_that_cannot_be_had_any_more_stays() {
    for (manager, host) in [(Apt, FakeHost::new()), (Dnf, FakeHost::of("rocky", "9.4"))] {
        host.with(|world| {
            world.packages.insert("openssl".to_owned(), "3.0.16".to_owned());
        });
        host.answer(&["dnf", "downgrade"], 1, "Error: No packages marked for downgrade.\n");
        host.with(|world| {
            world.lost.insert("openssl=3.0.15".to_owned());
        });
        let (before, after) = (map(&[("openssl", "3.0.15")]), map(&[("openssl", "3.0.16")]));
        let stays = manager.restore(&host, &before, &after).unwrap();
        assert_eq!(stays, ["openssl stays at 3.0.16: 3.0.15 cannot be had any more"]);
    }
}

#[test]
fn another_failure_on_the_way_back_is_one() {
    let host = FakeHost::new();
    host.with(|world| {
        world.packages.insert("openssl".to_owned(), "3.0.16".to_owned());
    });
    host.answer(&["apt-get"], 100, "E: Unmet dependencies\n");
    let (before, after) = (map(&[("openssl", "3.0.15")]), map(&[("openssl", "3.0.16")]));
    Apt.restore(&host, &before, &after).unwrap_err();
}
