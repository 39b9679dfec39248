//! Measures the connections between an engine and its workers, over loopback.
//!
//! ```console
//! $ cargo build --release -p wf-worker
//! $ cargo run --release -p workflow-engine --features k8s --example hub -- 64 20000 target/release/wf-worker
//! ```
//!
//! 1. Dispatch: so many connections (64) take so many tasks (20,000), each worker one at a time; they answer at once, for
//!    they run nothing. Engine and workers share the machine.
//! 2. With a `wf-worker`: four of its processes, which run `/bin/true`, one task at a time on an otherwise idle hub: from the
//!    decision to run a task to the engine's knowledge that its program runs, and from a task's end to that of the next.

#![allow(clippy::print_stdout, reason = "the figures")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_rustls::TlsConnector;
use worker::protocol::{
    FromWorker, Hello, SERVER_NAME, Tail, TaskEnd, TaskKey, TaskResult, TaskSpec, ToWorker,
    VERSION, decode, encode,
};
use workflow_engine::k8s::hub::{ConnectionId, Hub, HubEvent};
use workflow_engine::k8s::identity::Identity;

type Any = Box<dyn Error + Send + Sync>;

const RUN: &str = "bench";
const SILENCE: Duration = Duration::from_secs(30);
/// Tasks of the second part.
const SINGLE: u32 = 500;

fn main() -> Result<(), Any> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u32| -> Result<u32, Any> {
        Ok(arguments.get(at).map_or(Ok(default), |text| text.parse())?)
    };
    let (workers, tasks) = (number(0, 64)?.max(1), number(1, 20_000)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(dispatch(workers, tasks))?;
    if let Some(program) = arguments.get(2) {
        runtime.block_on(latency(Path::new(program)))?;
    }
    Ok(())
}

async fn engine() -> Result<(Identity, Hub, UnboundedReceiver<HubEvent>, SocketAddr), Any> {
    let identity = Identity::create()?;
    let (sender, events) = mpsc::unbounded_channel();
    let hub = Hub::new(&identity, RUN, SILENCE, sender)?;
    let address = hub.listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
    Ok((identity, hub, events, address))
}

async fn joined(
    events: &mut UnboundedReceiver<HubEvent>,
    count: u32,
) -> Result<Vec<ConnectionId>, Any> {
    let mut ids = Vec::new();
    while (ids.len() as u32) < count {
        match events.recv().await.ok_or("the hub has ended")? {
            HubEvent::Joined { id, .. } => ids.push(id),
            other => return Err(format!("a worker did not come: {other:?}").into()),
        }
    }
    Ok(ids)
}

/// A task as they are: some arguments, some variables.
fn task(process: u32) -> ToWorker {
    ToWorker::Run(Box::new(TaskSpec {
        key: TaskKey { process, firing: 1, attempt: 1 },
        label: format!("task#{process}"),
        argv: vec!["/bin/true".to_owned(), "-n".to_owned(), "input-file-0001.fits".to_owned()],
        env: vec![("WF_TASK".to_owned(), process.to_string())],
        tail_bytes: 4096,
        ..TaskSpec::default()
    }))
}

fn median(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

async fn dispatch(workers: u32, tasks: u32) -> Result<(), Any> {
    let (identity, hub, mut events, address) = engine().await?;
    let config = identity.client_config();
    // A thread of their own, as if they were elsewhere.
    let thread = std::thread::spawn(move || -> Result<(), Any> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut all = tokio::task::JoinSet::new();
            for _ in 0..workers {
                all.spawn(idle_worker(address, TlsConnector::from(Arc::clone(&config))));
            }
            while let Some(worker) = all.join_next().await {
                worker??;
            }
            Ok(())
        })
    });
    let begun = Instant::now();
    let ids = joined(&mut events, workers).await?;
    let came = begun.elapsed();
    let begun = Instant::now();
    let mut next = 0;
    for id in &ids {
        let _ = hub.send(*id, &task(next));
        next += 1;
    }
    let (mut to_start, mut ended) = (Vec::new(), 0);
    while ended < next {
        let HubEvent::Said { id, message } = events.recv().await.ok_or("the hub has ended")? else {
            return Err("a worker is gone".into());
        };
        if let FromWorker::Ended(end) = message {
            ended += 1;
            let _ = hub.send(id, &ToWorker::Recorded(vec![end.key]));
            if next < tasks {
                let _ = hub.send(id, &task(next));
                next += 1;
            }
        }
    }
    let rate = f64::from(ended) / begun.elapsed().as_secs_f64();
    // One at a time.
    for (number, id) in ids.iter().cycle().take(2000).enumerate() {
        let decided = Instant::now();
        let _ = hub.send(*id, &task(number as u32));
        loop {
            match events.recv().await.ok_or("the hub has ended")? {
                HubEvent::Said { message: FromWorker::Began(_), .. } => {
                    to_start.push(decided.elapsed());
                }
                HubEvent::Said { message: FromWorker::Ended(_), .. } => break,
                HubEvent::Said { .. } => {}
                other => return Err(format!("{other:?}").into()),
            }
        }
    }
    for id in &ids {
        let _ = hub.send(*id, &ToWorker::Leave);
    }
    hub.close().await;
    thread.join().map_err(|_| "the workers' thread failed")??;
    let (half, most) = median(to_start);
    println!("{workers} workers joined in {} ms", came.as_millis());
    println!("{rate:.0} dispatches/s");
    println!(
        "there and back, one at a time: {} us (median), {} us (99 of 100)",
        half.as_micros(),
        most.as_micros()
    );
    Ok(())
}

