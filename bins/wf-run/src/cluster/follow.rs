//! Following a run whose engine is in the cluster.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use cli::{Exit, note};
use hashbrown::HashMap;
use k8s_apply::cluster::{Cluster, Kind};
use k8s_apply::follow::{Follower, News};
use k8s_apply::object::Object;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use workflow_engine::k8s::name::{Names, ROLE, Role};
use workflow_engine::k8s::objects::CONTAINER;

use crate::cli::ClusterArgs;

/// Before the summary in an engine's log.
pub(crate) const SUMMARY_BEGIN: &str = "== summary of the run ==";
/// After it.
pub(crate) const SUMMARY_END: &str = "== end of the summary ==";
/// How long a log may be silent until the connection is made anew: it may be dead.
const SILENCE: Duration = Duration::from_secs(60);
/// How long to wait until a log is asked for again.
const AGAIN: Duration = Duration::from_millis(700);
/// How long the rest of a log may take when the engine has ended.
const LAST_WORDS: Duration = Duration::from_secs(20);

/// How to see and how to end a run.
pub(crate) fn hint(args: &ClusterArgs, namespace: &str, id: &str) -> String {
    let mut options = format!(" -n {namespace}");
    if let Some(path) = &args.kubeconfig {
        options.push_str(&format!(" --kubeconfig {}", path.display()));
    }
    if let Some(context) = &args.context {
        options.push_str(&format!(" --context {context}"));
    }
    format!(
        "see how it goes with: wf-run status {id}{options}\nend it with: wf-run cancel {id}{options}"
    )
}

/// Selects the engine's Job and pods.
pub(super) fn engine_selector(names: &Names) -> String {
    format!("{},{ROLE}={}", names.selector(), Role::Engine.as_str())
}

enum Seen {
    Pods(News),
    Jobs(News),
}

/// The end of the log of one pod.
struct Log {
    ended: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What is known of the engine.
struct Engine {
    cluster: Arc<Cluster>,
    namespace: String,
    logs: HashMap<String, Log>,
    /// By pod, with the time of its creation: the last one counts.
    exits: HashMap<String, (String, i64)>,
    job_seen: bool,
    said: String,
}

/// What became of the Job.
enum JobEnd {
    Done,
    Failed(String),
    Gone,
}

/// Shows what the engine writes, and ends as it ends. Ctrl-C ends the following only.
pub(crate) async fn follow(
    cluster: Arc<Cluster>,
    namespace: String,
    id: &str,
    hint: &str,
) -> Result<Exit> {
    let names = Names::new(id);
    let (to, mut news) = mpsc::unbounded_channel();
    let mut followers = tokio::task::JoinSet::new();
    for (kind, as_seen) in [
        (Kind::of("v1", "Pod", "pods"), Seen::Pods as fn(News) -> Seen),
        (Kind::of("batch/v1", "Job", "jobs"), Seen::Jobs),
    ] {
        let mut follower = Follower::new(&cluster, kind, Some(&namespace));
        follower.labels = Some(engine_selector(&names));
        let to = to.clone();
        followers.spawn(async move { while to.send(as_seen(follower.next().await)).is_ok() {} });
    }
    let mut engine = Engine {
        cluster,
        namespace,
        logs: HashMap::new(),
        exits: HashMap::new(),
        job_seen: false,
        said: String::new(),
    };
    let mut interrupted = std::pin::pin!(interrupted());
    loop {
        let seen = tokio::select! {
            biased;
            signal = &mut interrupted => {
                signal?;
                note(&format!("run {id} goes on in the cluster\n{hint}"));
                return Ok(Exit::Interrupted);
            }
            seen = news.recv() => seen.context("the cluster cannot be watched")?,
        };
        let end = match seen {
            Seen::Pods(news) => {
                engine.pods(news)?;
                None
            }
            Seen::Jobs(news) => engine.jobs(news)?,
        };
        if let Some(end) = end {
            return tokio::select! {
                biased;
                signal = &mut interrupted => signal.map(|()| Exit::Interrupted),
                exit = engine.finish(end, id, &mut news) => exit,
            };
        }
    }
}

async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("failed to watch for signals")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("failed to watch for signals"),
        _ = term.recv() => Ok(()),
    }
}

impl Engine {
    fn say_once(&mut self, text: String) {
        if self.said != text {
            note(&text);
            self.said = text;
        }
    }

    fn pods(&mut self, news: News) -> Result<()> {
        match news {
            News::All(pods) => pods.iter().for_each(|pod| self.pod(pod)),
            News::Changed(pod) => self.pod(&pod),
            News::Deleted(key) => {
                if let Some(log) = self.logs.get(&key.name) {
                    log.ended.send_replace(true);
                }
            }
            News::Trouble(why) => {
                self.say_once(format!("the cluster cannot be seen at the moment: {why}"))
            }
            News::Forbidden => return Err(forbidden("pods")),
        }
        Ok(())
    }

    fn pod(&mut self, pod: &Object) {
        let name = pod.name().to_owned();
        let exit = pod.number("/status/containerStatuses/0/state/terminated/exitCode");
        let runs = pod.at("/status/containerStatuses/0/state/running").is_some();
        if !runs && exit.is_none() {
            let why = super::state::waits_for(pod);
            self.say_once(format!("the engine's pod {name} waits for {why}"));
        }
        if (runs || exit.is_some()) && !self.logs.contains_key(&name) {
            let (ended, is_ended) = watch::channel(false);
            let (cluster, namespace) = (Arc::clone(&self.cluster), self.namespace.clone());
            if !self.logs.is_empty() {
                note(&format!("the engine goes on in another pod: {name}"));
            }
            let task = tokio::spawn(show(cluster, namespace, name.clone(), is_ended));
            self.logs.insert(name.clone(), Log { ended, task });
        }
        if let Some(exit) = exit {
            let made = pod.text("/metadata/creationTimestamp").unwrap_or_default().to_owned();
            if let Some(log) = self.logs.get(&name) {
                log.ended.send_replace(true);
            }
            self.exits.insert(name, (made, exit));
        }
    }

