//! The member of etcd on a host, and through it the others.
//!
//! All that is known of the member comes from the command line in its manifest: name, URLs, certificates, where its data
//! are. It is asked with the certificates of the host itself, which never leave it.

mod api_server;
mod data;
mod local;
mod members;
mod restore;
mod snapshot;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use ::etcd::{Api, Endpoint, EtcdError};

use super::{
    Answer, Done, EtcdHere, EtcdRequest, Event, EventKind, Failure, FailureKind, ManifestPlace,
};
use crate::agent::EtcdPart;
use crate::host::{Command, Host, HostError};
use crate::text::TextError;
use local::Local;

/// Makes what asks a member.
pub type Connect<'a> = dyn Fn(&Endpoint) -> Result<Box<dyn Api>, EtcdError> + 'a;

/// The name of the pod of etcd, and of its manifest.
const POD: &str = "etcd";
/// How long is paused before it is asked again.
const PAUSE: Duration = Duration::from_secs(1);
/// How many pauses are between two lines that tell what is waited for.
const TELL_EVERY: usize = 10;

/// What knows of etcd, for a call.
pub struct Etcd<'a> {
    /// Makes what asks a member.
    pub connect: &'a Connect<'a>,
}

impl std::fmt::Debug for Etcd<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Etcd")
    }
}

impl EtcdPart for Etcd<'_> {
    fn serve(
        &self,
        host: &dyn Host,
        request: &EtcdRequest,
        stop: &dyn Fn() -> bool,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<Answer, Failure> {
        serve_etcd(host, request, self.connect, stop, tell)
    }

    fn here(&self, host: &dyn Host) -> Result<Option<EtcdHere>, HostError> {
        etcd_here(host, self.connect)
    }
}

/// The member of etcd on a host, as it is; `None` where there is no manifest, neither in place nor parked. Changes nothing.
///
/// # Errors
/// If the host cannot be looked at. A manifest that cannot be understood, and a member that does not answer, are no errors.
pub fn etcd_here(host: &dyn Host, connect: &Connect<'_>) -> Result<Option<EtcdHere>, HostError> {
    let api_server = api_server::servers(host)?;
    let (manifest, local) = match Local::of(host) {
        Ok(None) => return Ok(None),
        Ok(Some(local)) => (local.place, Ok(local)),
        Err(Trouble::Host(error)) => return Err(error),
        Err(error) => (local::place(host)?, Err(error)),
    };
    let mut here = EtcdHere { manifest, api_server, ..EtcdHere::default() };
    match local {
        Ok(local) => {
            here.name.clone_from(&local.name);
            here.peer_url.clone_from(&local.peer_url);
            here.client_url.clone_from(&local.client_url);
            here.has_data = data::has_data(host, &local)?;
            here.has_old_data = !data::put_away(host, &local, data::GONE)?.is_empty();
            here.has_kept_data = !data::put_away(host, &local, data::KEPT)?.is_empty();
            match local.connect(host, connect).and_then(|api| Ok(api.view()?)) {
                Ok(view) => here.view = Some(view),
                Err(Trouble::Host(error)) => return Err(error),
                Err(error) => here.silence = Some(error.to_string()),
            }
        }
        Err(error) => here.silence = Some(error.to_string()),
    }
    Ok(Some(here))
}

/// Does what is asked of etcd on a host. Whatever is done already is not done again.
///
/// # Errors
/// If another one works on this host, it would be wrong, does not work in time, or was stopped. The failure says how much was
/// changed.
pub fn serve_etcd(
    host: &dyn Host,
    request: &EtcdRequest,
    connect: &Connect<'_>,
    stop: &dyn Fn() -> bool,
    tell: &mut dyn FnMut(&Event),
) -> Result<Answer, Failure> {
    let mut work = Work { host, connect, stop, tell, done: Done::default() };
    let answer = host.lock().map_err(Trouble::from).and_then(|_lock| work.answer(request));
    answer.map_err(|trouble| Failure::from(trouble).after(work.done.changes))
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{}", crate::check::told_whole(.0))]
    Host(#[from] HostError),
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// Nothing of it was done: it would be wrong.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Failed(String),
    #[error("stopped; the next run goes on")]
    Stopped,
}

impl Trouble {
    /// A manifest that cannot be understood, or not be changed.
    fn manifest(path: &str, error: &TextError) -> Self {
        Self::Refused(format!("{path}: {error}"))
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let kind = match &trouble {
            Trouble::Host(HostError::Locked { .. } | HostError::Straggler { .. }) => {
                FailureKind::Busy
            }
            Trouble::Refused(_) => FailureKind::Refused,
            Trouble::Stopped => FailureKind::Stopped,
            Trouble::Host(_) | Trouble::Etcd(_) | Trouble::Failed(_) => FailureKind::Failed,
        };
        Self { kind, message: trouble.to_string(), changes: 0 }
    }
}

/// One request in work.
struct Work<'a> {
    host: &'a dyn Host,
    connect: &'a Connect<'a>,
    stop: &'a dyn Fn() -> bool,
    tell: &'a mut dyn FnMut(&Event),
    done: Done,
}

