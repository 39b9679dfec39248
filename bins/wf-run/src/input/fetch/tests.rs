use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use super::*;
use crate::input::list;

/// No test takes longer.
const BOUND: Duration = Duration::from_mins(1);
const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhe";
const BUSY: &str = "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const SLOW_DOWN: &str =
    "HTTP/1.1 429 No\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const NEXT_DAY: &str =
    "HTTP/1.1 429 No\r\nRetry-After: 86400\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A server with an answer for each request to a path, the last one for all that follow. An empty one: it says nothing.
fn serve(answers: &[(&'static str, &[&'static str])]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut answers: Vec<(String, Vec<&str>)> =
        answers.iter().map(|(path, all)| ((*path).to_owned(), all.to_vec())).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines =
                BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(first) = lines.next() else { continue };
            for _ in lines.take_while(|line| !line.is_empty()) {}
            count.fetch_add(1, Ordering::Relaxed);
            let path = first.split(' ').nth(1).unwrap_or_default();
            let (_, all) = answers.iter_mut().find(|(known, _)| known == path).unwrap();
            let answer = if all.len() > 1 { all.remove(0) } else { all[0] };
            if answer.is_empty() {
                silent.push(stream);
            } else {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    (address, asked)
}

fn bring(dir: &Path, list: &str) -> Result<(), Vec<String>> {
    let inputs = list::parse("list", list).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().build().unwrap_or_else(|_| client().unwrap());
    let patience =
        Patience { stall: Duration::from_secs(2), first_delay: Duration::from_millis(1), tries: 3 };
    let fetcher = Fetcher::new(client, patience, dir);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(BOUND, fetcher.all(&inputs)).await.unwrap() })
}

/// All files, also those with a dot.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_second_run_fetches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (at, asked) = serve(&[("/a", &[GOOD]), ("/b", &[GOOD])]);
    let list = format!("http://{at}/a sha256={HELLO}\nhttp://{at}/b path=in/b");
    bring(dir.path(), &list).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("in/b")).unwrap(), "hello");
    assert_eq!(names(dir.path()), ["a", "in"]);
    bring(dir.path(), &list).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_file_with_another_sum_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "old").unwrap();
    let (at, _) = serve(&[("/a", &[GOOD])]);
    bring(dir.path(), &format!("http://{at}/a sha256={HELLO}")).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "hello");
}

#[test]
fn what_fails_for_a_time_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (at, asked) =
        serve(&[("/a", &[BUSY, GOOD]), ("/b", &[CUT, GOOD]), ("/c", &[SLOW_DOWN, GOOD])]);
    bring(dir.path(), &format!("http://{at}/a\nhttp://{at}/b\nhttp://{at}/c")).unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "hello");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 6);
}

#[test]
fn every_failure_is_told_and_nothing_half_written_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (at, _) = serve(&[
        ("/a", &[MISSING]),
        ("/b", &[CUT]),
        ("/c", &[GOOD]),
        ("/d", &[""]),
        ("/e", &[BUSY]),
        ("/f", &[NEXT_DAY]),
        ("/g", &[GOOD]),
    ]);
    let mut list = String::new();
    for name in ["a", "b", "d", "e", "f", "g"] {
        let _ = writeln!(list, "http://{at}/{name}");
    }
    let _ = writeln!(list, "http://{at}/c sha256={}", "0".repeat(64));
    let told = bring(dir.path(), &list).unwrap_err();
    let wanted = [
        "a: HTTP 404 Not Found",
        "b: ",
        "c: its sha256 is 2cf24dba",
        "d: nothing came for 2.00 s; it waited for the answer of 127.0.0.1",
        "e: HTTP 500 Internal Server Error (tried 3 times)",
        "f: HTTP 429 Too Many Requests; the server says to try again in 24 h 00 m",
    ];
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for (told, wanted) in told.iter().zip(wanted) {
        assert!(told.starts_with(wanted), "{told} is not {wanted}");
    }
    assert!(told[1].ends_with("(tried 3 times)"), "{}", told[1]);
    assert_eq!(names(dir.path()), ["g"]);
}
