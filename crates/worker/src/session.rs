//! What a worker does between its first and its last breath: one thread that owns the connection and knows all tasks,
//! and a thread for each task that runs.
//!
//! Nothing here waits for anything but in one `poll`: for the engine, for a task's thread, for SIGTERM, or for a time.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::connection::{Connection, ConnectionError, Identity};
use crate::files::{FileError, Folder, Incoming, Outgoing};
use crate::protocol::{
    FileRef, FromWorker, Hello, PART, Part, StopHow, TaskEnd, TaskKey, TaskResult, TaskSpec,
    ToWorker, VERSION,
};
use crate::task::{self, Control, Surroundings, end_without_process, lock};

/// How long an attempt to connect, and then to be welcomed, may take.
const GREETING: Duration = Duration::from_secs(10);
const BACKOFF_LEAST: Duration = Duration::from_millis(50);
const BACKOFF_MOST: Duration = Duration::from_secs(2);
/// How long a worker that must go waits for the confirmation of its last ends.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long tasks that were killed may take to be gone.
const DYING: Duration = Duration::from_secs(5);
/// So much is queued for the connection before the next part of a file is read.
const QUEUE: usize = 4 * PART;

/// The worker's side of the connection, and who it is.
#[derive(Debug)]
pub struct Link {
    /// Where the engine is.
    pub engine: SocketAddr,
    /// Certificates and key.
    pub identity: Identity,
    /// The run that it works for.
    pub run: String,
    /// Name of its pod.
    pub pod: String,
    /// Name of its node; empty where unknown.
    pub node: String,
    /// A pool's class, or the name of a Job.
    pub class: String,
}

/// What kind of life it is.
pub(crate) enum Life {
    /// Takes tasks until it is told to leave.
    Pool,
    /// Ends with its tasks; so long it tries to have their ends confirmed.
    Batch { patience: Duration },
}

pub(crate) struct Plan {
    pub(crate) link: Option<Link>,
    pub(crate) life: Life,
    pub(crate) slots: u32,
    pub(crate) lease: Duration,
    pub(crate) grace: Duration,
    pub(crate) surroundings: Arc<Surroundings>,
    /// Readable once the worker is to end.
    pub(crate) terminated: Option<UnixStream>,
    pub(crate) given: Vec<TaskSpec>,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Over {
    Left,
    Lease,
    Refused(String),
    Terminated,
    Done,
}

enum Event {
    Connected(io::Result<TcpStream>),
    Want(TaskKey, Vec<FileRef>),
    Began(TaskKey),
    Ended(Box<TaskEnd>),
}

/// Where other threads leave what the session is to know.
struct Inbox {
    events: Mutex<Vec<Event>>,
    wake: OwnedFd,
}

impl Inbox {
    fn post(&self, event: Event) {
        let mut events = lock(&self.events);
        events.push(event);
        if events.len() == 1 {
            // Cannot fail: the counter is taken back each time.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    fn take(&self) -> Vec<Event> {
        let mut events = lock(&self.events);
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        std::mem::take(&mut events)
    }
}

/// Posts a task's end even if its thread panics.
struct Report {
    inbox: Arc<Inbox>,
    end: Option<Box<TaskEnd>>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            self.inbox.post(Event::Ended(end));
        }
    }
}

enum State {
    Waiting,
    Running,
    Ended(Box<TaskEnd>),
}

/// A task of this worker, until its end is confirmed.
struct Held {
    spec: Arc<TaskSpec>,
    control: Arc<Control>,
    state: State,
    began: bool,
    /// Its end was in the greeting of this connection.
    told: bool,
    /// Files that are yet to come, and who waits for them.
    missing: usize,
    answer: Option<Sender<Result<(), TaskResult>>>,
}

/// A file on its way here.
struct Fetch {
    wanted: FileRef,
    /// The task in whose name it was asked for.
    owner: TaskKey,
    /// All tasks that wait for it.
    waiters: Vec<TaskKey>,
    incoming: Option<Incoming>,
}

