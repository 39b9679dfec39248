//! Hosts through `ssh`.

mod log;
mod patience;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use node_bootstrap::agent::{Answer, Call, Event, Failure, Reply, Request};
use node_bootstrap::secret::exposing;
use remote::{Agent, Connection, Elevation, Ended, Heard, Options, Probe, RemoteError, Sockets};
use topology::inventory::Ssh;

use self::log::Log;
use self::patience::{Asked, LOCK, Patience};
use crate::contact::{Contact, ContactError};

/// How long a host may take to say what it is, with the connection.
const LOOKING: Duration = Duration::from_mins(1);
/// How long a file may take on its way. One that does not move at all is given up sooner.
const COPYING: Duration = Duration::from_mins(15);

/// How a host is logged in to.
#[must_use]
pub fn target_of(ssh: &Ssh) -> remote::Target {
    remote::Target {
        host: ssh.host.as_ref().map(ToString::to_string).unwrap_or_default(),
        user: ssh.user.clone(),
        port: ssh.port,
        identity_file: ssh.identity_file.clone(),
        jump: ssh.jump.clone(),
    }
}

/// The hosts of a cluster, through the system's `ssh`. What a host is gets asked once, when it is first needed; the agent is
/// brought where it is not there.
#[derive(Debug)]
pub struct SshContact {
    hosts: BTreeMap<String, Place>,
    agent: Agent,
    by: String,
    stop: Option<Arc<AtomicBool>>,
}

/// One host.
#[derive(Debug)]
struct Place {
    connection: Connection,
    /// How we become root, once we know and the agent is there.
    ready: Mutex<Option<Elevation>>,
    log: Option<Log>,
}

impl SshContact {
    /// Hosts by their names. `by` is who asks, for their journals: `user@desk`. Sockets of ssh are made in a folder below
    /// `folder`, whose path has to be short. Nothing is asked yet.
    ///
    /// # Errors
    /// If that folder cannot be made.
    pub fn new(
        hosts: impl IntoIterator<Item = (String, remote::Target)>,
        agent: Agent,
        by: impl Into<String>,
        options: Options,
        folder: &Path,
    ) -> Result<Self, RemoteError> {
        let sockets = Arc::new(Sockets::below(folder, &options)?);
        let options = Arc::new(options);
        let place = |target| Place {
            connection: Connection::new(target, Arc::clone(&options), Arc::clone(&sockets)),
            ready: Mutex::new(None),
            log: None,
        };
        let hosts = hosts.into_iter().map(|(name, target)| (name, place(target))).collect();
        Ok(Self { hosts, agent, by: by.into(), stop: None })
    }

    /// Writes what happens on each host to `HOST.log` in this folder, after what is there. No secrets.
    ///
    /// # Errors
    /// If a file cannot be opened.
    pub fn log_to(mut self, folder: &Path) -> std::io::Result<Self> {
        for (name, place) in &mut self.hosts {
            place.log = Some(Log::open(folder, name)?);
        }
        Ok(self)
    }

    /// Hosts that others work on are waited for no more once this is set, as by Ctrl-C: nothing was begun there yet.
    #[must_use]
    pub fn stopped_by(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = Some(stop);
        self
    }

    /// How often `ssh` was run for a host.
    #[must_use]
    pub fn round_trips(&self, host: &str) -> u32 {
        self.hosts.get(host).map_or(0, |place| place.connection.round_trips())
    }

    fn place(&self, host: &str) -> Result<&Place, ContactError> {
        self.hosts.get(host).ok_or_else(|| {
            ContactError::Away(format!("there is no host `{host}` among those known"))
        })
    }
}

impl Place {
    fn log(&self, kind: char, text: &str) {
        if let Some(log) = &self.log {
            log.add(kind, text);
        }
    }

    /// Says what went wrong, in the log too.
    fn fails(&self, error: RemoteError) -> ContactError {
        let error = contact_error(error);
        self.log('<', &error.to_string());
        error
    }