/// Whether what is waited for has come: the thing, or why not yet.
type Awaited<T> = Result<Result<T, String>, Trouble>;

impl Work<'_> {
    fn answer(&mut self, request: &EtcdRequest) -> Result<Answer, Trouble> {
        match request {
            EtcdRequest::Snapshot { path } => return self.snapshot(path),
            EtcdRequest::AddLearner { peer_url, decided_on, limit } => {
                return self.add_learner(peer_url, decided_on, *limit);
            }
            EtcdRequest::Remove { id, decided_on } => self.remove(id, decided_on)?,
            EtcdRequest::Promote { id, decided_on, limit } => {
                self.promote(id, decided_on, *limit)?;
            }
            EtcdRequest::HandOver { to } => self.hand_over(to)?,
            EtcdRequest::Park => self.park()?,
            EtcdRequest::PutDataAway { keep } => self.put_data_away(*keep)?,
            EtcdRequest::DropOldData => self.drop_old_data()?,
            EtcdRequest::Start { initial_cluster, state, limit } => {
                self.start(initial_cluster, *state, *limit)?;
            }
            EtcdRequest::CanRestore { path } => self.can_restore(path)?,
            EtcdRequest::Restore { path, initial_cluster, token } => {
                self.restore(path, initial_cluster, token)?;
            }
            EtcdRequest::ApiServer { servers } => self.api_server(servers)?,
        }
        Ok(Answer::Done(std::mem::take(&mut self.done)))
    }

    /// The member of this host.
    fn local(&self) -> Result<Local, Trouble> {
        Local::of(self.host)?.ok_or_else(|| {
            Trouble::Refused(format!(
                "this host has no member of etcd: there is neither {} nor {}",
                local::path(ManifestPlace::InPlace),
                local::path(ManifestPlace::Parked)
            ))
        })
    }

    /// Asks the member of this host.
    fn api(&self) -> Result<Box<dyn Api>, Trouble> {
        self.local()?.connect(self.host, self.connect)
    }

    /// Whether the member still answers: anything but that nobody listens is an answer.
    fn answers(&self, local: &Local) -> Result<Option<String>, Trouble> {
        match local.connect(self.host, self.connect)?.view() {
            Err(EtcdError::Unreachable { .. }) => Ok(None),
            Ok(view) => Ok(Some(format!("it answers, as member {}", view.member))),
            Err(error) => Ok(Some(error.to_string())),
        }
    }

    fn tell(&mut self, kind: EventKind, text: impl Into<String>) {
        (self.tell)(&Event::new(kind, POD, text));
    }

    /// Something was changed.
    fn changed(&mut self, text: impl Into<String>) {
        self.done.changes += 1;
        self.tell(EventKind::Done, text);
    }

    /// Asks again and again until it has come. `what` completes "waiting until".
    fn wait<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut ask: impl FnMut(&mut Self) -> Awaited<T>,
    ) -> Result<T, Trouble> {
        let mut left = limit;
        for round in 0.. {
            let begin = Instant::now();
            let why = match ask(self)? {
                Ok(come) => return Ok(come),
                Err(why) => why,
            };
            if (self.stop)() {
                return Err(Trouble::Stopped);
            }
            if left.is_zero() {
                return Err(Trouble::Failed(format!(
                    "waited {} s until {what}: {why}",
                    limit.as_secs()
                )));
            }
            if round % TELL_EVERY == 0 {
                let seconds = left.as_secs();
                self.tell(
                    EventKind::Waiting,
                    format!("until {what}, at most {seconds} s more: {why}"),
                );
            }
            self.host.run(&Command::new(["sleep".to_owned(), PAUSE.as_secs().to_string()]))?;
            left = left.saturating_sub(begin.elapsed().max(PAUSE));
        }
        Err(Trouble::Stopped)
    }
}