/// The files of an ended task on their way to the engine.
struct Bring {
    key: TaskKey,
    paths: VecDeque<String>,
    file: Option<Outgoing>,
}

enum Wire {
    Off,
    Down { again: Instant },
    Connecting,
    Greeting { connection: Box<Connection>, until: Instant },
    Up(Box<Connection>),
}

pub(crate) struct Session<'a> {
    plan: Plan,
    folder: Arc<Folder>,
    inbox: Arc<Inbox>,
    held: BTreeMap<TaskKey, Held>,
    waiting: VecDeque<TaskKey>,
    running: u32,
    fetches: Vec<Fetch>,
    brings: VecDeque<Bring>,
    wire: Wire,
    backoff: Duration,
    silence: Duration,
    last_heard: Instant,
    last_sent: Instant,
    /// Since when there is no engine.
    without: Option<Instant>,
    last_trouble: String,
    leaving: bool,
    refused: Option<String>,
    terminating: Option<Instant>,
    /// When the last of the tasks ended.
    idle_since: Instant,
    /// Gets each end of a batch once it is final.
    on_end: &'a mut dyn FnMut(&TaskEnd),
}

impl<'a> Session<'a> {
    /// # Errors
    /// If the work directory cannot be opened, or the system has no descriptors left.
    pub(crate) fn new(plan: Plan, on_end: &'a mut dyn FnMut(&TaskEnd)) -> io::Result<Self> {
        let folder = Arc::new(Folder::open(plan.surroundings.work_dir())?);
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let inbox = Arc::new(Inbox { events: Mutex::default(), wake });
        let now = Instant::now();
        let wire = if plan.link.is_some() { Wire::Down { again: now } } else { Wire::Off };
        if let Some(terminated) = &plan.terminated {
            terminated.set_nonblocking(true)?;
        }
        Ok(Self {
            plan,
            folder,
            inbox,
            held: BTreeMap::new(),
            waiting: VecDeque::new(),
            running: 0,
            fetches: Vec::new(),
            brings: VecDeque::new(),
            wire,
            backoff: BACKOFF_LEAST,
            silence: GREETING,
            last_heard: now,
            last_sent: now,
            without: Some(now),
            last_trouble: String::new(),
            leaving: false,
            refused: None,
            terminating: None,
            idle_since: now,
            on_end,
        })
    }

    /// Lives until there is nothing more to do.
    pub(crate) fn live(mut self) -> Over {
        for spec in std::mem::take(&mut self.plan.given) {
            self.give(spec);
        }
        loop {
            self.start_waiting();
            self.fill();
            self.pump(false);
            let now = Instant::now();
            self.keep_time(now);
            if let Some(over) = self.over(now) {
                self.end_all(&over);
                return over;
            }
            let ready = self.wait(now);
            if ready.terminated {
                self.terminate();
            }
            if ready.events {
                for event in self.inbox.take() {
                    self.handle(event);
                }
            }
            if ready.socket {
                self.pump(true);
            }
        }
    }

    /// Whether the time has come to end, and why.
    fn over(&self, now: Instant) -> Option<Over> {
        if let Some(why) = &self.refused {
            return Some(Over::Refused(why.clone()));
        }
        let is_idle = self.running == 0 && self.waiting.is_empty();
        let waited = now.saturating_duration_since(self.idle_since);
        if self.terminating.is_some() {
            let confirmed = self.held.is_empty() || waited >= FAREWELL;
            let cannot = !matches!(self.wire, Wire::Up(_));
            return (is_idle && (confirmed || cannot)).then_some(Over::Terminated);
        }
        match self.plan.life {
            Life::Pool => {
                if self.leaving && self.held.is_empty() {
                    return Some(Over::Left);
                }
                let without = self.without.is_some_and(|since| now - since >= self.plan.lease);
                without.then_some(Over::Lease)
            }
            Life::Batch { patience } => {
                let hopeless = matches!(self.wire, Wire::Off) || waited >= patience;
                (is_idle && (self.held.is_empty() || hopeless)).then_some(Over::Done)
            }
        }
    }

