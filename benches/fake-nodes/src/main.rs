//! `fake-nodes`: plays the nodes of a control plane that has none, with one process for all of them.
//!
//! Pods that are to run a worker get a real process of this machine; pods that only pretend to work are said to have run.
//! See `benches/README.md`.

mod flood;
mod follow;
mod life;
mod nodes;
mod pod;
mod process;

mod api;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::api::Api;
use crate::follow::News;
use crate::life::{Counts, Pace, Wish, World};
use crate::nodes::Capacity;
use crate::pod::Pod;
use crate::process::Workshop;

/// How long processes get to end when the program ends.
const LAST_GRACE: u64 = 5;

/// Plays the nodes of a control plane that has none.
#[derive(Debug, Parser)]
#[command(name = "fake-nodes", version)]
struct Cli {
    #[command(subcommand)]
    command: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Plays the nodes until SIGTERM or SIGINT. Prints `ready` once pods may come, and what happened in the end, as JSON.
    Run(Run),
    /// Makes pods as fast as it can, to measure what server and nodes can do.
    Flood(flood::Flood),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// Kubeconfig with the rights of an administrator.
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// How many nodes.
    #[arg(long, default_value_t = 8)]
    nodes: u32,
    /// What their names begin with.
    #[arg(long, default_value = "fake")]
    prefix: String,
    #[command(flatten)]
    capacity: Capacity,
    #[command(flatten)]
    pace: Pace,
    /// Ends when standard input does.
    #[arg(long)]
    while_input: bool,
    /// The program that containers call `wf-worker`.
    #[arg(long, value_name = "FILE", default_value = "target/release/wf-worker")]
    worker: PathBuf,
    /// Files and logs of pods.
    #[arg(long, value_name = "DIR", default_value = "target/fake-nodes")]
    scratch: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.context("no runtime").and_then(|runtime| {
        runtime.block_on(async {
            match cli.command {
                Job::Run(arguments) => run(arguments).await,
                Job::Flood(arguments) => flood::run(&arguments).await,
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Says something on standard error.
fn say(text: &str) {
    // It may be closed; there is nobody else to tell then.
    let _ = writeln!(std::io::stderr(), "fake-nodes: {text}");
}

/// Prints a line on standard output.
fn print(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("failed to print")
}

async fn run(arguments: Run) -> anyhow::Result<()> {
    let api = Api::connect(&arguments.kubeconfig).await?;
    process::make_folder(&arguments.scratch)?;
    // Processes have directories of their own.
    let scratch = arguments.scratch.canonicalize()?;
    let worker = std::path::absolute(&arguments.worker)?;
    let claims = scratch.join("claims");
    let workshop = Workshop { worker, claims, scratch, secrets: std::sync::Mutex::default() };
    let names = nodes::names(&arguments.prefix, arguments.nodes);
    let counts = Counts::default();
    let world = Arc::new(World { api, workshop, pace: arguments.pace, counts });
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    nodes::register(&world.api, &names, &arguments.capacity).await?;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    print("ready")?;
    let mut pods = Pods {
        world: Arc::clone(&world),
        names: names.clone(),
        known: HashMap::new(),
        addresses: 0,
    };
    tokio::select! {
        () = nodes::keep_alive(&world.api, &names) => {}
        () = follow::follow(&world.api, &sender) => {}
        () = async { while let Some(news) = receiver.recv().await { pods.take(news) } } => {}
        () = end_of_input(arguments.while_input) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    pods.end_all().await;
    nodes::remove(&world.api, &names).await?;
    print(&summary(&world).to_string())
}

/// Returns when standard input ends; never if nobody looks at it.
async fn end_of_input(is_of_interest: bool) {
    if !is_of_interest {
        return std::future::pending().await;
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // What comes is of no interest, and an error is an end as well.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    // A sender that is gone has nothing else to say.
    let _ = receiver.await;
}

/// What happened.
fn summary(world: &World) -> serde_json::Value {
    let (counts, api) = (&world.counts, &world.api);
    let get = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    json!({
        "most_running": get(&counts.most_running),
        "pretended": get(&counts.faked),
        "processes": get(&counts.processes),
        "killed": get(&counts.killed),
        "failed": get(&counts.failed),
        "deleted": get(&counts.deleted),
        "calls": get(&api.calls),
        "repeated_calls": get(&api.repeated),
        "cpu_seconds": cpu_seconds(),
    })
}

/// CPU time of this process so far, without its children.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// The pods that are cared for.
struct Pods {
    world: Arc<World>,
    names: Vec<String>,
    known: HashMap<String, watch::Sender<Wish>>,
    addresses: u32,
}

impl Pods {
    fn take(&mut self, news: News) {
        match news {
            News::Seen(pod) => self.seen(*pod),
            News::Gone(uid) => self.gone(&uid),
            News::Left(uids) => {
                let gone: Vec<_> =
                    self.known.keys().filter(|uid| !uids.contains(*uid)).cloned().collect();
                for uid in gone {
                    self.gone(&uid);
                }
            }
        }
    }

    fn gone(&mut self, uid: &str) {
        if let Some(wish) = self.known.remove(uid) {
            wish.send_replace(Wish::Gone);
        }
    }

    fn seen(&mut self, pod: Pod) {
        let grace = pod.grace_seconds();
        if let Some(wish) = self.known.get(&pod.metadata.uid) {
            if let Some(seconds) = grace
                && *wish.borrow() == Wish::Live
            {
                if wish.receiver_count() > 0 {
                    wish.send_replace(Wish::End(seconds));
                } else {
                    // Its life is over; this is what remains.
                    let (wish, receiver) = watch::channel(Wish::End(seconds));
                    self.known.insert(pod.metadata.uid.clone(), wish);
                    tokio::spawn(life::only_take_away(Arc::clone(&self.world), pod, receiver));
                }
            }
            return;
        }
        if !self.names.contains(&pod.spec.node_name) || (pod.has_ended() && grace.is_none()) {
            return;
        }
        let uid = pod.metadata.uid.clone();
        let world = Arc::clone(&self.world);
        if let Some(seconds) = grace {
            let (wish, receiver) = watch::channel(Wish::End(seconds));
            tokio::spawn(life::only_take_away(world, pod, receiver));
            self.known.insert(uid, wish);
            return;
        }
        let (wish, receiver) = watch::channel(Wish::Live);
        self.addresses += 1;
        let [_, b, c, d] = (self.addresses % (1 << 22)).to_be_bytes();
        // Of a range that is nobody's (RFC 6598).
        let ip = format!("100.{}.{c}.{d}", 64 + b);
        tokio::spawn(life::live(world, pod, receiver, ip));
        self.known.insert(uid, wish);
    }

    /// Ends all processes; pods are left as they are.
    async fn end_all(&self) {
        for wish in self.known.values() {
            wish.send_if_modified(|wish| {
                let is_new = *wish == Wish::Live;
                if is_new {
                    *wish = Wish::End(LAST_GRACE);
                }
                is_new
            });
        }
        let deadline = Instant::now() + Duration::from_secs(LAST_GRACE + 10);
        while self.known.values().any(|wish| wish.receiver_count() > 0) && Instant::now() < deadline
        {
            sleep(Duration::from_millis(50)).await;
        }
    }
}
