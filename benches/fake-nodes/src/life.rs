//! The life of one pod, from when it has its node.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use worker::protocol::{BATCH_ENV, Batch, BatchEnd, Tail, TaskEnd, TaskResult, TaskSpec};

use crate::api::Api;
use crate::nodes::{ADDRESS, now};
use crate::pod::Pod;
use crate::process::{self, End, Plan, Workshop};

/// A pod with this annotation is said to have run for so many seconds, and no process is started for it.
const FAKE_SECONDS: &str = "windlass.dev/fake-seconds";
/// The exit code that it is said to have had; 0 without.
const FAKE_EXIT: &str = "windlass.dev/fake-exit";

/// What the world wants of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it goes on.
    Live,
    /// That it ends within so many seconds, because it is to be deleted.
    End(u64),
    /// Nothing any more: it is gone.
    Gone,
}

/// What all pods share.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) workshop: Workshop,
    pub(crate) pace: Pace,
    pub(crate) counts: Counts,
}

/// How long things take.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Pace {
    /// From a pod's node to its main container's start: the image is there, and the worker's program brought.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.5)]
    start_seconds: f64,
    /// From a container's end until its pod's status says so.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    stop_seconds: f64,
}

/// What has happened so far.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) running: AtomicU64,
    pub(crate) most_running: AtomicU64,
    pub(crate) faked: AtomicU64,
    pub(crate) processes: AtomicU64,
    pub(crate) killed: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) deleted: AtomicU64,
}

/// What a pod is to do.
enum Work {
    Pretend {
        seconds: f64,
        end: End,
    },
    Process(Box<Plan>),
    /// It cannot begin, and never will.
    Refused(String),
}

/// Leads a pod through its life.
pub(crate) async fn live(world: Arc<World>, pod: Pod, mut wish: watch::Receiver<Wish>, ip: String) {
    if let Err(error) = try_live(&world, &pod, &mut wish, &ip).await {
        crate::say(&format!("pod {}: {error:#}", pod.display_name()));
    }
}

async fn try_live(
    world: &World,
    pod: &Pod,
    wish: &mut watch::Receiver<Wish>,
    ip: &str,
) -> anyhow::Result<()> {
    let bound = Instant::now();
    let pace = &world.pace;
    let begin = bound + Duration::from_secs_f64(pace.start_seconds);
    let work = loop {
        tokio::select! {
            work = work_of(world, pod, ip) => match work {
                Ok(work) => break work,
                // A Secret that is not there yet, say.
                Err(error) => crate::say(&format!("pod {} waits: {error:#}", pod.display_name())),
            },
            () = ended(wish) => return take_away(world, pod, wish).await,
        }
        tokio::select! {
            () = sleep(Duration::from_secs(1)) => {}
            () = ended(wish) => return take_away(world, pod, wish).await,
        }
    };
    tokio::select! {
        () = sleep_until(begin) => {}
        () = ended(wish) => return take_away(world, pod, wish).await,
    }
    let counts = &world.counts;
    let now_running = counts.running.fetch_add(1, Ordering::Relaxed) + 1;
    counts.most_running.fetch_max(now_running, Ordering::Relaxed);
    let done = carry_out(world, pod, wish, ip, work).await;
    counts.running.fetch_sub(1, Ordering::Relaxed);
    done?;
    if *wish.borrow() == Wish::Live { Ok(()) } else { take_away(world, pod, wish).await }
}

/// Runs what is to be run, and reports beginning and end.
async fn carry_out(
    world: &World,
    pod: &Pod,
    wish: &mut watch::Receiver<Wish>,
    ip: &str,
    work: Work,
) -> anyhow::Result<()> {
    let started = now();
    let path = format!("{}/status", path_of(pod));
    let running = status_of(pod, ip, &started, None);
    let counts = &world.counts;
    let end = match work {
        Work::Pretend { seconds, end } => {
            counts.faked.fetch_add(1, Ordering::Relaxed);
            let over = Instant::now() + Duration::from_secs_f64(seconds);
            world.api.patch(&path, &running).await?;
            tokio::select! {
                () = sleep_until(over) => end,
                () = ended(wish) => End { code: 143, message: String::new() },
            }
        }
        Work::Process(plan) => {
            counts.processes.fetch_add(1, Ordering::Relaxed);
            match plan.start() {
                Ok(mut child) => {
                    let group = child.id();
                    let told = world.api.patch(&path, &running);
                    let over = until_over(&mut child, wish, counts);
                    let (told, status) = tokio::join!(told, over);
                    process::sweep(group);
                    let end = plan.end(status?);
                    plan.clean_up();
                    told?;
                    end
                }
                Err(error) => End { code: 128, message: format!("{error:#}") },
            }
        }
        Work::Refused(message) => End { code: 128, message },
    };
    if *wish.borrow() == Wish::Gone {
        return Ok(());
    }
    if end.code != 0 {
        counts.failed.fetch_add(1, Ordering::Relaxed);
    }
    sleep(Duration::from_secs_f64(world.pace.stop_seconds)).await;
    world.api.patch(&path, &status_of(pod, ip, &started, Some(&end))).await?;
    Ok(())
}