    /// Ends what still runs, and says of the tasks of a batch what is certain.
    fn end_all(&mut self, over: &Over) {
        if self.running > 0 {
            let why = match over {
                Over::Lease => "the engine did not come back in time",
                _ => "the worker ends",
            };
            self.plan.surroundings.note(&format!("wf-worker: ends its tasks: {why}"));
            self.stop_all(StopHow::Kill);
            let until = Instant::now() + DYING;
            while self.running > 0 && Instant::now() < until {
                let mut fds = [PollFd::new(&self.inbox.wake, PollFlags::IN)];
                let _ = poll(&mut fds, Some(&timespec(until - Instant::now())));
                for event in self.inbox.take() {
                    self.handle(event);
                }
            }
        }
        for held in self.held.values_mut() {
            if let State::Ended(end) = &mut held.state
                && !held.spec.bring.is_empty()
            {
                if end.result == TaskResult::Exit(0) {
                    end.result = TaskResult::Lost(
                        "no engine has confirmed that it got the files that the task made"
                            .to_owned(),
                    );
                }
                (self.on_end)(end);
            }
        }
        if let Wire::Up(connection) = &mut self.wire {
            connection.close();
        }
    }

    // --- waiting ---

    fn deadline(&self) -> Option<Instant> {
        let mut times = Vec::new();
        match &self.wire {
            Wire::Off | Wire::Connecting => {}
            Wire::Down { again } => times.push(*again),
            Wire::Greeting { until, .. } => times.push(*until),
            Wire::Up(connection) => {
                times.push(self.last_heard + self.silence);
                times.push(self.last_sent + self.silence / 3);
                if !self.brings.is_empty() && connection.queued() < QUEUE {
                    times.push(self.last_sent);
                }
            }
        }
        let is_idle = self.running == 0 && self.waiting.is_empty();
        if let Some(since) = self.terminating {
            times.push(if is_idle {
                self.idle_since + FAREWELL
            } else {
                let grace = since + self.plan.grace;
                // Past it they are killed; their ends wake this thread.
                if grace > Instant::now() { grace } else { since + Duration::from_hours(24) }
            });
        }
        match self.plan.life {
            Life::Pool => times.extend(self.without.map(|since| since + self.plan.lease)),
            Life::Batch { patience } => {
                if is_idle {
                    times.push(self.idle_since + patience);
                }
                if !self.fetches.is_empty() {
                    times.extend(self.without.map(|since| since + self.plan.lease));
                }
            }
        }
        times.into_iter().min()
    }

    fn wait(&self, now: Instant) -> Ready {
        let mut fds = vec![PollFd::new(&self.inbox.wake, PollFlags::IN)];
        let mut socket_at = None;
        if let Wire::Greeting { connection, .. } | Wire::Up(connection) = &self.wire {
            let mut flags = PollFlags::IN;
            if connection.wants_write() {
                flags |= PollFlags::OUT;
            }
            socket_at = Some(fds.len());
            fds.push(PollFd::from_borrowed_fd(connection.socket().as_fd(), flags));
        }
        let mut terminated_at = None;
        if self.terminating.is_none()
            && let Some(terminated) = &self.plan.terminated
        {
            terminated_at = Some(fds.len());
            fds.push(PollFd::from_borrowed_fd(terminated.as_fd(), PollFlags::IN));
        }
        let timeout = self.deadline().map(|at| timespec(at.saturating_duration_since(now)));
        // An interruption is as good as a wake-up.
        let _ = poll(&mut fds, timeout.as_ref());
        let is_ready =
            |at: Option<usize>| at.is_some_and(|at: usize| !fds[at].revents().is_empty());
        Ready {
            events: is_ready(Some(0)),
            socket: is_ready(socket_at),
            terminated: is_ready(terminated_at),
        }
    }

