//! Doing it: ask all hosts, do the next thing, ask again.

use std::thread;
use std::time::{Duration, Instant};

use node_bootstrap::agent::{Answer, EtcdRequest, FailureKind, Request, Snapshot};

use super::{Action, Deeds, Goal, Host, Next, Situation, What, next};
use crate::survey::member_of;
use crate::{Contact, ContactError, News, Watch};

/// How long what a host does at once may take.
const SHORT: Duration = Duration::from_mins(2);
/// How long what moves all data may take.
const LONG: Duration = Duration::from_mins(10);
/// How much longer the desk waits than the host: then it is the host that says what was late.
const SLACK: Duration = Duration::from_secs(30);
/// How often one thing is tried.
const TRIES: usize = 3;

/// How patient a run is.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long all may take.
    pub whole: Duration,
    /// Between two looks at something that is waited for.
    pub pause: Duration,
    /// How long a host may be worked on by another run, and how long what looks wrong after an action may take to settle.
    pub settle: Duration,
    /// How many times the hosts are asked.
    pub rounds: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            whole: Duration::from_hours(1),
            pause: Duration::from_secs(1),
            settle: Duration::from_mins(1),
            rounds: 2000,
        }
    }
}

/// Work on the members of etcd of a cluster.
pub struct Orders<'a> {
    /// How hosts are asked.
    pub contact: &'a dyn Contact,
    /// Who hears of it.
    pub watch: &'a dyn Watch,
    /// The control planes, by name, and their addresses.
    pub hosts: &'a [(String, String)],
    /// The snapshot that hosts take, where the goal has them take one.
    pub snapshot: Option<&'a [u8]>,
    /// How patient it is.
    pub pace: Pace,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The actions, in their order.
    pub actions: Vec<Action>,
    /// The last snapshot that was made, and on which host it is.
    pub snapshot: Option<(String, Snapshot)>,
}

/// Why a goal was not reached. What was done stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It would be wrong, or cannot be.
    #[error("{0}")]
    Refused(String),
    /// Something did not happen.
    #[error("waited {} s in vain for {what}", limit.as_secs())]
    Waited {
        /// What.
        what: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// A host did not do it.
    #[error("{action}: failed")]
    Action {
        /// What.
        action: Box<Action>,
        /// Why.
        source: ContactError,
    },
    /// The snapshot is not here.
    #[error("there is no snapshot to give to {0}")]
    NoSnapshot(String),
    /// It took too long.
    #[error("it was not done within {} s; the next run goes on", .0.as_secs())]
    Late(Duration),
    /// It took too many rounds.
    #[error("it was not done within {0} rounds; the next run goes on")]
    Endless(usize),
    /// Somebody asked to stop.
    #[error("stopped; the next run goes on")]
    Stopped,
}

/// What came of an action: the answer of a host, if it gives one.
type Acted = Result<Option<Answer>, OrderError>;

/// Something that is waited for.
struct Waiting {
    what: String,
    since: Instant,
    limit: Duration,
    refusal: bool,
}