    /// How we become root; with `agent` the agent is there afterwards. Asks and brings only once. Nobody else asks this host meanwhile.
    fn ready(&self, agent: &Agent, limit: Duration) -> Result<Elevation, ContactError> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(elevation) = *ready {
            return Ok(elevation);
        }
        self.log('>', &format!("looking what {} is", self.connection.target().shown()));
        let looked = self.connection.probe(agent, LOOKING.min(limit));
        let probe = looked.map_err(|error| self.fails(error))?;
        self.log('<', &shown(&probe));
        agent.fits(&probe).map_err(|error| self.fails(error))?;
        if !probe.has_agent {
            self.bring(probe.elevation, agent)?;
        }
        *ready = Some(probe.elevation);
        Ok(probe.elevation)
    }

    fn bring(&self, elevation: Elevation, agent: &Agent) -> Result<(), ContactError> {
        self.log('>', &format!("bringing {}", agent.path()));
        let brought = self.connection.push(elevation, agent, COPYING);
        brought.map_err(|error| self.fails(error))?;
        self.log('<', "brought");
        Ok(())
    }

    /// One call of the agent.
    fn ask(
        &self,
        elevation: Elevation,
        agent: &Agent,
        document: &[u8],
        limit: Duration,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<(Ended, Said), RemoteError> {
        let path = agent.path();
        let call = remote::Call {
            what: "node-prep agent",
            words: &[&path, "agent"],
            input: &[document],
            root: Some(elevation),
            limit,
            silence: None,
        };
        let mut said = Said::default();
        let ended = self.connection.run(&call, &mut |heard| match heard {
            Heard::Error(line) => self.log('!', line),
            Heard::Line(line) => match serde_json::from_str(line) {
                Ok(Reply::Event(event)) => {
                    self.log('.', &format!("{:?} {}: {}", event.kind, event.step, event.text));
                    tell(&event);
                }
                Ok(Reply::Answer(answer)) => said.answer = Some(Ok(answer)),
                Ok(Reply::Failure(failure)) => said.answer = Some(Err(failure)),
                // Its text may be a secret's.
                Err(_) => said.strange += 1,
            },
        })?;
        Ok((ended, said))
    }
}

/// What an agent said in the end.
#[derive(Default)]
struct Said {
    answer: Option<Result<Answer, Failure>>,
    /// Lines that are no replies.
    strange: usize,
}

impl Said {
    /// Why there is no answer.
    fn missing(&self, ended: &Ended) -> ContactError {
        let lines: Vec<&str> =
            ended.said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = match &lines[lines.len().saturating_sub(3)..] {
            [] => String::new(),
            lines => format!(": {}", lines.join(" / ")),
        };
        match (ended.code, self.strange) {
            (126, _) => ContactError::Unusable(format!(
                "the host does not run programs in {}; is its file system mounted with noexec?{last}",
                remote::AGENT_FOLDER
            )),
            (137, 0) => ContactError::Broken(format!(
                "node-prep agent was killed on the host before it answered; has the host too little memory?{last}"
            )),
            (code, 0) => ContactError::Broken(format!(
                "node-prep agent ended with exit code {code} and without an answer{last}"
            )),
            (code, strange) => ContactError::Broken(format!(
                "node-prep agent ended with exit code {code} and without an answer; {strange} lines are not of this build of it{last}"
            )),
        }
    }
}

