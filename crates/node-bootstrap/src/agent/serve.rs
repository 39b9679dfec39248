//! A call is carried out on its host.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::certificates::Part;
use super::{
    Answer, Call, Done, EtcdHere, EtcdRequest, Event, EventKind, Failure, FailureKind, Invited,
    Request, UpgradePart, Wish, certificates, look, member,
};
use crate::apply::{Watch, apply};
use crate::cluster::{ADMIN, Ended, Upgrade, certificates_token, delete, invite};
use crate::facts::Facts;
use crate::fetch::{Fetch, Fetched, Gathered, Need, gather};
use crate::host::{ACT, Command, Host, HostError};
use crate::journal::{By, Journal};
use crate::kubeadm::CertificateKey;
use crate::plan::Plan;
use crate::secret::Secret;
use crate::{cluster, reset, steps, undo};

/// What a call needs of the world beside its host, which this crate does not have.
pub struct Around<'a> {
    /// Fetches what is at a URL, on the host.
    pub fetch: &'a Fetch<'a>,
    /// Random bytes that nobody can guess.
    pub random: &'a dyn Fn() -> io::Result<[u8; 32]>,
    /// What time it is.
    pub now: &'a dyn Fn() -> SystemTime,
    /// The version of this program, for the journal.
    pub version: &'a str,
    /// Whether to stop before the next change.
    pub stop: &'a dyn Fn() -> bool,
    /// What knows of etcd; without it, what is asked of etcd is refused.
    pub etcd: Option<&'a dyn EtcdPart>,
}

impl std::fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Around<'_> {
    /// Milliseconds since 1970 began.
    pub(super) fn clock_ms(&self) -> i64 {
        let since = (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn by(&self, user: &str) -> By {
        let at = Timestamp::try_from((self.now)()).unwrap_or(Timestamp::UNIX_EPOCH);
        let at = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        By { user: user.to_owned(), at, version: self.version.to_owned() }
    }
}

/// What knows of etcd: the member on a host, and through it the others.
pub trait EtcdPart {
    /// Does what is asked.
    ///
    /// # Errors
    /// If it is refused or does not work.
    fn serve(
        &self,
        host: &dyn Host,
        request: &EtcdRequest,
        stop: &dyn Fn() -> bool,
        tell: &mut dyn FnMut(&Event),
    ) -> Result<Answer, Failure>;

    /// The member on a host; `None` where there is and was none.
    ///
    /// # Errors
    /// If the host cannot be looked at.
    fn here(&self, host: &dyn Host) -> Result<Option<EtcdHere>, HostError>;
}

/// One call in work.
pub(super) struct Work<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) around: &'a Around<'a>,
    pub(super) by: &'a str,
    pub(super) tell: &'a mut dyn FnMut(&Event),
    pub(super) done: Done,
}

/// Carries a call out. What happens is told as it happens. Every request may be repeated: what is done is not done again.
///
/// # Errors
/// If it is refused, another one works on this host, it fails, or was stopped. The failure says how much was changed.
pub fn serve(
    host: &dyn Host,
    call: &Call,
    around: &Around<'_>,
    tell: &mut dyn FnMut(&Event),
) -> Result<Answer, Failure> {
    let mut work = Work { host, around, by: &call.by, tell, done: Done::default() };
    match work.answer(&call.request) {
        Ok(answer) => Ok(answer),
        Err(failure) => Err(failure.after(work.done.changes)),
    }
}

impl Request {
    /// Whether it changes nothing on the host.
    fn only_looks(&self) -> bool {
        matches!(
            self,
            Self::Survey { .. }
                | Self::AdminConfig
                | Self::EndTokens { .. }
                | Self::Kubectl { .. }
                | Self::Certificates
        )
    }
}

