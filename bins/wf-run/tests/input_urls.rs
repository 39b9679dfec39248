//! Input that is fetched before a run, as the user of the program sees it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const WORKFLOW: &str = r#"{"name": "w", "processes": [
 {"name": "copy", "function": "command", "firingLimit": 1, "config": {"executor": {"executable": "cp", "args": ["a", "b"]}}, "ins": [0], "outs": [1]}],
 "signals": [{"name": "a", "data": [{}]}, {"name": "b"}], "ins": [0], "outs": [1]}"#;
/// No test takes longer.
const BOUND: Duration = Duration::from_mins(1);

fn folder(list: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.json"), WORKFLOW).unwrap();
    fs::write(folder.path().join("list"), list).unwrap();
    folder
}

/// Answers every request with this, says so, and lets the connection be open.
fn serve(answer: &'static str) -> (SocketAddr, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for _ in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {}
            stream.write_all(answer.as_bytes()).unwrap();
            open.push(stream);
            let _ = tell.send(());
        }
    });
    (address, told)
}

fn start(dir: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wf-run"));
    command.args(args).current_dir(dir).env("KUBECONFIG", "/none").env("NO_PROXY", "*");
    command.env_remove("KUBERNETES_SERVICE_HOST");
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(mut child: Child) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > BOUND {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

/// The code, and what is said on standard error.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = end(child);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn tasks_find_what_was_fetched() {
    let (at, _told) = serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    let dir = folder(&format!("http://{at}/x path=a # the input\n"));
    let (code, said) = ended(start(dir.path(), &["w.json", "--input-urls", "list"]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("input: 1 of 1 file fetched (5 B), 0 there before"), "{said}");
    assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "hello");
}

#[test]
fn a_failure_begins_no_run() {
    let (at, _told) = serve("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let dir = folder(&format!("http://{at}/a?key=secret\n"));
    let (code, said) = ended(start(dir.path(), &["w.json", "--input-urls", "list"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("a: HTTP 404 Not Found"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    assert_eq!(names(dir.path()), ["list", "w.json"]);
}

#[test]
fn a_faulty_list_and_a_claim_elsewhere_are_refused() {
    let dir = folder("ftp://h/a\nhttp://h/b path=/b\n");
    let (code, said) = ended(start(dir.path(), &["w.json", "--input-urls", "list"]));
    assert_eq!(code, Some(2), "{said}");
    for part in ["list:1:1: error: ", "list:2:12: error: ", "2 errors"] {
        assert!(said.contains(part), "{said}");
    }
    let dir = folder("http://127.0.0.1:1/a\n");
    let args = ["w.json", "--input-urls", "list", "--executor", "k8s", "--worker-image", "w:1"];
    let (code, said) = ended(start(dir.path(), &[&args[..], &["--claim", "data"]].concat()));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("use `wf-run submit`"), "{said}");
    assert_eq!(names(dir.path()), ["list", "w.json"]);
}

#[test]
fn an_interrupt_leaves_nothing_half_written() {
    let (at, told) = serve("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    let dir = folder(&format!("http://{at}/a\n"));
    let child = start(dir.path(), &["w.json", "--input-urls", "list"]);
    told.recv_timeout(BOUND).unwrap();
    let begun = Instant::now();
    while names(dir.path()).len() < 3 && begun.elapsed() < BOUND {
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(names(dir.path()), ["list", "w.json"]);
}