impl Orders<'_> {
    /// Asks all control planes, at the same time.
    #[must_use]
    pub fn survey(&self) -> Situation {
        let ask = |name: &str| {
            let request = Request::Survey { wish: None, nodes: false, findings: false };
            match self.call(name, &request, SHORT) {
                Ok(Answer::Survey(survey)) => member_of(&survey).map_err(|why| (why, false)),
                Ok(_) => Err(("it did not answer what was asked".to_owned(), false)),
                Err(error) => {
                    Err((error.to_string(), matches!(error, ContactError::Unreachable(_))))
                }
            }
        };
        let hosts = thread::scope(|scope| {
            let asked: Vec<_> =
                self.hosts.iter().map(|(name, _)| scope.spawn(|| ask(name))).collect();
            let answers = asked.into_iter().map(|asked| {
                let broken = |_| Err(("asking it failed".to_owned(), false));
                asked.join().unwrap_or_else(broken)
            });
            let hosts = self.hosts.iter().zip(answers).map(|((name, address), here)| Host {
                name: name.clone(),
                address: address.clone(),
                unreachable: matches!(here, Err((_, true))),
                here: here.map_err(|(why, _)| why),
            });
            hosts.collect()
        });
        Situation { hosts }
    }

    /// Does what has to be done to reach a goal.
    ///
    /// # Errors
    /// If it is refused, a host does not do what it shall, or it takes too long. The next run goes on.
    pub fn carry_out(&self, goal: &Goal) -> Result<Report, OrderError> {
        if let (Goal::Restore { .. }, Some(content)) = (goal, self.snapshot) {
            etcd::check_snapshot(content)
                .map_err(|error| OrderError::Refused(error.to_string()))?;
        }
        let begun = Instant::now();
        let mut deeds = Deeds::default();
        let mut report = Report::default();
        let mut waiting: Option<Waiting> = None;
        let mut failed: Option<(Action, usize)> = None;
        for _ in 0..self.pace.rounds {
            if self.watch.stopped() {
                return Err(OrderError::Stopped);
            }
            if begun.elapsed() > self.pace.whole {
                return Err(OrderError::Late(self.pace.whole));
            }
            let situation = self.survey();
            let (what, limit, refusal) = match next(goal, &situation, &deeds) {
                Next::Done => {
                    report.actions = deeds.actions().to_vec();
                    return Ok(report);
                }
                next @ (Next::Do(_) | Next::Together(_)) => {
                    waiting = None;
                    let actions = match next {
                        Next::Together(actions) => actions,
                        Next::Do(action) => vec![action],
                        _ => Vec::new(),
                    };
                    let mut error = None;
                    for (action, answer) in self.act_together(actions) {
                        match answer {
                            Ok(answer) => {
                                if let Some(Answer::Snapshot(snapshot)) = answer {
                                    report.snapshot = Some((action.host.clone(), snapshot));
                                }
                                deeds.add(action);
                            }
                            Err(why) => error = error.or(Some((action, why))),
                        }
                    }
                    failed = match error {
                        Some((action, why)) => Some(self.tried(action, failed, why)?),
                        None => None,
                    };
                    continue;
                }
                // What looks wrong in the midst of changes may be right a moment later. An alarm stays.
                Next::Refuse(why) if !deeds.any() || situation.alarm().is_some() => {
                    return Err(OrderError::Refused(why));
                }
                Next::Refuse(why) => (why, self.pace.settle, true),
                Next::Wait { what, limit } => (what, limit, false),
            };
            self.wait(&mut waiting, what, limit, refusal)?;
        }
        Err(OrderError::Endless(self.pace.rounds))
    }

    /// Looks again later, if it is not too late.
    fn wait(
        &self,
        waiting: &mut Option<Waiting>,
        what: String,
        limit: Duration,
        refusal: bool,
    ) -> Result<(), OrderError> {
        let now = match waiting.take() {
            // The words may change while it is the same that is waited for.
            Some(old) if old.refusal == refusal && old.limit == limit => {
                Waiting { what, limit, ..old }
            }
            _ => {
                if !refusal {
                    self.watch.hear(&News::Note(&format!("waiting for {what}")));
                }
                Waiting { what, since: Instant::now(), limit, refusal }
            }
        };
        if now.since.elapsed() >= now.limit {
            return Err(if now.refusal {
                OrderError::Refused(now.what)
            } else {
                OrderError::Waited { what: now.what, limit: now.limit }
            });
        }
        *waiting = Some(now);
        thread::sleep(self.pace.pause);
        Ok(())
    }

    /// Whether a thing that failed may be tried again, after the hosts were asked.
    fn tried(
        &self,
        action: Action,
        before: Option<(Action, usize)>,
        error: OrderError,
    ) -> Result<(Action, usize), OrderError> {
        let OrderError::Action { source, .. } = &error else { return Err(error) };
        if let ContactError::Host(failure) = source
            && failure.kind == FailureKind::Refused
        {
            return Err(error);
        }
        let tries = match before {
            Some((same, tries)) if same == action => tries + 1,
            _ => 1,
        };
        if tries >= TRIES {
            return Err(error);
        }
        thread::sleep(self.pace.pause);
        Ok((action, tries))
    }

    fn act_together(&self, actions: Vec<Action>) -> Vec<(Action, Acted)> {
        let answers: Vec<Acted> = thread::scope(|scope| {
            let begun: Vec<_> =
                actions.iter().map(|action| scope.spawn(|| self.act(action))).collect();
            let ended = begun.into_iter().zip(&actions).map(|(begun, action)| {
                let broken = || OrderError::Action {
                    action: Box::new(action.clone()),
                    source: ContactError::Broken("asking it failed".to_owned()),
                };
                begun.join().unwrap_or_else(|_| Err(broken()))
            });
            ended.collect()
        });
        actions.into_iter().zip(answers).collect()
    }

    fn act(&self, action: &Action) -> Acted {
        let (host, what) = (action.host.as_str(), action.text.as_str());
        self.watch.hear(&News::Begun { host, what });
        let answer = match &action.what {
            What::Ask(request) => {
                self.patiently(host, &Request::Etcd(request.clone()), limit_of(request)).map(Some)
            }
            What::Take { path } => {
                let content =
                    self.snapshot.ok_or_else(|| OrderError::NoSnapshot(host.to_owned()))?;
                self.contact.put(host, path, content).map(|()| None)
            }
        };
        match answer {
            Ok(answer) => {
                self.watch.hear(&News::Done { host, what });
                Ok(answer)
            }
            Err(source) => {
                self.watch.hear(&News::Failed { host, what, why: &source.to_string() });
                Err(OrderError::Action { action: Box::new(action.clone()), source })
            }
        }
    }

    /// The same while another run works on the host: one whose desk is gone ends what it had begun.
    fn patiently(
        &self,
        host: &str,
        request: &Request,
        limit: Duration,
    ) -> Result<Answer, ContactError> {
        let begun = Instant::now();
        loop {
            match self.call(host, request, limit) {
                Err(ContactError::Host(failure))
                    if failure.kind == FailureKind::Busy && begun.elapsed() < self.pace.settle =>
                {
                    thread::sleep(self.pace.pause);
                }
                other => return other,
            }
        }
    }

    fn call(&self, host: &str, request: &Request, limit: Duration) -> Result<Answer, ContactError> {
        let tell = &mut |event: &_| self.watch.hear(&News::Event { host, event });
        self.contact.call(host, request, limit, tell)
    }
}

fn limit_of(request: &EtcdRequest) -> Duration {
    match request {
        EtcdRequest::AddLearner { limit, .. }
        | EtcdRequest::Promote { limit, .. }
        | EtcdRequest::Start { limit, .. } => *limit + SLACK,
        EtcdRequest::Snapshot { .. }
        | EtcdRequest::CanRestore { .. }
        | EtcdRequest::Restore { .. }
        | EtcdRequest::DropOldData
        | EtcdRequest::ApiServer { .. } => LONG,
        EtcdRequest::Remove { .. }
        | EtcdRequest::HandOver { .. }
        | EtcdRequest::Park
        | EtcdRequest::PutDataAway { .. } => SHORT,
    }
}
