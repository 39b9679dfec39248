//! `node-prep --root` on a tree of files, as anybody may run it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use tests::hosts::Tree;
use tests::node_prep;

const NODE: &str = "\
version: 1
hostname: n1
hosts:
  - {address: 10.0.0.1, names: [n1.example.org, n1]}
modules: {load: [overlay, br_netfilter]}
sysctls:
  net.ipv4.ip_forward: 1
  net.core.rmem_max: {atLeast: 1638400}
directories:
  - {path: /srv/data, mode: \"0750\"}
";

/// A little Debian, and the wish.
fn tree() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for path in ["etc/sysctl.d", "etc/modules-load.d", "usr/lib/sysctl.d", "var/lib"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    let file = |path: &str, text: &str| fs::write(root.join(path), text).unwrap();
    file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    file("etc/group", "root:x:0:\n");
    file("etc/hostname", "debian\n");
    file("etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n");
    file("usr/lib/sysctl.d/50-default.conf", "net.ipv4.conf.default.rp_filter = 2\n");
    fs::write(folder.path().join("node.yaml"), NODE).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(node_prep());
    command.current_dir(folder).args(["--root", "root"]).args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Its exit code and all that it said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn snapshot(folder: &Path) -> Tree {
    Tree::read(&folder.join("root"), &["/"], &["/var/lib/node-prep"]).unwrap()
}

const APPLY: [&str; 4] = ["apply", "-f", "node.yaml", "--yes"];

#[test]
fn a_tree_becomes_what_it_shall_be_and_then_what_it_was() {
    let folder = tree();
    let folder = folder.path();
    let before = snapshot(folder);
    let (code, plan) = said(&run(folder, &["plan", "-f", "node.yaml"]));
    assert_eq!(code, Some(3), "{plan}");
    insta::assert_snapshot!(plan, @r"
    hostname
      + write /etc/hostname (mode 0644)
          --- /etc/hostname
          +++ /etc/hostname
          @@ -1 +1 @@
          -debian
          +n1
      > at its first start: name the host n1 now

    hosts
      + edit /etc/hosts
          --- /etc/hosts
          +++ /etc/hosts
          @@ -1,2 +1,5 @@
           127.0.0.1	localhost
           127.0.1.1	debian
          +# BEGIN node-prep
          +10.0.0.1 n1.example.org n1
          +# END node-prep

    modules
      + write /etc/modules-load.d/node-prep.conf (mode 0644)
          --- /dev/null
          +++ /etc/modules-load.d/node-prep.conf
          @@ -0,0 +1,3 @@
          +# Written by node-prep; it is replaced as a whole.
          +overlay
          +br_netfilter
      > at its first start: load module overlay now
      > at its first start: load module br_netfilter now

    sysctls
      + write /etc/sysctl.d/90-node-prep.conf (mode 0644)
          --- /dev/null
          +++ /etc/sysctl.d/90-node-prep.conf
          @@ -0,0 +1,3 @@
          +# Written by node-prep; it is replaced as a whole.
          +net.core.rmem_max = 1638400
          +net.ipv4.ip_forward = 1
      > at its first start: set net.core.rmem_max to 1638400 now
      > at its first start: set net.ipv4.ip_forward to 1 now

    directories
      + make folder /srv (mode 0755)
      + make folder /srv/data (mode 0750)

    6 changes in 5 steps
    ");
    assert_eq!(snapshot(folder), before);

    assert_eq!(said(&run(folder, &["verify", "-f", "node.yaml"])).0, Some(3));
    let (code, applied) = said(&run(folder, &APPLY));
    assert_eq!(code, Some(0), "{applied}");
    let after = snapshot(folder);
    assert_ne!(after, before);
    assert_eq!(said(&run(folder, &["plan", "-f", "node.yaml"])).0, Some(0));
    let (code, verified) = said(&run(folder, &["verify", "-f", "node.yaml"]));
    assert_eq!(code, Some(0), "{verified}");

    let (code, again) = said(&run(folder, &APPLY));
    assert_eq!(code, Some(0));
    assert!(again.contains("nothing to do"), "{again}");
    assert_eq!(snapshot(folder), after);
    let status = said(&run(folder, &["status"])).1;
    assert!(status.contains("write /etc/sysctl.d/90-node-prep.conf"), "{status}");

    let (code, undone) = said(&run(folder, &["undo", "--yes", "--forget"]));
    assert_eq!(code, Some(0), "{undone}");
    assert_eq!(snapshot(folder), before);
    assert!(!folder.join("root/var/lib/node-prep").exists());
}

#[test]
fn a_run_that_is_killed_at_any_moment_is_finished_by_the_next() {
    let finished = tree();
    assert_eq!(run(finished.path(), &APPLY).status.code(), Some(0));
    let wanted = snapshot(finished.path());
    let folder = tree();
    let folder = folder.path();
    let before = snapshot(folder);
    let mut killed = 0;
    // The whole takes some ten milliseconds: the moments lie all over it.
    for round in 0..if tests::all_tiers() { 120 } else { 30 } {
        let mut child = command(folder, &APPLY)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(round % 30 * 400));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        if round % 3 == 2 {
            let (code, said) = said(&run(folder, &["undo", "--yes"]));
            assert_eq!(code, Some(0), "{said}");
            assert_eq!(snapshot(folder), before, "round {round}");
        } else if round % 3 == 1 {
            let (code, said) = said(&run(folder, &APPLY));
            assert_eq!(code, Some(0), "{said}");
            assert_eq!(snapshot(folder), wanted, "round {round}");
        }
    }
    assert!(killed > 5, "only {killed} were killed");
}

#[test]
fn what_someone_else_has_changed_is_not_taken_back() {
    let folder = tree();
    let folder = folder.path();
    assert_eq!(run(folder, &APPLY).status.code(), Some(0));
    fs::write(folder.join("root/etc/hostname"), "theirs\n").unwrap();
    let status = run(folder, &["status"]);
    assert_eq!(status.status.code(), Some(3));
    let (code, said) = said(&run(folder, &["undo", "--yes"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("/etc/hostname (hostname): its content has changed"), "{said}");
    assert_eq!(fs::read_to_string(folder.join("root/etc/hostname")).unwrap(), "theirs\n");
    assert!(folder.join("root/etc/sysctl.d/90-node-prep.conf").exists());
}

#[test]
fn a_saved_plan_is_carried_out_only_where_it_still_fits() {
    let folder = tree();
    let folder = folder.path();
    run(folder, &["plan", "-f", "node.yaml", "--save", "plan.json"]);
    fs::write(folder.join("root/etc/hostname"), "n1\n").unwrap();
    let with_plan = ["apply", "-f", "node.yaml", "--yes", "--plan", "plan.json"];
    let (code, refused) = said(&run(folder, &with_plan));
    assert_eq!(code, Some(2));
    assert!(refused.contains("- hostname: write /etc/hostname"), "{refused}");
    assert!(!folder.join("root/var/lib/node-prep").exists());
    run(folder, &["plan", "-f", "node.yaml", "--save", "plan.json"]);
    assert_eq!(said(&run(folder, &with_plan)).0, Some(0));
}

#[test]
fn everything_that_is_wrong_with_a_wish_is_told_with_its_place() {
    let folder = tree();
    let folder = folder.path();
    let wrong = "hostnme: n1\nswap: of\nsysctls:\n  net.core.rmem_max: {atLeast: many}\nmodules: {load: [Overlay!]}\n";
    fs::write(folder.join("node.yaml"), wrong).unwrap();
    let (code, said) = said(&run(folder, &APPLY));
    assert_eq!(code, Some(2));
    insta::assert_snapshot!(said, @r#"
    node-prep: node.yaml:1:1: error: hostnme: `hostnme` is not known here [unknown-key]
     1 | hostnme: n1
       | ^
       help: did you mean `hostname`?
    node.yaml:2:7: error: swap: `of` is not known here [unknown-value]
     2 | swap: of
       |       ^
       help: did you mean `off`?
    node.yaml:4:32: error: sysctls["net.core.rmem_max"].atLeast: a whole number from 0 to 18446744073709551615 is expected, not `many` [value]
     4 |   net.core.rmem_max: {atLeast: many}
       |                                ^
    node.yaml:5:18: error: modules.load[0]: `Overlay!` is no name of a kernel module [module]
     5 | modules: {load: [Overlay!]}
       |                  ^
       help: use letters, digits, _ and -, as in br_netfilter
    4 errors, 0 warnings
    "#);
    assert!(!folder.join("root/var/lib/node-prep").exists());
}

#[test]
fn nobody_can_be_asked_where_there_is_no_terminal() {
    let folder = tree();
    let output = run(folder.path(), &["apply", "-f", "node.yaml"]);
    let (code, said) = said(&output);
    assert_eq!(code, Some(2));
    assert!(said.contains("say --yes to apply without being asked"), "{said}");
    assert!(!folder.path().join("root/var/lib/node-prep").exists());
}

#[test]
fn a_distribution_that_is_not_known_is_refused_by_name() {
    let folder = tree();
    fs::write(folder.path().join("root/etc/os-release"), "ID=arch\n").unwrap();
    let (code, said) = said(&run(folder.path(), &["plan", "-p", "kubeadm"]));
    assert_eq!(code, Some(1));
    assert!(said.contains("arch") && said.contains("Debian 12"), "{said}");
}
