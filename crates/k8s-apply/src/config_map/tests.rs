use insta::assert_snapshot;
use tempfile::TempDir;

use super::*;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn file(folder: &TempDir, name: &str) -> Entry {
    Entry::File { key: None, path: folder.path().join(name) }
}

fn show(result: Result<Object, Vec<Problem>>, folder: &TempDir) -> String {
    match result {
        Ok(object) => format!("{:#}", object.value()),
        Err(problems) => diagnostics::render(&problems, &[])
            .replace(&folder.path().display().to_string(), "FOLDER"),
    }
}

#[test]
fn a_folder_gives_its_regular_files() {
    let folder = folder(&[
        ("hpcc/a.conf", b"x = 1\n"),
        ("hpcc/logo", &[0xff, 0]),
        ("hpcc/deep/b.conf", b"no"),
        ("env", b"\xef\xbb\xbf# note\n\n  A=1=2\r\nB=\"q\"\n"),
    ]);
    std::os::unix::fs::symlink("a.conf", folder.path().join("hpcc/link")).unwrap();
    let entries = [
        file(&folder, "hpcc"),
        Entry::File { key: Some("other".into()), path: folder.path().join("hpcc/deep/b.conf") },
        Entry::literal("mode=a=b").unwrap(),
        Entry::EnvFile(folder.path().join("env")),
    ];
    assert_snapshot!(show(config_map("settings", Some("web"), &entries), &folder));
    assert_snapshot!(show(secret("settings", None, None, &entries[..1]), &folder));
}

#[test]
fn everything_that_is_wrong_is_told_and_no_value_is() {
    let folder = folder(&[
        ("a", b"1"),
        ("odd name", b"2"),
        ("env", b"1A=hush\nhush\nA=ok\n"),
        ("latin", b"A=\xe4"),
    ]);
    let entries = [
        file(&folder, ""),
        file(&folder, "a"),
        file(&folder, "missing"),
        Entry::File { key: Some("k".into()), path: folder.path().into() },
        Entry::literal("..=hush").unwrap(),
        Entry::EnvFile(folder.path().join("env")),
        Entry::EnvFile(folder.path().join("latin")),
    ];
    let shown = show(secret("s", None, None, &entries), &folder);
    assert!(!shown.contains("hush"));
    assert_snapshot!(shown);
    assert!(!format!("{entries:?}").contains("hush"));
}

#[test]
fn more_than_a_mebibyte_is_refused() {
    let folder = folder(&[("big", &vec![b'a'; MAX_BYTES])]);
    assert!(config_map("m", None, &[file(&folder, "big")]).is_ok());
    let entries = [file(&folder, "big"), Entry::literal("one=x").unwrap()];
    assert_snapshot!(show(config_map("m", None, &entries), &folder));
}

#[test]
fn options_are_read_as_kubectl_does() {
    assert_eq!(Entry::file("k=a/b"), Ok(Entry::File { key: Some("k".into()), path: "a/b".into() }));
    assert_eq!(Entry::file("a/b"), Ok(Entry::File { key: None, path: "a/b".into() }));
    let faults = ["", "=a", "k=", "a=b=c"].map(|text| Entry::file(text).unwrap_err().to_string());
    assert_snapshot!(faults.join("\n"));
    assert_snapshot!(Entry::literal("hush").unwrap_err());
}
