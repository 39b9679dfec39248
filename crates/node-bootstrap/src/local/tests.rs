use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

fn tree() -> (tempfile::TempDir, LocalHost) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    let host = LocalHost::tree(folder.path()).unwrap();
    (folder, host)
}

fn file(content: &str, mode: u32) -> Entry {
    Entry { kind: Kind::File(content.into()), meta: Meta::root(mode) }
}

#[test]
fn what_was_put_is_found_with_its_mode() {
    let (folder, host) = tree();
    host.put("/etc/a", &file("x", 0o640)).unwrap();
    assert_eq!(host.entry("/etc/a").unwrap(), Some(file("x", 0o640)));
    host.put("/etc/a", &file("y", 0o600)).unwrap();
    let real = fs::metadata(folder.path().join("etc/a")).unwrap();
    assert_eq!(real.permissions().mode() & 0o7777, 0o600);
    assert_eq!(host.list("/etc").unwrap(), ["a"]);
    host.put("/etc/link", &Entry { kind: Kind::Link("a".into()), meta: Meta::root(0o777) })
        .unwrap();
    assert_eq!(host.text("/etc/link").unwrap().as_deref(), Some("y"));
    assert_eq!(host.resolve("/etc/link").unwrap(), "/etc/a");
    host.remove("/etc/link").unwrap();
    host.remove("/etc/a").unwrap();
    host.remove("/etc/a").unwrap();
    assert!(host.list("/etc").unwrap().is_empty());
}

#[test]
fn a_value_takes_the_place_of_a_longer_one() {
    let (_folder, host) = tree();
    host.put("/etc/value", &file("262144\n", 0o644)).unwrap();
    host.set_value("/etc/value", "65530").unwrap();
    assert_eq!(host.text("/etc/value").unwrap().as_deref(), Some("65530"));
}

#[test]
fn extended_attributes_come_and_go_with_the_file() {
    let (_folder, host) = tree();
    let mut entry = file("x", 0o644);
    entry.meta.xattrs.insert("user.note".into(), b"kept".to_vec());
    if let Err(HostError::Write { source, .. }) = host.put("/etc/a", &entry)
        && source.raw_os_error() == Some(Errno::NOTSUP.raw_os_error())
    {
        eprintln!("skipped: this file system has no extended attributes");
        return;
    }
    assert_eq!(host.entry("/etc/a").unwrap(), Some(entry));
}

#[test]
fn links_do_not_lead_out_of_the_tree() {
    let (folder, host) = tree();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("passwd"), "theirs").unwrap();
    symlink(outside.path(), folder.path().join("etc/out")).unwrap();
    symlink("/etc", folder.path().join("conf")).unwrap();
    symlink("../../../../../../etc", folder.path().join("up")).unwrap();
    assert_eq!(host.read("/etc/out/passwd").unwrap(), None);
    host.put("/conf/a", &file("mine", 0o644)).unwrap();
    assert_eq!(host.text("/up/a").unwrap().as_deref(), Some("mine"));
    assert_eq!(fs::read_to_string(folder.path().join("etc/a")).unwrap(), "mine");
}

#[test]
fn what_a_killed_run_left_beside_a_file_is_taken_away() {
    let (folder, host) = tree();
    let left = folder.path().join("etc/.a.node-prep-new");
    fs::write(&left, "half").unwrap();
    host.put("/etc/a", &file("whole", 0o644)).unwrap();
    assert!(!left.exists());
    fs::write(&left, "half").unwrap();
    host.tidy("/etc/a").unwrap();
    assert!(!left.exists());
    assert_eq!(host.text("/etc/a").unwrap().as_deref(), Some("whole"));
}

#[test]
fn root_of_a_tree_that_somebody_prepares_is_that_somebody() {
    let (folder, host) = tree();
    host.put("/etc/a", &file("x", 0o644)).unwrap();
    let real = fs::metadata(folder.path().join("etc/a")).unwrap();
    assert_eq!(real.uid(), rustix::process::geteuid().as_raw());
    assert_eq!(host.entry("/etc/a").unwrap().unwrap().meta.uid, 0);
}