impl Work<'_> {
    fn answer(&mut self, request: &Request) -> Result<Answer, Failure> {
        if !request.only_looks() {
            certificates::mend(self)?;
        }
        match request {
            Request::Survey { wish, nodes, findings } => {
                let survey = look::survey(self, wish.as_deref(), *nodes, *findings)?;
                return Ok(Answer::Survey(Box::new(survey)));
            }
            Request::Apply { wish } => self.apply(wish)?,
            Request::Init { wish, wait } => member::init(self, wish, *wait)?,
            Request::Join { wish, invitation, wait } => {
                member::join(self, wish, invitation, *wait)?;
            }
            Request::Invite { control_planes, lifetime } => {
                let key = if *control_planes { Some(self.key()?) } else { None };
                let lifetime = format!("{}s", lifetime.as_secs().max(1));
                let invitation = invite(self.host, ADMIN, Some(&lifetime), None, key)?;
                let mut tokens = vec![invitation.token.id().to_owned()];
                if invitation.certificate_key.is_some() {
                    tokens.extend(certificates_token(self.host, ADMIN)?);
                }
                return Ok(Answer::Invitation(Invited { invitation, tokens }));
            }
            Request::EndTokens { tokens } => self.end_tokens(tokens)?,
            Request::AdminConfig => {
                self.needs_admin()?;
                let text = self.host.text(ADMIN)?.unwrap_or_default();
                return Ok(Answer::Text(Secret::new(text)));
            }
            Request::Kubectl { arguments, input, limit } => {
                self.needs_admin()?;
                let argv = ["kubectl", "--kubeconfig", ADMIN].map(str::to_owned).into_iter();
                let mut command = Command::new(argv.chain(arguments.iter().cloned()));
                command.deadline = *limit;
                command.stdin = input.as_ref().map(|input| input.clone().into_bytes());
                let output = self.host.run(&command)?;
                let (code, stdout, stderr) = (output.code, output.stdout, output.stderr);
                return Ok(Answer::Output { code, stdout, stderr });
            }
            Request::Reset { wish, with_data } => self.reset(wish, *with_data)?,
            Request::Undo => self.undo()?,
            Request::Restart { units } => self.restart(units)?,
            Request::Upgrade { wish, part } => self.upgrade(wish, *part)?,
            Request::Certificates => {
                return Ok(Answer::Certificates(certificates::certificates(self)?));
            }
            Request::RenewCertificates => certificates::renew(self, Part::Both)?,
            Request::RenewFiles => certificates::renew(self, Part::Files)?,
            Request::ReadCertificates => certificates::renew(self, Part::Read)?,
            Request::Etcd(request) => {
                let Some(etcd) = self.around.etcd else {
                    return Err(Failure::refused("this build of node-prep knows nothing of etcd"));
                };
                return etcd.serve(self.host, request, self.around.stop, self.tell);
            }
        }
        Ok(Answer::Done(std::mem::take(&mut self.done)))
    }

    pub(super) fn tell(&mut self, kind: EventKind, step: &str, text: impl Into<String>) {
        (self.tell)(&Event::new(kind, step, text));
    }

    fn key(&self) -> Result<CertificateKey, Failure> {
        let random = (self.around.random)();
        let random = random
            .map_err(|error| Failure::failed(format!("there are no random bytes: {error}")))?;
        Ok(CertificateKey::from_bytes(&random))
    }

    pub(super) fn needs_admin(&self) -> Result<(), Failure> {
        if self.host.entry(ADMIN)?.is_some() {
            return Ok(());
        }
        Err(Failure::refused(format!("there is no {ADMIN}: this is no control plane of a cluster")))
    }

    /// What is needed: files that came with the wish, else those of the host, and what is at URLs. What is away is
    /// told; the plan refuses what needs it.
    pub(super) fn fetched(&mut self, wish: &Wish, needs: &[Need]) -> Result<Fetched, Failure> {
        let fetch = |need: &Need| {
            if let Some(text) = wish.files.get(&need.place) {
                return Ok(text.clone().into_bytes());
            }
            if !need.is_file() {
                return (self.around.fetch)(need);
            }
            let read = self.host.read(&need.place).map_err(|error| error.to_string())?;
            read.ok_or_else(|| "there is no such file, and none came along".to_owned())
        };
        let Gathered { mut fetched, away, faults } = gather(needs, &fetch);
        if !faults.is_empty() {
            return Err(Failure::refused(faults.join("\n")));
        }
        for why in away {
            self.tell(EventKind::Warning, "fetch", format!("could not be fetched: {why}"));
        }
        for (path, text) in &wish.files {
            fetched.entry(path.clone()).or_insert_with(|| text.clone().into_bytes());
        }
        Ok(fetched)
    }

    /// What has to be done by all steps, with what an interrupted run owes.
    pub(super) fn plan(&mut self, facts: &Facts, wish: &Wish) -> Result<Plan, Failure> {
        let needs = steps::needs(self.host, &wish.node, facts)?;
        let fetched = self.fetched(wish, &needs)?;
        let ended: &dyn crate::plan::Step = &Ended;
        let steps: Vec<_> = steps::all().iter().copied().chain([ended]).collect();
        self.plan_of(facts, wish, &steps, &fetched)
    }

    /// What has to be done by these steps, with what an interrupted run owes.
    pub(super) fn plan_of(
        &self,
        facts: &Facts,
        wish: &Wish,
        steps: &[&dyn crate::plan::Step],
        fetched: &Fetched,
    ) -> Result<Plan, Failure> {
        let journal = Journal::read(self.host)?;
        let owed = journal.owed().cloned();
        let steps = steps.iter().copied();
        Ok(crate::plan::plan_with(self.host, &wish.node, facts, steps, owed, fetched)?)
    }

    /// Makes the changes of a plan.
    pub(super) fn carry_out(&mut self, plan: &Plan) -> Result<(), Failure> {
        let refusals: Vec<String> = plan.refusals().map(|refusal| refusal.to_string()).collect();
        if !refusals.is_empty() {
            return Err(Failure::refused(refusals.join("\n")));
        }
        for step in &plan.steps {
            for note in &step.notes {
                self.tell(EventKind::Note, &step.step, note.clone());
            }
        }
        let by = self.around.by(self.by);
        let tell = &mut *self.tell;
        let mut tell = |event: &crate::apply::Event<'_>| {
            if let Some(event) = Event::of_apply(event) {
                tell(&event);
            }
        };
        let mut watch = Watch { tell: &mut tell, stop: self.around.stop };
        let applied = apply(self.host, plan, by, &mut watch)?;
        self.done.changes += applied.changes;
        if applied.stopped {
            return Err(Failure::stopped(0));
        }
        for why in &plan.reboot {
            if !self.done.reboot.contains(why) {
                self.done.reboot.push(why.clone());
            }
        }
        Ok(())
    }

    fn apply(&mut self, wish: &Wish) -> Result<(), Failure> {
        let facts = Facts::of(self.host)?;
        let plan = self.plan(&facts, wish)?;
        self.carry_out(&plan)
    }

    /// A part of an upgrade. It is looked afterwards whether it is done.
    fn upgrade(&mut self, wish: &Wish, part: UpgradePart) -> Result<(), Failure> {
        let facts = Facts::of(self.host)?;
        let upgrade = Upgrade { part };
        let mut steps: Vec<&dyn crate::plan::Step> = Vec::new();
        let mut fetched = Fetched::new();
        if part == UpgradePart::Kubeadm {
            fetched = self.fetched(wish, &steps::needs(self.host, &wish.node, &facts)?)?;
            steps.push(steps::repositories());
        }
        steps.push(&upgrade);
        let plan = self.plan_of(&facts, wish, &steps, &fetched)?;
        self.carry_out(&plan)?;
        let left = self.plan_of(&facts, wish, &steps, &fetched)?;
        let left: Vec<String> = left.changes().map(|(_, change)| change.to_string()).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "it ended well, and yet is left to do: {}; have the control planes been upgraded, the first one first?",
            left.join("; ")
        )))
    }

    /// Takes all of them away that can be, and then says why not all.
    fn end_tokens(&mut self, tokens: &[String]) -> Result<(), Failure> {
        self.needs_admin()?;
        let mut failure = None;
        for id in tokens {
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            if !id.chars().all(is_plain) {
                return Err(Failure::refused("the public part of a token is of a-z and 0-9"));
            }
            match delete(self.host, ADMIN, id) {
                Ok(()) => self.done.changes += 1,
                // It has ended by itself.
                Err(error) if error.to_string().contains("not found") => {}
                Err(error) => failure = Some(Failure::from(error)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn reset(&mut self, wish: &Wish, with_data: bool) -> Result<(), Failure> {
        let options = reset::Options { with_data };
        let plan = reset::plan(self.host, &wish.node, options)?;
        for stay in &plan.stays {
            self.tell(EventKind::Note, "reset", format!("stays: {} ({})", stay.what, stay.why));
        }
        if plan.is_empty() {
            return Ok(());
        }
        let tell = &mut *self.tell;
        let mut tell = |event: &reset::Event<'_>| tell(&Event::of_reset(event));
        let mut watch = reset::Watch { tell: &mut tell, stop: self.around.stop };
        reset::run(self.host, &plan, &mut watch)?;
        self.done.changes += plan.actions.len();
        let facts = Facts::of(self.host)?;
        let mut left = Vec::new();
        for finding in reset::verify(self.host, &facts, &wish.node, options)? {
            match finding.verdict {
                crate::check::Verdict::Fail => left.push(finding.to_string()),
                crate::check::Verdict::Warn => {
                    self.tell(EventKind::Warning, "reset", finding.to_string());
                }
                _ => {}
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!("the host is not clean yet:\n{}", left.join("\n"))))
    }

    fn undo(&mut self) -> Result<(), Failure> {
        let by = self.around.by(self.by);
        let tell = &mut *self.tell;
        let mut tell = |event: &crate::apply::Event<'_>| {
            if let Some(event) = Event::of_apply(event) {
                tell(&event);
            }
        };
        let mut watch = Watch { tell: &mut tell, stop: self.around.stop };
        let undone = undo::undo(self.host, &undo::Options::default(), by, &mut watch)?;
        self.done.changes += undone.changes;
        if undone.stopped { Err(Failure::stopped(0)) } else { Ok(()) }
    }

    fn restart(&mut self, units: &[String]) -> Result<(), Failure> {
        let _lock = self.host.lock()?;
        for unit in units {
            if (self.around.stop)() {
                return Err(Failure::stopped(0));
            }
            self.host.check(&Command::new(["systemctl", "restart", "--", unit]).within(ACT))?;
            self.done.changes += 1;
            self.tell(EventKind::Done, "restart", format!("restart {unit}"));
        }
        Ok(())
    }

    /// Whether the node of this host is Ready; waits for it.
    pub(super) fn ready(
        &mut self,
        kubeconfig: &str,
        limit: std::time::Duration,
        is_coming: bool,
    ) -> Result<(), Failure> {
        let tell = &mut *self.tell;
        let mut waits = |name: &str| {
            let text = format!("up to {} s for the node {name} to be Ready", limit.as_secs());
            tell(&Event::new(EventKind::Waiting, "ready", text));
        };
        let stop = self.around.stop;
        match cluster::ready(self.host, kubeconfig, limit, is_coming, &mut waits, stop)? {
            cluster::Ready::NotAsked => {}
            cluster::Ready::NoNetwork => self.tell(
                EventKind::Note,
                "ready",
                "the node becomes Ready once a network plugin is there",
            ),
            cluster::Ready::Yes(name) => {
                self.tell(EventKind::Done, "ready", format!("the node {name} is Ready"));
            }
            cluster::Ready::Stopped => {
                return Err(Failure { kind: FailureKind::Stopped, ..Failure::stopped(0) });
            }
        }
        Ok(())
    }
}
