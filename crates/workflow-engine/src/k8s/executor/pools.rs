//! Pools: workers of a class, the tasks that wait for them, and how many pods there are to be.

use std::collections::VecDeque;

use hashbrown::HashSet;
use k8s_apply::object::Object;
use tokio::time::{Duration, Instant};
use worker::protocol::{Hello, StopHow, TaskKey, TaskResult, ToWorker};

use super::actor::{Actor, Held, Peer, Place, stop_how};
use super::batches::Batch;
use crate::exec::{Failure, Outcome, PlatformFault, TaskId};
use crate::k8s::hub::ConnectionId;
use crate::k8s::objects::Class;

/// Tasks that become ready together make a pool grow once.
const TOGETHER: Duration = Duration::from_millis(30);
/// A pool that had no room to grow is looked at again after this time.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// After so many pods that ended before they were of any use, the class is given up.
const USELESS_PODS: u32 = 5;

/// What runs tasks of one class.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) class: Class,
    /// Tasks that wait, in their order.
    pub(super) queue: VecDeque<TaskId>,
    /// Pods with a free slot, those that were free last first.
    free: Vec<String>,
    pub(super) generation: u16,
    /// When it is to be looked at whether more pods are needed.
    pub(super) grow_at: Option<Instant>,
    /// Pods that ended before a worker came.
    useless: u32,
}

/// A worker of a pool.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) pool: usize,
    /// `None`: it is away, and may come back.
    pub(super) connection: Option<ConnectionId>,
    pub(super) away_since: Option<Instant>,
    slots: u32,
    pub(super) keys: HashSet<TaskKey>,
    idle_since: Instant,
    pub(super) leaving: bool,
}

impl Pool {
    /// Has it looked at again whether more pods are needed.
    pub(super) fn look_again(&mut self) {
        self.grow_at.get_or_insert_with(|| Instant::now() + LOOK_AGAIN);
    }
}

impl Worker {
    pub(super) fn release(&mut self, key: TaskKey) {
        if self.keys.remove(&key) && self.keys.is_empty() {
            self.idle_since = Instant::now();
        }
    }

    fn has_room(&self) -> bool {
        self.connection.is_some() && !self.leaving && (self.keys.len() as u32) < self.slots
    }
}

impl Actor {
    /// The pool of a class.
    pub(super) fn pool(&mut self, class: Class) -> usize {
        let id = class.id();
        if let Some(&at) = self.pool_of.get(&id) {
            return at;
        }
        let at = self.pools.len();
        self.pool_of.insert(id, at);
        self.pools.push(Pool {
            class,
            queue: VecDeque::new(),
            free: Vec::new(),
            generation: 0,
            grow_at: None,
            useless: 0,
        });
        at
    }

    /// Gives waiting tasks to workers with a free slot.
    pub(super) fn dispatch(&mut self, at: usize) {
        while !self.pools[at].queue.is_empty() {
            let Some(pod) = self.pools[at].free.pop() else { break };
            let Some(connection) = self
                .workers
                .get(&pod)
                .filter(|worker| worker.has_room())
                .and_then(|worker| worker.connection)
            else {
                continue;
            };
            let Some(id) = self.pools[at].queue.pop_front() else { break };
            let Some(spec) = self.spec_of(id) else {
                self.pools[at].free.push(pod);
                continue;
            };
            let key = spec.key;
            let is_sent = self.send(connection, &ToWorker::Run(Box::new(spec)));
            if !is_sent {
                // It is going; the task waits for another.
                self.pools[at].queue.push_front(id);
                continue;
            }
            if let Some(task) = self.tasks.get_mut(&id) {
                task.place = Place::Worker(pod.clone());
            }
            if let Some(worker) = self.workers.get_mut(&pod) {
                worker.keys.insert(key);
                if worker.has_room() {
                    self.pools[at].free.push(pod);
                }
            }
        }
        if !self.pools[at].queue.is_empty() && self.pools[at].grow_at.is_none() {
            self.pools[at].grow_at = Some(Instant::now() + TOGETHER);
        }
    }