#[test]
fn one_at_a_time_may_change_a_tree() {
    let (folder, host) = tree();
    let held = host.lock().unwrap();
    let other = LocalHost::tree(folder.path()).unwrap();
    assert!(matches!(other.lock(), Err(HostError::Locked { .. })));
    drop(held);
    other.lock().unwrap();
    assert_eq!(host.list("/").unwrap(), ["etc"]);
}

#[test]
fn programs_are_told_apart_by_how_they_end() {
    let host = LocalHost::machine().unwrap();
    let shell = |script: &str| Command::new(["sh", "-c", script]);
    let output = host.run(&shell("echo out; echo err >&2; exit 3")).unwrap();
    assert_eq!(
        (output.code, output.stdout.as_str(), output.stderr.as_str()),
        (Some(3), "out\n", "err\n")
    );
    let error = host.check(&shell("echo no such thing >&2; exit 3")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`sh -c 'echo no such thing >&2; exit 3'` ended with exit code 3: no such thing"
    );
    let error = host.run(&Command::new(["no-such-program-anywhere"])).unwrap_err();
    assert!(matches!(error, HostError::Run { .. }));
}

#[test]
fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
    let host = LocalHost::machine().unwrap();
    let limit = Duration::from_millis(50);
    let endless = Command::new(["sh", "-c", "sleep 600 & wait"]).within(limit);
    assert!(matches!(host.run(&endless), Err(HostError::Deadline { .. })));
    // One that leaves something behind is not waited for beyond its own end.
    let leaves = Command::new(["sh", "-c", "sleep 5 & echo done"]).within(Duration::from_secs(4));
    assert_eq!(host.run(&leaves).unwrap().stdout, "done\n");
}

#[test]
fn a_program_reads_what_it_is_given_and_nothing_else() {
    let host = LocalHost::machine().unwrap();
    let long = "0123456789abcdef".repeat(1 << 16);
    let given = Command::new(["cat"]).reading(long.as_str());
    assert_eq!(host.check(&given).unwrap(), long);
    assert_eq!(host.check(&Command::new(["cat"])).unwrap(), "");
    assert!(!format!("{given:?}").contains("abcdef"));
}

#[test]
fn a_link_that_others_can_have_made_is_not_followed_to_change_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["target", "own", "shared"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::set_permissions(path("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    for name in ["own/link", "shared/link"] {
        symlink("../target", path(name)).unwrap();
    }
    fs::write(path("target/kept"), "x").unwrap();
    let host = LocalHost::machine().unwrap();
    let shown = |name: &str| path(name).to_str().unwrap().to_owned();
    // Whoever runs this test is not always root.
    let meta = fs::metadata(path("target")).unwrap();
    let mut entry = file("y", 0o600);
    (entry.meta.uid, entry.meta.gid) = (meta.uid(), meta.gid());
    host.put(&shown("own/link/new"), &entry).unwrap();
    assert_eq!(fs::read_to_string(path("target/new")).unwrap(), "y");
    assert!(host.put(&shown("shared/link/other"), &entry).is_err());
    assert!(!path("target/other").exists());
    assert!(host.remove(&shown("shared/link/kept")).is_err());
    assert!(path("target/kept").exists());
}

#[test]
fn a_path_is_opened_again_while_the_kernel_asks_for_it() {
    let asked = std::cell::Cell::new(0);
    let busy_until = |free: usize| {
        asked.set(0);
        super::patiently(|| {
            asked.set(asked.get() + 1);
            if asked.get() < free { Err(rustix::io::Errno::AGAIN) } else { Ok(asked.get()) }
        })
    };
    assert_eq!(busy_until(3), Ok(3));
    assert_eq!(busy_until(usize::MAX), Err(rustix::io::Errno::AGAIN));
    let refused = super::patiently(|| Err::<(), _>(rustix::io::Errno::NOENT));
    assert_eq!(refused, Err(rustix::io::Errno::NOENT));
}