/// Says of each task at once that it began and that it ended.
async fn idle_worker(address: SocketAddr, tls: TlsConnector) -> Result<(), Any> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = tls.connect(ServerName::try_from(SERVER_NAME)?, stream).await?;
    let hello = Hello {
        version: VERSION,
        run: RUN.to_owned(),
        pod: "bench".to_owned(),
        node: String::new(),
        class: "bench".to_owned(),
        slots: 1,
        running: Vec::new(),
        ended: Vec::new(),
    };
    stream.write_all(&encode(&FromWorker::Hello(hello))?).await?;
    stream.flush().await?;
    let mut came = Vec::new();
    loop {
        while let Some(header) = came.first_chunk::<4>() {
            let end = 4 + u32::from_be_bytes(*header) as usize;
            let Some(frame) = came.get(4..end) else { break };
            let message = decode::<ToWorker>(frame)?;
            came.drain(..end);
            match message {
                ToWorker::Run(spec) => {
                    let end = TaskEnd {
                        key: spec.key,
                        result: TaskResult::Exit(0),
                        wall_micros: 1,
                        cpu_micros: 1,
                        peak_bytes: 1,
                        files: Vec::new(),
                        out: Tail::default(),
                        err: Tail::default(),
                    };
                    let mut frames = encode(&FromWorker::Began(spec.key))?;
                    frames.extend(encode(&FromWorker::Ended(end))?);
                    stream.write_all(&frames).await?;
                    stream.flush().await?;
                }
                ToWorker::Leave => return Ok(()),
                _ => {}
            }
        }
        if stream.read_buf(&mut came).await? == 0 {
            return Ok(());
        }
    }
}

/// Processes that are reaped however it ends.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // They have ended, or are to.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn latency(program: &Path) -> Result<(), Any> {
    let (identity, hub, mut events, address) = engine().await?;
    let dir = tempfile::tempdir()?;
    for (name, text) in identity.worker_files() {
        std::fs::write(dir.path().join(name), text)?;
    }
    let mut processes = Processes(Vec::new());
    for number in 0..4 {
        let child = Command::new(program)
            .args(["serve", "--run", RUN, "--class", "bench", "--engine", &address.to_string()])
            .args(["--pod", &format!("bench-{number}")])
            .arg("--identity")
            .arg(dir.path())
            .arg("--work-dir")
            .arg(dir.path())
            .spawn()?;
        processes.0.push(child);
    }
    let ids = joined(&mut events, 4).await?;
    let (mut to_start, mut to_successor) = (Vec::new(), Vec::new());
    for number in 0..SINGLE {
        let id = ids[number as usize % ids.len()];
        // A task, and when it has ended its successor, on the same worker.
        let mut decided = Instant::now();
        for step in 0..2 {
            let _ = hub.send(id, &task(2 * number + step));
            loop {
                match events.recv().await.ok_or("the hub has ended")? {
                    HubEvent::Said { message: FromWorker::Began(_), .. } => {
                        if step == 0 { &mut to_start } else { &mut to_successor }
                            .push(decided.elapsed());
                    }
                    HubEvent::Said { message: FromWorker::Ended(end), .. } => {
                        decided = Instant::now();
                        let _ = hub.send(id, &ToWorker::Recorded(vec![end.key]));
                        break;
                    }
                    HubEvent::Said { .. } => {}
                    other => return Err(format!("{other:?}").into()),
                }
            }
        }
    }
    for id in &ids {
        let _ = hub.send(*id, &ToWorker::Leave);
    }
    hub.close().await;
    for (what, times) in
        [("decision to start", to_start), ("end to the successor's start", to_successor)]
    {
        let (half, most) = median(times);
        println!(
            "wf-worker, {what}: {} us (median), {} us (99 of 100)",
            half.as_micros(),
            most.as_micros()
        );
    }
    Ok(())
}