    /// A task of this worker has ended.
    pub(super) fn is_free(&mut self, pod: &str, key: TaskKey) {
        let Some(worker) = self.workers.get_mut(pod) else { return };
        worker.release(key);
        let at = worker.pool;
        if worker.has_room() && !self.pools[at].free.iter().any(|free| free == pod) {
            self.pools[at].free.push(pod.to_owned());
        }
        self.dispatch(at);
    }

    /// A worker has come, or come back.
    pub(super) fn joined(&mut self, id: ConnectionId, hello: Hello) {
        if self.batches.get(&hello.class).is_some_and(|batch| !batch.is_pool()) {
            return self.batch_joined(id, hello);
        }
        let Some(&at) = self.pool_of.get(&hello.class) else {
            let why = "this run has no such pool any more".to_owned();
            self.send(id, &ToWorker::Refused(why.clone()));
            if let Some(hub) = &self.hub {
                hub.drop_connection(id, &why);
            }
            return;
        };
        let pod = hello.pod.clone();
        let now = Instant::now();
        let known = self.workers.remove(&pod);
        if let Some(before) = known.as_ref().and_then(|worker| worker.connection) {
            self.connections.remove(&before);
            self.uploads.forget(before);
            if let Some(hub) = &self.hub {
                hub.drop_connection(before, "the worker has connected anew");
            }
        }
        self.connections.insert(id, Peer::Worker(pod.clone()));
        let was_leaving = known.as_ref().is_some_and(|worker| worker.leaving);
        let had = known.map(|worker| worker.keys).unwrap_or_default();
        let worker = Worker {
            pool: at,
            connection: Some(id),
            away_since: None,
            slots: hello.slots.clamp(1, self.options.worker_slots.max(1)),
            keys: hello.running.iter().copied().collect(),
            idle_since: now,
            leaving: was_leaving,
        };
        self.workers.insert(pod.clone(), worker);
        self.pools[at].useless = 0;
        self.settled_pod(&pod);
        let place = Place::Worker(pod.clone());
        for key in &hello.running {
            self.is_running(id, *key, &place);
        }
        let told: HashSet<TaskKey> =
            hello.running.iter().copied().chain(hello.ended.iter().map(|end| end.key)).collect();
        let peer = Peer::Worker(pod.clone());
        for end in hello.ended {
            let key = end.key;
            let firing = (key.process, key.firing);
            if end.result == TaskResult::Stopped
                && !self.is_stopping(key)
                && let Some(worker) = self.workers.get_mut(&pod)
            {
                // It is being ended itself.
                worker.leaving = true;
            }
            if !self.is_of(&peer, key) {
                self.send(id, &ToWorker::Recorded(vec![key]));
                continue;
            }
            let is_new = !self.options.done.contains(&firing)
                && !self.options.recorded.contains(&super::spec::id_of(key))
                && !self.by_key.contains_key(&key)
                && !self.tasks.keys().any(|id| (id.process, id.firing) == firing);
            if is_new && self.settling.is_some() {
                self.held.insert(firing, Held::Runs { place: place.clone(), key });
            }
            self.ended(key, Ok(end), peer.holder(key));
        }
        // What was on its way to it when the connection broke never came.
        for key in had.difference(&told) {
            if let Some(&task) = self.by_key.get(key) {
                self.wait_again(task, at);
            }
        }
        if self.workers.get(&pod).is_some_and(Worker::has_room) {
            self.pools[at].free.push(pod);
        }
        self.dispatch(at);
    }

