//! Somebody who writes all the time, and remembers what was acknowledged.

#![expect(clippy::panic, reason = "a test that cannot go on is to fail")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::members::Members;

/// How long a member has to answer.
const LIMIT: Duration = Duration::from_secs(3);

pub(super) struct Writer {
    endpoints: Vec<String>,
    acknowledged: Arc<Mutex<Vec<u64>>>,
    given_up: BTreeSet<u64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What etcd answers to a request through its gateway; `None` where it does not, or refuses.
fn ask(endpoint: &str, path: &str, body: &Value) -> Option<Value> {
    let address: SocketAddr = endpoint.parse().unwrap();
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let body = body.to_string();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.0\r\nHost: {endpoint}\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.split(' ').nth(1) != Some("200") {
        return None;
    }
    serde_json::from_str(body).ok()
}

impl Writer {
    /// Writes keys `w/1`, `w/2`, ... through whichever member takes them.
    pub(super) fn start(members: &Members) -> Self {
        let endpoints = members.endpoints();
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (all, list, end) = (endpoints.clone(), Arc::clone(&acknowledged), Arc::clone(&stop));
        // The thread is in the network that this one is in.
        let thread = std::thread::spawn(move || {
            let mut at = 0;
            for number in 1_u64.. {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let key = STANDARD.encode(format!("w/{number:08}"));
                let value = STANDARD.encode(number.to_string());
                let body = json!({"key": key, "value": value});
                match ask(&all[at], "/v3/kv/put", &body) {
                    Some(_) => list.lock().unwrap().push(number),
                    None => at = (at + 1) % all.len(),
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { endpoints, acknowledged, given_up: BTreeSet::new(), stop, thread: Some(thread) }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until more was acknowledged.
    #[track_caller]
    pub(super) fn goes_on(&self) {
        let (from, begun) = (self.count(), Instant::now());
        while self.count() < from + 5 {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing can be written");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What is acknowledged while `work` is done may be lost.
    pub(super) fn given_up(&mut self, work: impl FnOnce()) {
        let before = self.count();
        work();
        self.given_up.extend(self.acknowledged.lock().unwrap()[before..].iter().copied());
    }

    /// All that can be read, from any member.
    fn found(&self) -> BTreeSet<u64> {
        let (from, to) = (STANDARD.encode("w/"), STANDARD.encode("w0"));
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            for endpoint in &self.endpoints {
                let body = json!({"key": from, "range_end": to});
                let Some(answer) = ask(endpoint, "/v3/kv/range", &body) else { continue };
                let all = answer["kvs"].as_array().cloned().unwrap_or_default();
                let number = |entry: &Value| {
                    let value = STANDARD.decode(entry["value"].as_str()?).ok()?;
                    String::from_utf8(value).ok()?.parse().ok()
                };
                return all.iter().filter_map(number).collect();
            }
        }
        panic!("nothing can be read");
    }

    /// All that was acknowledged is there.
    #[track_caller]
    pub(super) fn lost_nothing(&self, what: &str) {
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        let found = self.found();
        let lost: Vec<u64> = acknowledged
            .into_iter()
            .filter(|number| !found.contains(number) && !self.given_up.contains(number))
            .collect();
        assert_eq!(lost, Vec::<u64>::new(), "{what}: acknowledged, and lost");
    }

    /// Ends, and reads all back. Answers how many writes were acknowledged.
    #[track_caller]
    pub(super) fn ends(mut self) -> usize {
        self.goes_on();
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        self.lost_nothing("in the end");
        self.count()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}
