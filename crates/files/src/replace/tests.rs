//! What is there before, after and beside.

use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use super::*;

/// 2026-11-21T07:04:44Z.
fn morning() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_244_684)
}

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("environment.xml");
    (folder, path)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_file_has_what_the_umask_leaves_of_0644() {
    let (folder, path) = scratch();
    assert_eq!(replace(&path, b"1", Backup::Bak).unwrap(), Outcome::Created);
    assert_eq!(text(&path), "1");
    assert_eq!((mode(&path) & 0o600, mode(&path) & !0o644), (0o600, 0));
    assert_eq!(names(folder.path()), ["environment.xml"]);
}

#[test]
fn the_same_content_writes_nothing() {
    let (folder, path) = scratch();
    replace(&path, b"1", Backup::Bak).unwrap();
    let before = fs::metadata(&path).unwrap();
    assert_eq!(replace(&path, b"1", Backup::Dated(morning())).unwrap(), Outcome::Unchanged);
    assert_eq!(fs::metadata(&path).unwrap().ino(), before.ino());
    assert_eq!(names(folder.path()), ["environment.xml"]);
}

#[test]
fn a_plain_backup_holds_the_last_content_only() {
    let (folder, path) = scratch();
    for content in ["1", "2", "3"] {
        replace(&path, content.as_bytes(), Backup::Bak).unwrap();
    }
    assert_eq!(text(&path), "3");
    assert_eq!(text(&folder.path().join("environment.xml.bak")), "2");
    assert_eq!(names(folder.path()), ["environment.xml", "environment.xml.bak"]);
}

#[test]
fn dated_backups_never_replace_each_other() {
    let (folder, path) = scratch();
    for content in ["1", "2", "3", "4"] {
        replace(&path, content.as_bytes(), Backup::Dated(morning())).unwrap();
    }
    let kept = |suffix: &str| {
        text(&folder.path().join(format!("environment.xml.2026-11-21T07-04-44Z{suffix}.bak")))
    };
    assert_eq!([kept(""), kept("-2"), kept("-3")], ["1", "2", "3"]);
    assert_eq!(names(folder.path()).len(), 4);
}

#[test]
fn without_a_backup_nothing_else_is_left() {
    let (folder, path) = scratch();
    replace(&path, b"1", Backup::None).unwrap();
    let outcome = replace(&path, b"2", Backup::None).unwrap();
    assert_eq!(outcome, Outcome::Replaced { backup: None });
    assert_eq!(names(folder.path()), ["environment.xml"]);
}

#[test]
fn file_and_backup_keep_the_mode() {
    let (_folder, path) = scratch();
    replace(&path, b"1", Backup::None).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let Outcome::Replaced { backup: Some(backup) } = replace(&path, b"2", Backup::Bak).unwrap()
    else {
        panic!("a backup was asked for");
    };
    assert_eq!((mode(&path), mode(&backup)), (0o640, 0o640));
}

#[test]
fn a_link_stays_and_its_target_is_replaced() {
    let (folder, path) = scratch();
    fs::create_dir(folder.path().join("kept")).unwrap();
    let target = folder.path().canonicalize().unwrap().join("kept/real.xml");
    fs::write(&target, "1").unwrap();
    symlink("kept/real.xml", &path).unwrap();
    let outcome = replace(&path, b"2", Backup::Bak).unwrap();
    let backup = target.with_file_name("real.xml.bak");
    assert_eq!(outcome, Outcome::Replaced { backup: Some(backup) });
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(text(&target), "2");
}

#[test]
fn what_is_no_file_is_refused_and_left_alone() {
    let (folder, path) = scratch();
    symlink("nowhere.xml", &path).unwrap();
    let error = replace(&path, b"2", Backup::Bak).unwrap_err();
    assert!(matches!(error, FilesError::DanglingLink { .. }), "{error}");
    let error = replace(folder.path(), b"2", Backup::Bak).unwrap_err();
    assert!(matches!(error, FilesError::NotAFile { .. }), "{error}");
    let error = replace(&folder.path().join("no/such/file"), b"2", Backup::Bak).unwrap_err();
    assert!(matches!(error, FilesError::Write { .. }), "{error}");
    assert_eq!(names(folder.path()), ["environment.xml"]);
}

#[test]
fn a_backup_that_cannot_be_kept_leaves_the_file_as_it_was() {
    let (folder, path) = scratch();
    replace(&path, b"1", Backup::None).unwrap();
    fs::create_dir(folder.path().join("environment.xml.bak")).unwrap();
    let error = replace(&path, b"2", Backup::Bak).unwrap_err();
    assert!(matches!(error, FilesError::Backup { .. }), "{error}");
    assert_eq!(text(&path), "1");
    assert_eq!(names(folder.path()), ["environment.xml", "environment.xml.bak"]);
}