    /// A worker says that it runs this.
    fn is_running(&mut self, id: ConnectionId, key: TaskKey, place: &Place) {
        if let Some(&known) = self.by_key.get(&key) {
            let Some(task) = self.tasks.get(&known) else { return };
            match &task.place {
                // Given to another meanwhile.
                Place::Worker(_) | Place::Batch(_) if task.place != *place => {
                    self.send(id, &ToWorker::Stop { key, how: StopHow::Kill });
                    return;
                }
                Place::Queue(at) => self.pools[*at].queue.retain(|queued| *queued != known),
                _ => {}
            }
            if let Some(task) = self.tasks.get_mut(&known) {
                task.place = place.clone();
                if let Some(how) = task.stop {
                    self.send(id, &ToWorker::Stop { key, how: stop_how(how) });
                }
            }
            self.began(key);
            return;
        }
        let firing = (key.process, key.firing);
        let wanted = self.settling.is_some() && !self.options.done.contains(&firing);
        if wanted {
            self.held.insert(firing, Held::Runs { place: place.clone(), key });
        } else if !self.is_held(key) {
            self.send(id, &ToWorker::Stop { key, how: StopHow::Kill });
        }
    }

    /// A task that its worker never got goes back to the head of the queue.
    pub(super) fn wait_again(&mut self, id: TaskId, at: usize) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if task.stop.is_some() {
            return self.finish(id, Outcome::failed(Failure::Stopped), None);
        }
        task.place = Place::Queue(at);
        task.began = false;
        self.pools[at].queue.push_front(id);
    }

    pub(super) fn left(&mut self, id: ConnectionId, why: &str) {
        match self.connections.remove(&id) {
            Some(Peer::Worker(pod)) => {
                let Some(worker) = self.workers.get_mut(&pod) else { return };
                if worker.connection == Some(id) {
                    worker.connection = None;
                    worker.away_since = Some(Instant::now());
                    if !worker.keys.is_empty() {
                        self.note(format!("worker {pod} is away, and may come back: {why}"));
                    }
                }
            }
            Some(Peer::Batch(job)) => {
                if let Some(batch) = self.batches.get_mut(&job)
                    && batch.connection == Some(id)
                {
                    batch.connection = None;
                }
            }
            None => {}
        }
        self.uploads.forget(id);
    }

    /// A worker's pod is no more: what it had is lost, unless it has told its end.
    pub(super) fn worker_gone(&mut self, pod: &str, failure: &Failure) {
        let Some(worker) = self.workers.remove(pod) else { return };
        if let Some(id) = worker.connection {
            self.connections.remove(&id);
            if let Some(hub) = &self.hub {
                hub.drop_connection(id, "its pod has ended");
            }
        }
        for key in worker.keys {
            if let Some(&id) = self.by_key.get(&key) {
                self.end_task(id, &Err(failure.clone()), None);
            }
            self.drop_held(key);
        }
        self.pools[worker.pool].grow_at.get_or_insert_with(Instant::now);
    }

    /// A pod of a pool ended before a worker came of it.
    pub(super) fn useless_pod(&mut self, at: usize, fault: PlatformFault, message: &str) {
        self.pools[at].useless += 1;
        if self.pools[at].useless >= USELESS_PODS && !self.has_workers(at) {
            self.give_up(at, fault, message);
        }
        self.pools[at].grow_at.get_or_insert_with(Instant::now);
    }

    pub(super) fn has_workers(&self, at: usize) -> bool {
        self.workers.values().any(|worker| worker.pool == at)
    }

    /// Fails all tasks that wait for a pool from which nothing will come.
    pub(super) fn give_up(&mut self, at: usize, fault: PlatformFault, message: &str) {
        self.pools[at].useless = 0;
        for id in std::mem::take(&mut self.pools[at].queue) {
            self.fail_by_platform(id, fault, message);
        }
        let jobs: Vec<String> = self
            .batches
            .iter()
            .filter(|(_, batch)| batch.pool == Some(at))
            .map(|(job, _)| job.clone())
            .collect();
        for job in jobs {
            self.delete_job(&job);
        }
    }

    /// Makes Jobs for pools with more tasks than pods.
    pub(super) fn grow_pools(&mut self) {
        let now = Instant::now();
        for at in 0..self.pools.len() {
            if self.pools[at].grow_at.is_none_or(|due| due > now) {
                continue;
            }
            self.pools[at].grow_at = None;
            let waiting = self.pools[at].queue.len();
            let slots = self.options.worker_slots.max(1) as usize;
            let busy: usize = self
                .workers
                .values()
                .filter(|worker| worker.pool == at)
                .map(|worker| worker.keys.len())
                .sum();
            let wanted = (waiting + busy).div_ceil(slots);
            let leaving =
                self.workers.values().filter(|worker| worker.pool == at && worker.leaving).count();
            let alive = self.pods_of_pool(at).saturating_sub(leaving);
            let room = self.options.max_pods.saturating_sub(self.pods_in_all());
            let more = wanted.saturating_sub(alive).min(room);
            if waiting > 0 && more > 0 {
                self.add_pool_job(at, more);
            }
            if waiting > 0 && alive + more < wanted {
                // There is no room for more pods now; when there is, nobody says so.
                self.pools[at].grow_at = Some(now + LOOK_AGAIN);
            }
        }
    }

    fn add_pool_job(&mut self, at: usize, pods: usize) {
        let Some(engine_address) = self.engine_address.clone() else {
            let why = "workers of a pool need a way to reach the engine";
            return self.give_up(at, PlatformFault::Config, why);
        };
        self.pools[at].generation += 1;
        let pool = &self.pools[at];
        let object = self.objects.pool_job(
            &pool.class,
            pool.generation,
            pods as u32,
            self.options.worker_slots,
            &engine_address,
            self.options.patience.lease,
        );
        match Object::try_from(object) {
            Ok(object) => {
                let name = object.name().to_owned();
                let batch = Batch::of_pool(at, pods, object);
                self.batches.insert(name.clone(), batch);
                // Workers are of use to many tasks: they come before Jobs of single ones.
                self.to_make.push_front(name);
            }
            Err(error) => self.give_up(at, PlatformFault::Config, &error.to_string()),
        }
    }

    /// When the next pool is to be looked at.
    pub(super) fn next_growth(&self) -> Option<Instant> {
        self.pools.iter().filter_map(|pool| pool.grow_at).min()
    }

    /// Lets workers go that have had nothing to do for long, and gives up those that do not come back.
    pub(super) fn tick_workers(&mut self, now: Instant) {
        let idle = self.options.patience.idle;
        let given_up = self.options.patience.lease + Duration::from_secs(30);
        let mut lost = Vec::new();
        let mut let_go = Vec::new();
        for (pod, worker) in &mut self.workers {
            let waits = !self.pools[worker.pool].queue.is_empty();
            if let (Some(id), true, false, false) =
                (worker.connection, worker.keys.is_empty(), worker.leaving, waits)
                && now.duration_since(worker.idle_since) > idle
            {
                worker.leaving = true;
                let_go.push(id);
            }
            if worker.away_since.is_some_and(|since| now.duration_since(since) > given_up) {
                lost.push(pod.clone());
            }
        }
        for id in let_go {
            self.send(id, &ToWorker::Leave);
        }
        for pod in lost {
            // Its lease has run out: whatever it had it has ended, wherever it is.
            let message = "its worker did not come back within its lease".to_owned();
            self.note(format!("worker {pod} did not come back within its lease"));
            let failure = Failure::Platform { fault: PlatformFault::NodeLost, message };
            self.worker_gone(&pod, &failure);
            self.no_longer_counts(&pod);
        }
    }

    /// Every worker is to end when it holds nothing any more.
    pub(super) fn dismiss_workers(&mut self) {
        let connections: Vec<ConnectionId> =
            self.workers.values().filter_map(|worker| worker.connection).collect();
        for id in connections {
            self.send(id, &ToWorker::Leave);
        }
    }
}