    fn keep_time(&mut self, now: Instant) {
        match &self.wire {
            Wire::Down { again } if *again <= now => self.connect(),
            Wire::Greeting { until, .. } if *until <= now => {
                self.disconnect("the engine does not answer");
            }
            Wire::Up(_) if self.last_heard + self.silence <= now => {
                self.disconnect("nothing is heard of the engine");
            }
            Wire::Up(_) if self.last_sent + self.silence / 3 <= now => {
                self.send(&FromWorker::Alive);
                self.pump(false);
            }
            _ => {}
        }
        if self.terminating.is_some_and(|since| now >= since + self.plan.grace) {
            self.stop_all(StopHow::Kill);
        }
        if matches!(self.plan.life, Life::Batch { .. })
            && self.without.is_some_and(|since| now >= since + self.plan.lease)
        {
            // No engine to have files from.
            let keys: Vec<TaskKey> =
                self.fetches.iter().flat_map(|fetch| fetch.waiters.clone()).collect();
            for key in keys {
                let why = "no engine came to fetch its files from".to_owned();
                self.answer(key, Err(TaskResult::Lost(why)));
            }
        }
    }

    // --- the connection ---

    fn connect(&mut self) {
        let Some(link) = &self.plan.link else { return };
        let (engine, inbox) = (link.engine, Arc::clone(&self.inbox));
        let connect = move || {
            inbox.post(Event::Connected(TcpStream::connect_timeout(&engine, GREETING)));
        };
        let spawned = std::thread::Builder::new()
            .name("connect".to_owned())
            .stack_size(128 << 10)
            .spawn(connect);
        self.wire = Wire::Connecting;
        if let Err(error) = spawned {
            self.disconnect(&format!("cannot start a thread: {error}"));
        }
    }

    fn greet(&mut self, socket: TcpStream) {
        let Some(link) = &self.plan.link else { return };
        let hello = self.hello(link);
        for (key, held) in &mut self.held {
            held.told = hello.ended.iter().any(|end| end.key == *key);
        }
        let hello = FromWorker::Hello(hello);
        let greeted = Connection::new(socket, &link.identity).and_then(|mut connection| {
            connection.send(&hello)?;
            Ok(connection)
        });
        match greeted {
            Ok(connection) => {
                let until = Instant::now() + GREETING;
                self.wire = Wire::Greeting { connection: Box::new(connection), until };
                self.pump(false);
            }
            Err(error) => self.disconnect(&with_causes(&error)),
        }
    }

    fn hello(&self, link: &Link) -> Hello {
        let mut hello = Hello {
            version: VERSION,
            run: link.run.clone(),
            pod: link.pod.clone(),
            node: link.node.clone(),
            class: link.class.clone(),
            slots: self.plan.slots,
            running: Vec::new(),
            ended: Vec::new(),
        };
        for (key, held) in &self.held {
            match &held.state {
                // One with files to bring has not ended for the engine until it has them.
                State::Ended(end) if held.spec.bring.is_empty() => {
                    hello.ended.push(end.as_ref().clone());
                }
                _ => hello.running.push(*key),
            }
        }
        hello
    }

    fn welcome(&mut self, silence: Duration) {
        let wire = std::mem::replace(&mut self.wire, Wire::Off);
        self.wire = match wire {
            Wire::Greeting { connection, .. } => Wire::Up(connection),
            other => other,
        };
        self.silence = silence.max(Duration::from_millis(10));
        self.backoff = BACKOFF_LEAST;
        self.last_trouble.clear();
        self.without = None;
        let began: Vec<TaskKey> = self
            .held
            .iter()
            .filter(|(_, held)| held.began && matches!(held.state, State::Running))
            .map(|(key, _)| *key)
            .collect();
        for key in began {
            self.send(&FromWorker::Began(key));
        }
        // The engine may be another one: what was half here or half there begins again.
        let owners: Vec<TaskKey> = self.fetches.iter().map(|fetch| fetch.owner).collect();
        for fetch in &mut self.fetches {
            fetch.incoming = None;
        }
        for (index, owner) in owners.iter().enumerate() {
            if !owners[..index].contains(owner) {
                self.want(*owner);
            }
        }
        self.brings.clear();
        // Those that have files to bring, and those that ended after the greeting was written.
        let ended: Vec<TaskKey> = self
            .held
            .iter()
            .filter(|(_, held)| matches!(held.state, State::Ended(_)) && !held.told)
            .map(|(key, _)| *key)
            .collect();
        for key in ended {
            self.report(key);
        }
    }