/// Awaits a process, and ends it when the pod is to end.
async fn until_over(
    child: &mut tokio::process::Child,
    wish: &mut watch::Receiver<Wish>,
    counts: &Counts,
) -> std::io::Result<std::process::ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = ended(wish) => {}
    }
    counts.killed.fetch_add(1, Ordering::Relaxed);
    let grace = match *wish.borrow() {
        Wish::End(seconds) => Duration::from_secs(seconds),
        Wish::Live | Wish::Gone => Duration::ZERO,
    };
    if !grace.is_zero() {
        process::ask_to_end(child);
        tokio::select! {
            status = child.wait() => return status,
            () = sleep(grace) => {}
        }
    }
    process::make_end(child);
    child.wait().await
}

/// Returns when the pod is to end.
async fn ended(wish: &mut watch::Receiver<Wish>) {
    // An error means that the program ends; then this is as good as gone.
    let _ = wish.wait_for(|wish| *wish != Wish::Live).await;
}

/// The last step of deleting a pod, which is its node's.
async fn take_away(world: &World, pod: &Pod, wish: &watch::Receiver<Wish>) -> anyhow::Result<()> {
    if *wish.borrow() == Wish::Gone {
        return Ok(());
    }
    world.counts.deleted.fetch_add(1, Ordering::Relaxed);
    world.api.delete_now(&path_of(pod), Some(&pod.metadata.uid)).await?;
    Ok(())
}

/// A pod that ended before, or was never begun, and is to be deleted.
pub(crate) async fn only_take_away(world: Arc<World>, pod: Pod, wish: watch::Receiver<Wish>) {
    if let Err(error) = take_away(&world, &pod, &wish).await {
        crate::say(&format!("pod {}: {error:#}", pod.display_name()));
    }
}

fn path_of(pod: &Pod) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", pod.metadata.namespace, pod.metadata.name)
}

/// What the pod is to do.
async fn work_of(world: &World, pod: &Pod, ip: &str) -> anyhow::Result<Work> {
    let batch = match batch_of(pod) {
        Ok(batch) => batch,
        Err(error) => return Ok(Work::Refused(error.to_string())),
    };
    let annotations = &pod.metadata.annotations;
    let code = annotations.get(FAKE_EXIT).and_then(|text| text.parse().ok()).unwrap_or(0);
    let seconds = match annotations.get(FAKE_SECONDS).map(|text| text.parse::<f64>()) {
        Some(Ok(seconds)) if (0.0..1e9).contains(&seconds) => Some(seconds),
        Some(_) => return Ok(Work::Refused(format!("{FAKE_SECONDS} is no number of seconds"))),
        // Without a connection nobody can tell a sleeper from one that is said to have slept.
        None => batch.as_ref().filter(|batch| batch.engine.is_none()).and_then(slept),
    };
    match seconds {
        Some(seconds) => {
            let end = End {
                code,
                message: batch.map_or_else(String::new, |batch| message_of(&batch, seconds, code)),
            };
            Ok(Work::Pretend { seconds, end })
        }
        None => Ok(Work::Process(Box::new(world.workshop.plan(&world.api, pod, ip).await?))),
    }
}

/// The tasks in the pod's variables, if there are any.
fn batch_of(pod: &Pod) -> Result<Option<Batch>, worker::protocol::ProtocolError> {
    let Some(container) = pod.spec.containers.first() else { return Ok(None) };
    let get = |name: &str| {
        let found = container.env.iter().find(|variable| variable.name == name)?;
        Some(found.value.replace("$$", "$"))
    };
    if get(&format!("{BATCH_ENV}0")).is_none() {
        return Ok(None);
    }
    Batch::from_env(get).map(Some)
}

/// How long tasks take that do nothing but sleep; none if one of them does anything else.
fn slept(batch: &Batch) -> Option<f64> {
    batch.tasks.iter().map(seconds_of).sum()
}

