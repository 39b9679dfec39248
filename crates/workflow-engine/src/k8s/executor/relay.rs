//! The relay: how workers reach an engine outside the cluster.
//!
//! A pod of the run takes the workers' connections and joins each with one that the engine keeps ready, through the API
//! server's port forwarding. TLS goes from worker to engine: the relay sees no word of it.

use std::io::Cursor;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use k8s_apply::cluster::{CallError, Cluster, Kind};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use super::BeginError;
use super::actor::{Actor, job_kind, object, pod_kind};
use super::adopt::JOB_NAME;
use crate::k8s::fault::{self, PodState};
use crate::k8s::hub::Hub;
use crate::k8s::objects::{RELAY_ENGINE_PORT, RELAY_WORKERS_PORT};

/// How long the relay may take until it is there.
const START: Duration = Duration::from_mins(2);
/// Connections that are kept ready for workers to come.
const SPARE: usize = 8;
/// How long after a failure the next connection is tried.
const AGAIN: Duration = Duration::from_millis(500);
/// And at most how long.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The engine's side of the relay.
pub(super) struct Relay {
    address: String,
    forwarders: JoinSet<()>,
}

impl Relay {
    /// Makes the relay, waits until it runs, and keeps connections ready from then on.
    pub(super) async fn begin(actor: &Actor) -> Result<Self, BeginError> {
        let namespace = actor.objects.settings.namespace.clone();
        let cluster = &actor.cluster;
        let fault = |what: String| BeginError::Relay { what };
        let service_kind = Kind::of("v1", "Service", "services");
        let service = object(actor.objects.relay_service())?;
        let made = match cluster.create(&service_kind, &service).await? {
            Some(made) => Some(made),
            None => cluster.get(&service_kind, Some(&namespace), service.name()).await?,
        };
        let ip = made.as_ref().and_then(|service| service.text("/spec/clusterIP"));
        let Some(ip) = ip.map(str::to_owned) else {
            return Err(fault("has no Service with an address".to_owned()));
        };
        cluster.create(&job_kind(), &object(actor.objects.relay_job())?).await?;
        let pod = until_running(cluster, &namespace, &actor.objects.names.relay()).await?;
        let Some(hub) = actor.hub.clone() else { return Err(BeginError::NoIdentity) };
        let mut forwarders = JoinSet::new();
        let job = actor.objects.names.relay();
        let line = Arc::new(Line {
            cluster: cluster.clone(),
            namespace: namespace.clone(),
            job,
            pod: Mutex::new(pod),
            hub,
        });
        for _ in 0..SPARE {
            forwarders.spawn(Arc::clone(&line).keep_one_ready());
        }
        // A worker takes nothing but an address.
        let ip: IpAddr =
            ip.parse().map_err(|_| fault(format!("has the address {ip}, which is none")))?;
        let address = SocketAddr::new(ip, RELAY_WORKERS_PORT).to_string();
        Ok(Self { address, forwarders })
    }

    /// Where workers connect to.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) async fn close(mut self) {
        self.forwarders.shutdown().await;
    }
}

async fn until_running(
    cluster: &Cluster,
    namespace: &str,
    job: &str,
) -> Result<String, BeginError> {
    let begun = Instant::now();
    loop {
        let waits_for = match look(cluster, namespace, job).await? {
            Found::Running(pod) => return Ok(pod),
            Found::Waiting(what) => what,
        };
        if begun.elapsed() > START {
            let what = format!("did not run after {} s: waited for {waits_for}", START.as_secs());
            return Err(BeginError::Relay { what });
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// How the relay stands.
enum Found {
    /// This pod runs.
    Running(String),
    /// None does; this is what is waited for.
    Waiting(String),
}

async fn look(cluster: &Cluster, namespace: &str, job: &str) -> Result<Found, CallError> {
    let selector = format!("{JOB_NAME}={job}");
    let mut waits_for = "its pod".to_owned();
    for object in &cluster.list(&pod_kind(), Some(namespace), Some(&selector)).await? {
        match fault::pod(object).map(|pod| fault::read(&pod)) {
            Some(PodState::Running) if !object.is_being_deleted() => {
                return Ok(Found::Running(object.name().to_owned()));
            }
            Some(PodState::Waiting { why }) => {
                waits_for = why
                    .fault()
                    .map_or_else(|| "its pod to start".to_owned(), |fault| fault.to_string());
            }
            _ => {}
        }
    }
    Ok(Found::Waiting(waits_for))
}

/// The way to the relay's pod, whichever it is at the moment.
struct Line {
    cluster: Cluster,
    namespace: String,
    job: String,
    pod: Mutex<String>,
    hub: Hub,
}

impl Line {
    /// Keeps a connection to the relay; hands it over when a worker is on it, and opens the next one.
    async fn keep_one_ready(self: Arc<Self>) {
        let mut pause = AGAIN;
        loop {
            let pod = self.pod.lock().await.clone();
            if self.one(&pod).await.is_some() {
                pause = AGAIN;
                continue;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            self.look_for_another(&pod).await;
        }
    }

    /// A pod that is gone was replaced by its Job.
    async fn look_for_another(&self, lost: &str) {
        let mut known = self.pod.lock().await;
        // Another of us may have found it.
        if *known == lost
            && let Ok(Found::Running(pod)) = look(&self.cluster, &self.namespace, &self.job).await
        {
            *known = pod;
        }
    }

    async fn one(&self, pod: &str) -> Option<()> {
        let pods: Api<Pod> = Api::namespaced(self.cluster.client().clone(), &self.namespace);
        let mut forwarder = pods.portforward(pod, &[RELAY_ENGINE_PORT]).await.ok()?;
        let mut stream = forwarder.take_stream(RELAY_ENGINE_PORT)?;
        // The relay says nothing by itself: the first byte is a worker's.
        let mut first = [0_u8; 1];
        stream.read_exact(&mut first).await.ok()?;
        let (read, write) = tokio::io::split(stream);
        let joined = tokio::io::join(Cursor::new(first.to_vec()).chain(read), write);
        self.hub.accept(joined, &format!("relay {pod}"));
        // It has to be kept as long as its stream is in use; the stream's end is its end.
        tokio::spawn(async move {
            let _ = forwarder.join().await;
        });
        Some(())
    }
}
