//! Pods of a running cluster.
//!
//! Only `list` on pods of one namespace is asked of the API; see [`crate::rbac`]. Waiting lists again at an
//! interval, until the set is complete or the time is up.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod as KubePod;
use kube::api::{Api, ListParams};
use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use thiserror::Error;
use tokio::time::{Instant, sleep, timeout_at};
use topology::Pod;

use crate::found::{Found, Options, discover};
use crate::pod_list::from_kubernetes;

pub use kube::Client;

/// How many pods are asked for at once.
const PAGE: u32 = 500;

/// Why the cluster cannot be asked.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is no configuration that can be used.
    #[error("failed to find out how to reach the cluster")]
    Infer(#[source] Box<InferConfigError>),
    /// The kubeconfig cannot be used, or has no such context.
    #[error("failed to use the kubeconfig")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// No client can be made of the configuration.
    #[error("failed to make a client of the configuration")]
    Client(#[source] Box<kube::Error>),
}

/// Why the pods could not be listed.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The account may not do that.
    #[error("this account may not list the pods of namespace {namespace}")]
    Forbidden {
        /// The namespace.
        namespace: String,
        /// What the API says.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API cannot be reached or does not answer as it should.
    #[error("failed to list the pods of namespace {namespace}")]
    Api {
        /// The namespace.
        namespace: String,
        /// What went wrong.
        #[source]
        source: Box<kube::Error>,
    },
    /// A pod has a field that cannot be used.
    #[error("pod {name}: {field}: {fault}")]
    Pod {
        /// The name of the pod.
        name: String,
        /// The path of the field.
        field: &'static str,
        /// What is wrong with it.
        fault: String,
    },
}

impl LiveError {
    /// Whether asking again may help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Api { source, .. } => match &**source {
                kube::Error::Api(status) => status.code == 429 || status.code >= 500,
                kube::Error::HyperError(_)
                | kube::Error::Service(_)
                | kube::Error::ReadEvents(_) => true,
                _ => false,
            },
            Self::Forbidden { .. } | Self::Pod { .. } => false,
        }
    }
}

/// A cluster that can be asked.
#[derive(Clone)]
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The namespace that the configuration names, else `default`.
    pub namespace: String,
}

/// Connects to a cluster as `kubectl` would: by the kubeconfig that is given, else by the one that the environment
/// names, else by the account of the pod that this runs in. Must be called inside a tokio runtime.
///
/// # Errors
/// If there is no configuration, if it has no such context, or if it cannot be used.
pub async fn connect(
    kubeconfig: Option<&Path>,
    context: Option<&str>,
) -> Result<Connection, ConnectError> {
    let config = if kubeconfig.is_none() && context.is_none() {
        kube::Config::infer().await.map_err(|error| ConnectError::Infer(Box::new(error)))?
    } else {
        let fault = |error| ConnectError::Kubeconfig(Box::new(error));
        let file = match kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let chosen = KubeConfigOptions {
            context: context.map(str::to_owned),
            ..KubeConfigOptions::default()
        };
        kube::Config::from_custom_kubeconfig(file.map_err(fault)?, &chosen).await.map_err(fault)?
    };
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))?;
    Ok(Connection { client, namespace })
}

/// All pods of a namespace. `cluster_domain` ends the host names of pods with a headless service.
///
/// # Errors
/// If the API refuses, cannot be reached, or gives a pod that cannot be used.
pub async fn list_pods(
    client: &Client,
    namespace: &str,
    cluster_domain: &str,
) -> Result<Vec<Pod>, LiveError> {
    let api: Api<KubePod> = Api::namespaced(client.clone(), namespace);
    let mut pods = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut page = ListParams::default().limit(PAGE);
        page.continue_token = next.take();
        let list = match api.list(&page).await {
            Ok(list) => list,
            // The list has grown too old to go on with: all of it at once is one answer.
            Err(kube::Error::Api(status))
                if status.code == 410 && page.continue_token.is_some() =>
            {
                pods.clear();
                let whole = api.list(&ListParams::default()).await;
                whole.map_err(|source| api_error(namespace, source))?
            }
            Err(source) => return Err(api_error(namespace, source)),
        };
        for pod in &list.items {
            let fault = |(field, fault)| LiveError::Pod {
                name: pod.metadata.name.clone().unwrap_or_default(),
                field,
                fault,
            };
            pods.push(from_kubernetes(pod, cluster_domain).map_err(fault)?);
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => next = Some(token),
            None => return Ok(pods),
        }
    }
}

fn api_error(namespace: &str, source: kube::Error) -> LiveError {
    let namespace = namespace.to_owned();
    let forbidden = matches!(&source, kube::Error::Api(status) if matches!(status.code, 401 | 403));
    let source = Box::new(source);
    if forbidden {
        LiveError::Forbidden { namespace, source }
    } else {
        LiveError::Api { namespace, source }
    }
}

/// How to wait for a complete set.
#[derive(Debug, Clone, Copy)]
pub struct Wait<'a> {
    /// Where to look.
    pub namespace: &'a str,
    /// What ends the host names of pods with a headless service.
    pub cluster_domain: &'a str,
    /// What to look for. The namespace in it is not used.
    pub options: Options<'a>,
    /// The time between two lists.
    pub interval: Duration,
    /// When to give up.
    pub timeout: Duration,
}

/// What waiting is at.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The set is not complete; `Found::missing` and `Found::problems` say why.
    Incomplete(&'a Found),
    /// The API did not answer. It is asked again.
    Retrying(&'a LiveError),
}

/// Why waiting ended without a complete set.
#[derive(Debug, Error)]
pub enum WaitError {
    /// The pods cannot be listed, and asking again would not help.
    #[error("failed to look at the pods")]
    Live(#[source] LiveError),
    /// The time is up.
    #[error("the set of pods was not complete after {} s", timeout.as_secs_f64())]
    Timeout {
        /// How long was waited.
        timeout: Duration,
        /// What was there at last; `None` if the API never answered.
        last: Option<Box<Found>>,
        /// Why the API did not answer at last.
        #[source]
        source: Option<LiveError>,
    },
}

/// Lists pods until the set is complete and nothing is wrong with it. Each time that it is not, `progress` hears of
/// it. Dropping the future ends the waiting.
///
/// # Errors
/// If the time is up, or if the API refuses.
pub async fn wait_until_complete(
    client: &Client,
    wait: &Wait<'_>,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<Found, WaitError> {
    let deadline = Instant::now() + wait.timeout;
    let options = Options { namespace: Some(wait.namespace), ..wait.options };
    let mut last = None;
    loop {
        let listed = timeout_at(deadline, list_pods(client, wait.namespace, wait.cluster_domain));
        let fault = match listed.await {
            Err(_) => None,
            Ok(Ok(pods)) => {
                let found = discover(&pods, &options);
                if found.accept(false).is_ok() {
                    return Ok(found);
                }
                progress(Progress::Incomplete(&found));
                last = Some(Box::new(found));
                None
            }
            Ok(Err(error)) if error.is_temporary() => {
                progress(Progress::Retrying(&error));
                Some(error)
            }
            Ok(Err(error)) => return Err(WaitError::Live(error)),
        };
        if Instant::now() + wait.interval >= deadline {
            return Err(WaitError::Timeout { timeout: wait.timeout, last, source: fault });
        }
        sleep(wait.interval).await;
    }
}