impl Contact for SshContact {
    fn call(
        &self,
        host: &str,
        request: &Request,
        limit: Duration,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<Answer, ContactError> {
        let place = self.place(host)?;
        let begin = Instant::now();
        let what = verb(request);
        let elevation = place.ready(&self.agent, limit)?;
        let call = Call { by: self.by.clone(), request: request.clone() };
        // The only copy with secrets in it: it goes to the host's standard input and nowhere else.
        let document = exposing(|| serde_json::to_vec(&call)).map_err(|error| {
            ContactError::Away(format!("what is to be asked cannot be written: {error}"))
        })?;
        place.log('>', &what);
        let mut brought = false;
        let mut once = |left: Duration, tell: &mut dyn FnMut(&Event)| -> Asked {
            loop {
                match place.ask(elevation, &self.agent, &document, left, tell) {
                    // Another desk with another agent was there.
                    Err(RemoteError::NoProgram { .. }) if !brought => {
                        brought = true;
                        place.bring(elevation, &self.agent)?;
                    }
                    Err(RemoteError::Deadline { .. }) => {
                        return Err(ContactError::Deadline { what: what.clone(), limit });
                    }
                    Err(error) => return Err(contact_error(error)),
                    Ok((_, Said { answer: Some(answer), .. })) => return Ok(answer?),
                    Ok((ended, said)) => return Err(said.missing(&ended)),
                }
            }
        };
        let patience = Patience { begin, limit, stop: self.stop.as_deref() };
        let mut waits = |event: &Event| {
            if event.step == LOCK {
                place.log('.', &event.text);
            }
            tell(event);
        };
        let answer = patience.ask(&what, &mut waits, &mut once);
        match &answer {
            Ok(_) => place.log('<', "done"),
            Err(error) => place.log('<', &error.to_string()),
        }
        answer
    }

    fn fetch(&self, host: &str, path: &str, to: &mut dyn Write) -> Result<u64, ContactError> {
        let place = self.place(host)?;
        let elevation = place.ready(&self.agent, LOOKING)?;
        place.log('>', &format!("reading {path}"));
        let read = place.connection.fetch(elevation, path, to, COPYING);
        let bytes = read.map_err(|error| place.fails(error))?;
        place.log('<', &format!("{bytes} bytes"));
        Ok(bytes)
    }

    fn put(&self, host: &str, path: &str, content: &[u8]) -> Result<(), ContactError> {
        let place = self.place(host)?;
        let elevation = place.ready(&self.agent, LOOKING)?;
        place.log('>', &format!("writing {path}, {} bytes", content.len()));
        let put = place.connection.put(elevation, path, content, COPYING);
        put.map_err(|error| place.fails(error))?;
        place.log('<', "written");
        Ok(())
    }
}

fn shown(probe: &Probe) -> String {
    let elevation = match probe.elevation {
        Elevation::Root => "root",
        Elevation::Sudo => "sudo",
        Elevation::Password => "sudo with a password",
    };
    let agent = if probe.has_agent { "has the agent" } else { "has not the agent" };
    format!("{} {}, {elevation}, {agent}", probe.system, probe.machine)
}

/// What is asked, without what it is asked with: `etcd add-learner`.
fn verb(request: &Request) -> String {
    // Nobody exposes secrets here; and only names of variants are taken.
    let value = serde_json::to_value(request).unwrap_or_default();
    let words = ["do", "part", "etcd"].iter().filter_map(|key| value.get(key)?.as_str());
    words.collect::<Vec<_>>().join(" ")
}

/// What it means for who asked.
fn contact_error(error: RemoteError) -> ContactError {
    let text = match &error {
        RemoteError::Local { what, source } => format!("{what}: {source}"),
        other => other.to_string(),
    };
    match error {
        RemoteError::Local { .. } => ContactError::Away(text),
        RemoteError::NotLetIn { trouble, .. } if trouble.is_silence() => {
            ContactError::Unreachable(text)
        }
        RemoteError::NotLetIn { trouble, .. } if trouble.is_login() => ContactError::Away(text),
        RemoteError::NotLetIn { .. }
        | RemoteError::Unusable { .. }
        | RemoteError::NoProgram { .. }
        | RemoteError::Failed { .. } => ContactError::Unusable(text),
        RemoteError::Broken { .. } | RemoteError::Silent { .. } => ContactError::Broken(text),
        RemoteError::Deadline { what, shown, limit } => {
            ContactError::Deadline { what: format!("{what} on {shown}"), limit }
        }
    }
}

#[cfg(test)]
mod tests {
    use node_bootstrap::agent::{EtcdRequest, UpgradePart, Wish};

    use super::*;

    #[test]
    fn a_request_is_named_without_what_is_in_it() {
        let wish = Box::<Wish>::default;
        for (request, name) in [
            (Request::AdminConfig, "admin-config"),
            (Request::Apply { wish: wish() }, "apply"),
            (Request::Upgrade { wish: wish(), part: UpgradePart::First }, "upgrade first"),
            (Request::Etcd(EtcdRequest::Park), "etcd park"),
        ] {
            assert_eq!(verb(&request), name);
        }
    }

    #[test]
    fn an_agent_that_ends_without_an_answer_is_told_apart() {
        let told = |code, strange| {
            let ended = Ended { code, said: "first\nlast\n".to_owned() };
            Said { answer: None, strange }.missing(&ended).to_string()
        };
        insta::assert_snapshot!([told(126, 0), told(137, 0), told(2, 0), told(0, 3)].join("\n"), @r"
        the host does not run programs in /var/lib/node-prep/bin; is its file system mounted with noexec?: first / last
        node-prep agent was killed on the host before it answered; has the host too little memory?: first / last
        node-prep agent ended with exit code 2 and without an answer: first / last
        node-prep agent ended with exit code 0 and without an answer; 3 lines are not of this build of it: first / last
        ");
    }

    #[test]
    fn a_host_that_is_not_known_is_not_asked() {
        let scratch = tempfile::tempdir().unwrap();
        let contact = SshContact::new(
            [],
            Agent::new(Vec::new()),
            "me@desk",
            Options::default(),
            scratch.path(),
        );
        let asked = contact.unwrap().call("a", &Request::Undo, LOOKING, &mut |_| {});
        assert!(matches!(asked, Err(ContactError::Away(_))));
    }
}