    fn disconnect(&mut self, why: &str) {
        if matches!(self.wire, Wire::Off | Wire::Down { .. }) {
            return;
        }
        // Not the same line every two seconds.
        if self.last_trouble != why {
            why.clone_into(&mut self.last_trouble);
            self.plan.surroundings.note(&format!("wf-worker: no engine: {why}"));
        }
        let now = Instant::now();
        self.wire = Wire::Down { again: now + self.backoff };
        self.backoff = (self.backoff * 2).min(BACKOFF_MOST);
        self.without.get_or_insert(now);
        self.brings.clear();
    }

    fn send(&mut self, message: &FromWorker) {
        let Wire::Up(connection) = &mut self.wire else { return };
        self.last_sent = Instant::now();
        if let Err(error) = connection.send(message) {
            self.plan.surroundings.note(&format!("wf-worker: {}", with_causes(&error)));
        }
    }

    /// Sends what is queued, and if there is `input` takes what came.
    fn pump(&mut self, input: bool) {
        let mut messages = Vec::new();
        let (Wire::Greeting { connection, .. } | Wire::Up(connection)) = &mut self.wire else {
            return;
        };
        if !input && !connection.wants_write() {
            return;
        }
        let before = connection.queued();
        let pumped = connection.pump(&mut messages);
        if connection.heard() {
            self.last_heard = Instant::now();
        }
        if connection.queued() < before {
            self.last_sent = Instant::now();
        }
        for message in messages {
            // What follows a message that broke the connection off is not heeded.
            if matches!(self.wire, Wire::Greeting { .. } | Wire::Up(_)) {
                self.obey(message);
            }
        }
        if let Err(error) = pumped {
            self.disconnect(&with_causes(&error));
        }
    }

    fn obey(&mut self, message: ToWorker) {
        if let ToWorker::Refused(why) = message {
            self.refused = Some(why);
            return;
        }
        if let Wire::Greeting { .. } = self.wire {
            match message {
                ToWorker::Welcome { silence_millis } => {
                    self.welcome(Duration::from_millis(silence_millis.into()));
                }
                _ => self.disconnect("the engine did not begin with a welcome"),
            }
            return;
        }
        match message {
            ToWorker::Welcome { .. } | ToWorker::Refused(_) | ToWorker::Alive => {}
            ToWorker::Run(spec) => self.give(*spec),
            ToWorker::Stop { key, how } => self.stop(key, how),
            ToWorker::Recorded(keys) => {
                for key in keys {
                    self.forget(key);
                }
            }
            ToWorker::Part(part) => self.take_part(&part),
            ToWorker::NoFile { key, path, why } => {
                self.fail_fetch(key, &path, &format!("its file {path} cannot be had: {why}"));
            }
            ToWorker::Leave => self.leaving = true,
        }
    }

    // --- tasks ---

    fn give(&mut self, spec: TaskSpec) {
        let key = spec.key;
        if self.held.contains_key(&key) {
            return;
        }
        let held = Held {
            spec: Arc::new(spec),
            control: Arc::new(Control::default()),
            state: State::Waiting,
            began: false,
            told: false,
            missing: 0,
            answer: None,
        };
        self.held.insert(key, held);
        if self.terminating.is_some() {
            return self.ended(end_without_process(key, TaskResult::Stopped));
        }
        self.waiting.push_back(key);
    }

