//! Light hosts, what lets us in, and what plays the agent there.

use std::path::Path;
use std::time::{Duration, Instant};

use fleet::{Contact, ContactError, SshContact};
use node_bootstrap::agent::{Answer, Event, Request};
use remote::{Agent, Options, Target};
use tempfile::TempDir;
use tests::hosts::{Host, Hosts, Login};

/// The folder for the sockets of ssh: with what it might stumble over.
pub(super) const SOCKETS: &str = "a b%c";
/// Longer than anything takes that comes to an end.
pub(super) const LONG: Duration = Duration::from_mins(1);

/// Plays `node-prep agent`. Says whom it runs as; what it is to do then is the unit of a `restart`.
pub(super) const AGENT: &str = r#"#!/bin/sh
call=$(cat)
event() { echo '{"is":"event","of":{"kind":"note","step":"play","text":"'"$1"'"}}'; }
answer() { echo '{"is":"answer","of":{"kind":"done","value":{"changes":'"$1"',"reboot":[]}}}'; }
failure() { echo '{"is":"failure","of":{"kind":"'"$1"'","message":"'"$2"'"}}'; }
event "uid $(id -u) arguments $*"
case $call in
*'"by":"tests@desk"'*) ;;
*) failure refused "not called as it should be" ; exit 1 ;;
esac
case $call in
*'"units":["sleep"]'*) event asleep; sleep 300; answer 1 ;;
*'"units":["busy"]'*)
    if [ -f /root/free ]; then answer 2; else failure busy "another one works on this host"; fi ;;
*'"units":["die"]'*) echo "out of luck" >&2; kill -KILL $$ ;;
*'"units":["talk"]'*) echo "not for the desk"; echo "on the other side" >&2; exit 4 ;;
*'"do":"admin-config"'*) echo '{"is":"answer","of":{"kind":"text","value":"a kubeconfig"}}' ;;
*) answer 0 ;;
esac
"#;

/// Hosts, and a folder.
pub(super) struct Bed {
    pub(super) hosts: &'static Hosts,
    pub(super) all: Vec<Host>,
    pub(super) login: Login,
    pub(super) scratch: TempDir,
}

impl Bed {
    /// Starts so many hosts.
    pub(super) fn of(count: usize) -> Option<Self> {
        let hosts = Hosts::needed()?;
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(hosts.boot_light()?);
        }
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join(SOCKETS)).unwrap();
        let login = hosts.login(&scratch.path().join("login"), &all.iter().collect::<Vec<_>>());
        Some(Self { hosts, all, login, scratch })
    }

    /// The first host.
    pub(super) fn host(&self) -> &Host {
        &self.all[0]
    }

    /// How the first host is logged in to.
    pub(super) fn target(&self, user: &str) -> Target {
        target(self.host(), user)
    }

    pub(super) fn options(&self) -> Options {
        Options { config: Some(self.login.config()), ..Options::default() }
    }

    /// One host, `one`, with what plays the agent.
    pub(super) fn contact(&self, target: Target, options: Options) -> SshContact {
        self.contact_with(vec![("one".to_owned(), target)], options, player())
    }

    pub(super) fn contact_with(
        &self,
        hosts: Vec<(String, Target)>,
        options: Options,
        agent: Agent,
    ) -> SshContact {
        let sockets = self.scratch.path().join(SOCKETS);
        let contact = SshContact::new(hosts, agent, "tests@desk", options, &sockets);
        contact.unwrap().log_to(&self.logs()).unwrap()
    }

    pub(super) fn logs(&self) -> std::path::PathBuf {
        self.scratch.path().join("logs")
    }

    /// Has the first host, as this user, do nothing; with these options.
    pub(super) fn tries(&self, target: Target, options: Options) -> Result<Said, ContactError> {
        self.hosts.at_desk(|| ask(&self.contact(target, options), "one", &Request::Undo, LONG))
    }
}

/// What a host has said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) answer: Answer,
    pub(super) events: Vec<String>,
}

pub(super) fn target(host: &Host, user: &str) -> Target {
    Target { host: host.address().to_owned(), user: Some(user.to_owned()), ..Target::default() }
}

pub(super) fn player() -> Agent {
    Agent::new(AGENT.as_bytes().to_vec())
}

pub(super) fn play(what: &str) -> Request {
    Request::Restart { units: vec![what.to_owned()] }
}

pub(super) fn ask(
    contact: &SshContact,
    host: &str,
    request: &Request,
    limit: Duration,
) -> Result<Said, ContactError> {
    let mut events = Vec::new();
    let mut tell = |event: &Event| events.push(event.text.clone());
    let answer = contact.call(host, request, limit, &mut tell)?;
    Ok(Said { answer, events })
}

/// The message of what went wrong.
#[expect(clippy::panic, reason = "a test that cannot go on is to fail")]
pub(super) fn away<T: std::fmt::Debug>(result: Result<T, ContactError>) -> String {
    match result {
        Err(ContactError::Away(text) | ContactError::Unreachable(text)) => text,
        other => panic!("the host is not away: {other:?}"),
    }
}

#[expect(clippy::panic, reason = "a test that cannot go on is to fail")]
pub(super) fn unusable<T: std::fmt::Debug>(result: Result<T, ContactError>) -> String {
    match result {
        Err(ContactError::Unusable(text)) => text,
        other => panic!("the host can be used: {other:?}"),
    }
}

pub(super) fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// Waits until something is so.
pub(super) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited {} s until {what}", LONG.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The words of all processes of this machine, those in hosts among them, and what is around them.
pub(super) fn processes() -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(entry.path().join(file)).unwrap_or_default();
            all.push_str(&String::from_utf8_lossy(&text).replace('\0', " "));
            all.push('\n');
        }
    }
    all
}

/// All texts of files in a folder.
pub(super) fn texts(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}
