//! The proxy before the API server, seen by a plain client: each fault, and that without faults it is not to be noticed.

mod faults;
mod passing;
mod stops;
mod watches;

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tests::cluster::{Namespace, cluster};
use tests::proxy::Proxy;
use tests::skipped;
use tokio::runtime::Runtime;
use tokio::time::timeout;

/// Longer than any call takes that does not hang.
const LONG: Duration = Duration::from_secs(20);
/// Long enough to call something silent.
const SHORT: Duration = Duration::from_millis(400);

/// What a call brought back.
#[derive(Debug)]
struct Answer {
    code: u16,
    retry_after: Option<String>,
    body: Vec<u8>,
    /// Whether all of the body came.
    is_whole: bool,
}

impl Answer {
    fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A proxy before the real cluster, a namespace there, and a client that tries nothing twice.
struct Setting {
    namespace: Namespace,
    proxy: Proxy,
    client: Client,
    runtime: Runtime,
}

impl Setting {
    /// None: there is no cluster, which was said.
    fn new(test: &str) -> Option<Self> {
        let cluster = match cluster() {
            Ok(cluster) => cluster,
            Err(reason) => {
                skipped(test, reason);
                return None;
            }
        };
        let namespace = cluster.namespace("proxy");
        let proxy = Proxy::start(cluster.kubeconfig());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(client_of(&proxy));
        Some(Self { namespace, proxy, client, runtime })
    }

    /// The path of what is in this namespace.
    fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/{rest}", self.namespace.name())
    }

    /// A call. None: there was no answer, since the connection ended.
    fn call(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let call = send(&self.client, request(method, path, body));
        self.runtime.block_on(async { timeout(LONG, call).await }).unwrap()
    }

    /// Whether a call is still without an answer after a while.
    fn hangs(&self, method: &str, path: &str, body: &Value) -> bool {
        let call = send(&self.client, request(method, path, body));
        self.runtime.block_on(async { timeout(SHORT, call).await }).is_err()
    }

    fn get(&self, path: &str) -> Option<Answer> {
        self.call("GET", path, &Value::Null)
    }

    /// Writes a ConfigMap.
    fn create(&self, name: &str) -> Option<Answer> {
        self.call("POST", &self.path("configmaps"), &config_map(name))
    }

    /// Whether the server has this ConfigMap; asked without the proxy.
    fn exists(&self, name: &str) -> bool {
        let found = self
            .namespace
            .done(&["get", "configmap", name, "--ignore-not-found", "-o", "name"], "");
        !found.trim().is_empty()
    }
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}})
}

async fn client_of(proxy: &Proxy) -> Client {
    let file = Kubeconfig::read_from(proxy.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
    config.default_retry = false;
    config.proxy_url = None;
    Client::try_from(config).unwrap()
}

fn request(method: &str, path: &str, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("User-Agent", "plain/1");
    if body.is_null() {
        return request.body(Body::empty()).unwrap();
    }
    let request = request.header("Content-Type", "application/json");
    request.body(Body::from(body.to_string().into_bytes())).unwrap()
}

async fn send(client: &Client, request: Request<Body>) -> Option<Answer> {
    let (parts, mut body) = client.send(request).await.ok()?.into_parts();
    let retry_after =
        parts.headers.get("Retry-After").map(|value| value.to_str().unwrap().to_owned());
    let mut answer =
        Answer { code: parts.status.as_u16(), retry_after, body: Vec::new(), is_whole: true };
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            answer.is_whole = false;
            break;
        };
        answer.body.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    Some(answer)
}
