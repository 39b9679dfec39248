//! The program as its users run it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers fail as tests do, which clippy.toml allows only inside test functions"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use insta::assert_snapshot;
use tempfile::TempDir;

/// Sound files of OpenPAI.
fn sound() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/openpai/tests/data/sound")
}

/// A folder with the sound files, and changes.
fn folder(changes: &[(&str, &str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for entry in std::fs::read_dir(sound()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (_, from, to) in changes.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_k8s-cluster"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// What a run printed, with its exit code.
fn shown(output: &Output) -> String {
    format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = vec![folder.to_owned()];
    while let Some(next) = rest.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rest.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

#[test]
fn sound_files_are_summed_up() {
    let folder = folder(&[]);
    assert_snapshot!(shown(&run(folder.path(), &["check", "-p", "."])));
}

#[test]
fn everything_that_is_wrong_is_told_and_no_password() {
    let folder = folder(&[
        ("cluster-configuration.yaml", "10.20.0.12", "10.20"),
        ("cluster-configuration.yaml", "password: s3cret-w2", "passwd: s3cret-w2"),
        (
            "kubernetes-configuration.yaml",
            "load-balance-ip: 10.20.0.30",
            "load-balance-ip: 10.20.0.31",
        ),
    ]);
    let output = run(folder.path(), &["check", "-p", "."]);
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot!(shown(&output));
    let json = run(folder.path(), &["check", "-p", ".", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((json.status.code(), value["sound"].as_bool()), (Some(2), Some(false)));
    assert_eq!(value["problems"].as_array().unwrap().len(), 3);
    assert_eq!(value["problems"][0]["place"]["line"], 32);
    for output in [output, json] {
        assert!(!shown(&output).contains("s3cret"));
    }
}

#[test]
fn what_convert_prints_is_sound() {
    let folder = folder(&[]);
    let converted = run(folder.path(), &["convert", "-p", "."]);
    assert!(converted.status.success(), "{}", shown(&converted));
    assert!(!shown(&converted).contains("s3cret"));
    std::fs::write(folder.path().join("cluster.yml"), &converted.stdout).unwrap();
    assert_snapshot!(shown(&run(folder.path(), &["check", "-f", "cluster.yml"])));
    let broken = String::from_utf8(converted.stdout).unwrap().replacen(
        "profile: kubeadm",
        "profile: kubeadn",
        1,
    );
    std::fs::write(folder.path().join("cluster.yml"), broken).unwrap();
    assert_snapshot!(shown(&run(folder.path(), &["check", "-f", "cluster.yml"])));
}

#[test]
fn render_writes_each_hosts_files_into_an_empty_folder_only() {
    let folder = folder(&[]);
    let output = run(folder.path(), &["render", "-p", ".", "--legacy", "out"]);
    assert_snapshot!(shown(&output));
    let found = files(&folder.path().join("out"));
    assert_snapshot!(found.into_iter().collect::<Vec<_>>().join("\n"));
    let again = run(folder.path(), &["render", "-p", ".", "--legacy", "out"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
}

#[test]
fn nothing_is_rendered_of_files_that_are_wrong() {
    let folder = folder(&[("cluster-configuration.yaml", "10.20.0.12", "10.20")]);
    let output = run(folder.path(), &["render", "-p", ".", "--legacy", "out"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("out").exists());
    assert_eq!(run(folder.path(), &["convert", "-p", "."]).status.code(), Some(2));
}

#[test]
fn a_file_is_told_by_its_keys() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let nodes = "machine-list:\n- {hostname: w6, hostip: 10.20.0.26, machine-type: s, k8s-role: worker, username: ops}\n";
    std::fs::write(path.join("nodes.yaml"), nodes).unwrap();
    std::fs::write(
        path.join("quick.yaml"),
        "machines: [10.20.0.1]\nssh-username: ops\nssh-password: s3cret\n",
    )
    .unwrap();
    std::fs::write(path.join("other.yaml"), "a: b\n").unwrap();
    let all: Vec<String> = ["nodes.yaml", "quick.yaml", "other.yaml", "missing.yaml"]
        .iter()
        .map(|file| shown(&run(path, &["check", "-f", file])))
        .collect();
    assert_snapshot!(all.join("\n"));
}

#[test]
fn the_command_line_has_what_there_is_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    assert_snapshot!(shown(&run(folder.path(), &["--help"])));
    assert_eq!(run(folder.path(), &["check"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["check", "-p", ".", "-f", "a"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["deploy"]).status.code(), Some(2));
    assert!(run(folder.path(), &["completions", "bash"]).status.success());
}

#[test]
fn op_b6_13_files_of_users_are_read_and_never_written() {
    let comment = "# mine, with a  strange   layout\n";
    let folder = folder(&[]);
    let path = folder.path().join("cluster-configuration.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{comment}{text}{comment}")).unwrap();
    let content = || -> Vec<(String, Vec<u8>)> {
        let names = files(folder.path()).into_iter().filter(|name| !name.starts_with("out/"));
        names
            .map(|name| {
                let content = std::fs::read(folder.path().join(&name)).unwrap();
                (name, content)
            })
            .collect()
    };
    let before = content();
    for words in ["check -p .", "convert -p .", "render -p . --legacy out"] {
        let output = run(folder.path(), &words.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{words}: {}", shown(&output));
        assert!(content() == before, "{words}");
    }
}

/// A cluster whose hosts nobody reaches.
const SILENT: &str = "\
version: 1
name: silent
kubernetes: {version: '1.35', podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12}
hosts:
- {name: cp1, address: 10.20.0.1, role: control-plane, ssh: {host: 127.0.0.1, port: 1}}
";

#[test]
fn who_reads_no_more_does_not_hide_what_came_of_it() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("cluster.yaml"), SILENT).unwrap();
    let exit = |arguments: &[&str], reads: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k8s-cluster"));
        command.args(arguments).args(["-f", "cluster.yaml", "--logs", "logs", "--node-prep"]);
        command.arg(env!("CARGO_BIN_EXE_k8s-cluster")).current_dir(folder.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if !reads {
            child.stdout.take();
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), said)
    };
    for reads in [true, false] {
        // A host is left out; nothing can be done; a plan that nobody sees is refused as it is.
        for (arguments, code) in [
            (&["clean", "--yes", "-o", "json"][..], 4),
            (&["clean", "--yes"], 4),
            (&["deploy", "--yes"], 1),
            (&["deploy", "--dry-run", "-o", "json"], 1),
            (&["etcdfix", "cp1", "--yes"], 1),
        ] {
            let (found, said) = exit(arguments, reads);
            assert_eq!(found, code, "{arguments:?} {reads}: {said}");
        }
    }
}