    fn jobs(&mut self, news: News) -> Result<Option<JobEnd>> {
        match news {
            News::All(jobs) => match jobs.first() {
                Some(job) => {
                    self.job_seen = true;
                    Ok(job_end(job))
                }
                None => Ok(Some(JobEnd::Gone)),
            },
            News::Changed(job) => {
                self.job_seen = true;
                Ok(job_end(&job))
            }
            News::Deleted(_) => Ok(Some(JobEnd::Gone)),
            News::Trouble(why) => {
                self.say_once(format!("the cluster cannot be seen at the moment: {why}"));
                Ok(None)
            }
            News::Forbidden => Err(forbidden("jobs")),
        }
    }

    /// The last words of the engine, and its exit code.
    async fn finish(
        &mut self,
        end: JobEnd,
        id: &str,
        news: &mut mpsc::UnboundedReceiver<Seen>,
    ) -> Result<Exit> {
        // The end of the pod may be told after the end of its Job.
        if !matches!(end, JobEnd::Gone) {
            let wait = async {
                while self.exits.len() < self.logs.len().max(1) {
                    match news.recv().await {
                        Some(Seen::Pods(news)) => drop(self.pods(news)),
                        Some(Seen::Jobs(_)) => {}
                        None => break,
                    }
                }
            };
            // Without it the Job's own words are told.
            let _ = timeout(Duration::from_secs(10), wait).await;
        }
        for log in self.logs.values_mut() {
            log.ended.send_replace(true);
            if timeout(LAST_WORDS, &mut log.task).await.is_err() {
                note("the end of the engine's log did not come");
            }
        }
        let last = self.exits.values().max_by(|one, other| one.0.cmp(&other.0));
        match (end, last) {
            (JobEnd::Gone, _) if !self.job_seen => {
                Err(anyhow!("there is no engine of run {id} in the namespace {}", self.namespace))
            }
            (JobEnd::Gone, _) => {
                note(&format!("the engine's Job is gone: run {id} was cancelled"));
                Ok(Exit::Interrupted)
            }
            (_, Some((_, 0))) => Ok(Exit::Ok),
            (_, Some((_, 1))) => Ok(Exit::Failed),
            (_, Some((_, 2))) => Ok(Exit::Invalid),
            (_, Some((_, 130))) => Ok(Exit::Interrupted),
            (JobEnd::Done, None) => Ok(Exit::Ok),
            (JobEnd::Failed(why), Some((_, code))) => {
                Err(anyhow!("the engine ended with exit code {code}: {why}"))
            }
            (JobEnd::Done, Some((_, code))) => {
                Err(anyhow!("the engine ended with exit code {code}"))
            }
            (JobEnd::Failed(why), None) => Err(anyhow!("the engine's Job failed: {why}")),
        }
    }
}

fn forbidden(what: &str) -> anyhow::Error {
    anyhow!("not allowed to watch {what}; `wf-run rbac --submit` prints the rights that are needed")
}

fn job_end(job: &Object) -> Option<JobEnd> {
    let conditions = job.at("/status/conditions")?.as_array()?;
    let holds = |name: &str| {
        conditions
            .iter()
            .find(|condition| condition["type"] == name && condition["status"] == "True")
    };
    if holds("Complete").is_some() {
        return Some(JobEnd::Done);
    }
    let failed = holds("Failed")?;
    Some(JobEnd::Failed(failed["message"].as_str().unwrap_or_default().to_owned()))
}

/// Shows a pod's log to its end, over connections that break.
async fn show(
    cluster: Arc<Cluster>,
    namespace: String,
    pod: String,
    mut ended: watch::Receiver<bool>,
) {
    let mut last = String::new();
    let mut at_last = 0_usize;
    let mut in_summary = false;
    let mut failures = 0;
    loop {
        let was_ended = *ended.borrow_and_update();
        let since = (!last.is_empty()).then_some(last.as_str());
        match cluster.follow_log(&namespace, &pod, CONTAINER, since).await {
            Ok(mut log) => {
                let mut to_skip = at_last;
                while let Ok(Some(line)) = timeout(SILENCE, log.line()).await {
                    let (time, text) = line.split_once(' ').unwrap_or((line.as_str(), ""));
                    // A log that is asked for again begins with the second that it broke off in.
                    if time < last.as_str() {
                        continue;
                    }
                    if time == last {
                        if to_skip > 0 {
                            to_skip -= 1;
                            continue;
                        }
                        at_last += 1;
                    } else {
                        (last, at_last, to_skip) = (time.to_owned(), 1, 0);
                    }
                    print(text, &mut in_summary);
                }
                if was_ended {
                    return;
                }
            }
            Err(_) if was_ended => {
                failures += 1;
                if failures > 5 {
                    return;
                }
            }
            Err(_) => {}
        }
        // The end of the pod is a reason to look again at once.
        let _ = timeout(AGAIN, ended.changed()).await;
        if was_ended {
            sleep(AGAIN).await;
        }
    }
}

/// The summary goes to standard output, everything else to standard error.
fn print(line: &str, in_summary: &mut bool) {
    match line {
        SUMMARY_BEGIN => *in_summary = true,
        SUMMARY_END => *in_summary = false,
        line if *in_summary => {
            // Nobody may read it.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
        line => note(line),
    }
}