fn seconds_of(task: &TaskSpec) -> Option<f64> {
    let [program, seconds] = task.argv.as_slice() else { return None };
    let name = program.rsplit('/').next()?;
    if !matches!(name, "sleep" | "sleep0") {
        return None;
    }
    seconds.parse().ok()
}

/// What `wf-worker run` would have left.
fn message_of(batch: &Batch, seconds: f64, code: i32) -> String {
    let share = seconds / batch.tasks.len().max(1) as f64;
    let ends = batch.tasks.iter().map(|task| TaskEnd {
        key: task.key,
        result: TaskResult::Exit(code),
        wall_micros: Duration::from_secs_f64(seconds_of(task).unwrap_or(share)).as_micros() as u64,
        cpu_micros: 1000,
        peak_bytes: 1 << 20,
        files: task.look_at.iter().map(|(signal, _)| (*signal, Some(0))).collect(),
        out: Tail::default(),
        err: Tail::default(),
    });
    BatchEnd { ends: ends.collect() }.to_message()
}

/// A pod's status, as a patch: it runs, or has ended so.
fn status_of(pod: &Pod, ip: &str, started: &str, end: Option<&End>) -> Value {
    let time = now();
    let phase = match end {
        None => "Running",
        Some(end) if end.code == 0 => "Succeeded",
        Some(_) => "Failed",
    };
    let ready = if end.is_none() { "True" } else { "False" };
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": time});
    let state = match end {
        None => json!({"running": {"startedAt": started}}),
        Some(end) => {
            let reason = if end.code == 0 { "Completed" } else { "Error" };
            json!({"terminated": {
                "exitCode": end.code, "reason": reason, "message": end.message,
                "startedAt": started, "finishedAt": time, "containerID": format!("fake://{}", pod.metadata.uid),
            }})
        }
    };
    let before = pod.spec.init_containers.iter().map(|container| {
        json!({
            "name": container.name, "image": container.image, "imageID": container.image, "ready": true, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": started, "finishedAt": started}},
        })
    });
    let main = pod.spec.containers.iter().map(|container| {
        json!({
            "name": container.name, "image": container.image, "imageID": container.image, "ready": end.is_none(),
            "started": end.is_none(), "restartCount": 0, "containerID": format!("fake://{}", pod.metadata.uid), "state": state,
        })
    });
    let mut status = json!({
        "phase": phase,
        "hostIP": ADDRESS, "hostIPs": [{"ip": ADDRESS}], "podIP": ip, "podIPs": [{"ip": ip}], "startTime": started,
        "conditions": [
            condition("PodScheduled", "True"), condition("PodReadyToStartContainers", ready), condition("Initialized", "True"),
            condition("ContainersReady", ready), condition("Ready", ready),
        ],
        "containerStatuses": main.collect::<Value>(),
    });
    if !pod.spec.init_containers.is_empty() {
        status["initContainerStatuses"] = before.collect();
    }
    // A pod of the same name that came later has another uid: then the server refuses.
    json!({"metadata": {"uid": pod.metadata.uid}, "status": status})
}

#[cfg(test)]
mod tests {
    use super::*;
    use worker::protocol::TaskKey;

    fn task(argv: &[&str]) -> TaskSpec {
        TaskSpec {
            key: TaskKey { process: 1, firing: 1, attempt: 1 },
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            look_at: vec![(4, "o".to_owned())],
            ..TaskSpec::default()
        }
    }

    #[test]
    fn only_sleepers_are_said_to_have_slept() {
        let batch = |tasks| Batch { run: String::new(), id: String::new(), tasks, engine: None };
        let two = batch(vec![task(&["/bin/sleep", "1.5"]), task(&["sleep0", "0.25"])]);
        assert_eq!(slept(&two), Some(1.75));
        assert_eq!(slept(&batch(vec![task(&["sleep", "1"]), task(&["true"])])), None);
        assert_eq!(slept(&batch(vec![task(&["sleep", "1", "2"])])), None);
    }

    #[test]
    fn the_last_words_are_those_of_a_worker() {
        let batch = Batch {
            run: String::new(),
            id: String::new(),
            tasks: vec![task(&["sleep", "2"])],
            engine: None,
        };
        let end = BatchEnd::from_message(&message_of(&batch, 2.0, 3)).expect("a worker's");
        assert_eq!(end.ends[0].result, TaskResult::Exit(3));
        assert_eq!(end.ends[0].wall_micros, 2_000_000);
        assert_eq!(end.ends[0].files, [(4, Some(0))]);
    }
}