    fn start_waiting(&mut self) {
        while self.running < self.plan.slots.max(1) {
            let Some(key) = self.waiting.pop_front() else { return };
            let Some(held) = self.held.get_mut(&key) else { continue };
            let (sender, answer) = channel();
            held.answer = Some(sender);
            held.state = State::Running;
            self.running += 1;
            let (spec, control) = (Arc::clone(&held.spec), Arc::clone(&held.control));
            let (surroundings, folder) =
                (Arc::clone(&self.plan.surroundings), Arc::clone(&self.folder));
            let inbox = Arc::clone(&self.inbox);
            let has_engine = self.plan.link.is_some();
            let work = move || {
                let lost = TaskResult::Lost("the thread of the task failed".to_owned());
                let mut report = Report {
                    inbox: Arc::clone(&inbox),
                    end: Some(Box::new(end_without_process(key, lost))),
                };
                let provided = provide(&spec, &folder, &inbox, &answer, has_engine);
                let end = match provided.inspect(|()| make_room(&spec, &folder)) {
                    Ok(()) => task::run(&spec, &control, &surroundings, || {
                        inbox.post(Event::Began(key));
                    }),
                    Err(result) => end_without_process(key, result),
                };
                report.end = Some(Box::new(end));
            };
            let spawned =
                std::thread::Builder::new().name(key.to_string()).stack_size(512 << 10).spawn(work);
            if let Err(error) = spawned {
                let why = format!("cannot start a thread for it: {error}");
                self.running -= 1;
                self.ended(end_without_process(key, TaskResult::NotStarted(why)));
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connected(Ok(socket)) => self.greet(socket),
            Event::Connected(Err(error)) => self.disconnect(&format!("cannot connect: {error}")),
            Event::Want(key, files) => self.fetch(key, files),
            Event::Began(key) => {
                if let Some(held) = self.held.get_mut(&key) {
                    held.began = true;
                    self.send(&FromWorker::Began(key));
                }
            }
            Event::Ended(end) => {
                self.running -= 1;
                self.withdraw(end.key);
                self.ended(*end);
            }
        }
    }

    /// A task has ended: reports it, files first.
    fn ended(&mut self, end: TaskEnd) {
        let key = end.key;
        self.idle_since = Instant::now();
        let Some(held) = self.held.get_mut(&key) else { return };
        if held.spec.bring.is_empty() {
            (self.on_end)(&end);
        }
        held.state = State::Ended(Box::new(end));
        held.answer = None;
        match self.plan.life {
            // Nobody will ask.
            Life::Batch { .. } if matches!(self.wire, Wire::Off) && held.spec.bring.is_empty() => {
                self.held.remove(&key);
            }
            _ => self.report(key),
        }
    }

    fn report(&mut self, key: TaskKey) {
        if !matches!(self.wire, Wire::Up(_)) {
            return;
        }
        let Some(held) = self.held.get(&key) else { return };
        let State::Ended(end) = &held.state else { return };
        if held.spec.bring.is_empty() {
            let message = FromWorker::Ended(end.as_ref().clone());
            self.send(&message);
        } else {
            let paths = held.spec.bring.iter().cloned().collect();
            self.brings.push_back(Bring { key, paths, file: None });
        }
    }

    /// Queues parts of files that go to the engine, not more than is sent soon.
    fn fill(&mut self) {
        while let Some(bring) = self.brings.front_mut() {
            let Wire::Up(connection) = &self.wire else { return };
            if connection.queued() >= QUEUE {
                return;
            }
            let key = bring.key;
            match bring.next(&self.folder) {
                Ok(Some(part)) => self.send(&FromWorker::Part(part)),
                Ok(None) => self.brought(key, None),
                Err(error) => {
                    // Nothing more of it: the engine must not take half of a file for a file.
                    self.brought(key, Some(&error));
                }
            }
        }
    }

    fn brought(&mut self, key: TaskKey, error: Option<&FileError>) {
        self.brings.pop_front();
        let Some(held) = self.held.get_mut(&key) else { return };
        let State::Ended(end) = &mut held.state else { return };
        if let (Some(error), TaskResult::Exit(0)) = (error, &end.result) {
            end.result = TaskResult::Lost(format!("its files could not be brought: {error}"));
        }
        let message = FromWorker::Ended(end.as_ref().clone());
        self.send(&message);
    }

    /// The engine has written a task's end down.
    fn forget(&mut self, key: TaskKey) {
        let Some(held) = self.held.get(&key) else { return };
        if let State::Ended(end) = &held.state {
            if !held.spec.bring.is_empty() {
                (self.on_end)(end);
            }
            self.brings.retain(|bring| bring.key != key);
            self.held.remove(&key);
        }
    }

    fn stop(&mut self, key: TaskKey, how: StopHow) {
        let Some(held) = self.held.get(&key) else { return };
        held.control.stop(how);
        match held.state {
            State::Waiting => {
                self.waiting.retain(|waiting| *waiting != key);
                self.ended(end_without_process(key, TaskResult::Stopped));
            }
            State::Running if held.missing > 0 => self.answer(key, Err(TaskResult::Stopped)),
            _ => {}
        }
    }

    fn stop_all(&mut self, how: StopHow) {
        let keys: Vec<TaskKey> = self.held.keys().copied().collect();
        for key in keys {
            self.stop(key, how);
        }
    }

    /// The pod is to go.
    fn terminate(&mut self) {
        if let Some(terminated) = &mut self.plan.terminated {
            let _ = terminated.read(&mut [0_u8; 16]);
        }
        if self.terminating.is_some() {
            return;
        }
        self.plan.surroundings.note("wf-worker: SIGTERM: ends its tasks");
        let now = Instant::now();
        self.terminating = Some(now);
        self.idle_since = now;
        if matches!(self.plan.life, Life::Batch { .. }) {
            // They were never begun, and nothing is said of them.
            for key in std::mem::take(&mut self.waiting) {
                self.held.remove(&key);
            }
        }
        self.stop_all(StopHow::Terminate);
    }

    // --- files that come ---

    /// A task's thread waits for these.
    fn fetch(&mut self, key: TaskKey, files: Vec<FileRef>) {
        let Some(held) = self.held.get_mut(&key) else { return };
        held.missing = files.len();
        if held.control.is_stopped() {
            return self.answer(key, Err(TaskResult::Stopped));
        }
        for wanted in files {
            match self.fetches.iter_mut().find(|fetch| fetch.wanted == wanted) {
                Some(fetch) => fetch.waiters.push(key),
                None => self.fetches.push(Fetch {
                    wanted,
                    owner: key,
                    waiters: vec![key],
                    incoming: None,
                }),
            }
        }
        self.want(key);
    }

    /// Asks for all that is asked for in this task's name.
    fn want(&mut self, owner: TaskKey) {
        let fetches = self.fetches.iter().filter(|fetch| fetch.owner == owner);
        let paths: Vec<String> = fetches.map(|fetch| fetch.wanted.path.clone()).collect();
        if !paths.is_empty() {
            self.send(&FromWorker::Want { key: owner, paths });
        }
    }

    fn take_part(&mut self, part: &Part) {
        let of = |fetch: &Fetch| fetch.owner == part.key && fetch.wanted.path == part.path;
        let Some(index) = self.fetches.iter().position(of) else { return };
        let fetch = &mut self.fetches[index];
        let taken = match &mut fetch.incoming {
            Some(incoming) => incoming.take(part, &fetch.wanted, &self.folder),
            None => self.folder.begin(&fetch.wanted, part.key).and_then(|incoming| {
                fetch.incoming.insert(incoming).take(part, &fetch.wanted, &self.folder)
            }),
        };
        match taken {
            Ok(false) => {}
            Ok(true) => {
                let fetch = self.fetches.swap_remove(index);
                for key in fetch.waiters {
                    let Some(held) = self.held.get_mut(&key) else { continue };
                    held.missing = held.missing.saturating_sub(1);
                    if held.missing == 0 {
                        self.answer(key, Ok(()));
                    }
                }
            }
            Err(error) => self.fail_fetch(part.key, &part.path, &error.to_string()),
        }
    }

    fn fail_fetch(&mut self, owner: TaskKey, path: &str, why: &str) {
        let of = |fetch: &Fetch| fetch.owner == owner && fetch.wanted.path == path;
        let Some(index) = self.fetches.iter().position(of) else { return };
        for key in self.fetches.swap_remove(index).waiters {
            self.answer(key, Err(TaskResult::NotStarted(why.to_owned())));
        }
    }

    /// Lets a task's thread go on.
    fn answer(&mut self, key: TaskKey, result: Result<(), TaskResult>) {
        let is_bad = result.is_err();
        if let Some(held) = self.held.get_mut(&key) {
            held.missing = 0;
            if let Some(answer) = held.answer.take() {
                // Its thread waits for it, or has ended.
                let _ = answer.send(result);
            }
        }
        if is_bad {
            self.withdraw(key);
        }
    }

    /// A task waits for no files any more. What others wait for too is asked for in their name.
    fn withdraw(&mut self, key: TaskKey) {
        let mut heirs = Vec::new();
        self.fetches.retain_mut(|fetch| {
            fetch.waiters.retain(|waiter| *waiter != key);
            let Some(heir) = fetch.waiters.first() else { return false };
            if fetch.owner == key {
                fetch.owner = *heir;
                fetch.incoming = None;
                heirs.push((*heir, fetch.wanted.path.clone()));
            }
            true
        });
        for (heir, path) in heirs {
            self.send(&FromWorker::Want { key: heir, paths: vec![path] });
        }
    }
}

impl Bring {
    /// The next part of the next file; `None`: that was all. A file that is not there is not sent: whether the task
    /// had to make it is for the engine to say.
    fn next(&mut self, folder: &Folder) -> Result<Option<Part>, FileError> {
        loop {
            if let Some(file) = &mut self.file {
                let part = file.next(self.key)?;
                if part.is_last {
                    self.file = None;
                }
                return Ok(Some(part));
            }
            let Some(path) = self.paths.pop_front() else { return Ok(None) };
            self.file = folder.outgoing(&path)?;
        }
    }
}

struct Ready {
    events: bool,
    socket: bool,
    terminated: bool,
}

fn timespec(duration: Duration) -> Timespec {
    // Rounded up: not a moment before the time.
    let duration = duration + Duration::from_micros(100);
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

pub(crate) fn with_causes(error: &ConnectionError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}

/// Without a volume the folders of what a task is to make are not there: where the engine is they may be. What is wrong
/// with one is told when its file is brought.
fn make_room(spec: &TaskSpec, folder: &Folder) {
    for path in &spec.bring {
        let _ = folder.make_room(path);
    }
}

/// Sees to the files that a task needs; on its own thread, because it may have to read them all.
fn provide(
    spec: &TaskSpec,
    folder: &Folder,
    inbox: &Inbox,
    answer: &Receiver<Result<(), TaskResult>>,
    has_engine: bool,
) -> Result<(), TaskResult> {
    let mut missing = Vec::new();
    for wanted in &spec.fetch {
        match folder.has(wanted) {
            Ok(true) => {}
            // What is in the way of a fetched file is replaced by it.
            Err(FileError::Io { .. }) | Ok(false) => missing.push(wanted.clone()),
            Err(error) => return Err(TaskResult::NotStarted(error.to_string())),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    if !has_engine {
        let why = "its files are to come from an engine, but it was told of none".to_owned();
        return Err(TaskResult::Lost(why));
    }
    inbox.post(Event::Want(spec.key, missing));
    answer.recv().unwrap_or_else(|_| Err(TaskResult::Lost("the worker ends".to_owned())))
}
