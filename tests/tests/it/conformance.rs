//! One script, two servers: what `kube-fake` answers is what Kubernetes answers.
//!
//! Only what both say is compared: codes, reasons, and the fields that matter to clients.

mod deleting;
mod fake;
mod lists;
mod objects;
mod watches;

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use kube_fake::KubeFake;
use serde_json::{Value, json};
use tests::cluster::cluster;
use tests::skipped;
use tokio::time::timeout;

/// Longer than any call takes.
const LONG: Duration = Duration::from_secs(20);

/// Makes a test of each server out of a script.
macro_rules! on_both {
    ($($script:ident),* $(,)?) => {$(
        mod $script {
            #[test]
            fn kube_fake() {
                crate::conformance::on_fake(|at| Box::pin(async move { super::$script(&at).await }));
            }

            #[test]
            fn kubernetes() {
                let name = concat!("conformance: ", stringify!($script));
                crate::conformance::on_real(name, |at| Box::pin(async move { super::$script(&at).await }));
            }
        }
    )*};
}
use on_both;

type Script = fn(At) -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// A server, and a namespace of its own.
struct At {
    client: Client,
    namespace: String,
}

/// What a call brought back.
#[derive(Debug)]
struct Answer {
    code: u16,
    value: Value,
}

fn on_fake(script: Script) {
    run(async {
        let fake = KubeFake::new();
        fake.make_namespace("here");
        script(At { client: fake.client("here"), namespace: "here".to_owned() }).await;
    });
}

fn on_real(test: &str, script: Script) {
    let cluster = match cluster() {
        Ok(cluster) => cluster,
        Err(reason) => return skipped(test, reason),
    };
    let namespace = cluster.namespace("conformance");
    run(async {
        let file = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(file, &options).await.unwrap();
        let client = Client::try_from(config).unwrap();
        script(At { client, namespace: namespace.name().to_owned() }).await;
    });
}

fn run(script: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(90), script).await.unwrap() });
}

impl Answer {
    /// Code and reason of an error.
    fn error(&self) -> (u16, &str) {
        assert_eq!(self.value["kind"], "Status", "{self:?}");
        assert_eq!(
            (&self.value["status"], &self.value["code"]),
            (&json!("Failure"), &json!(self.code))
        );
        (self.code, self.value["reason"].as_str().unwrap_or_default())
    }

    fn message(&self) -> &str {
        self.value["message"].as_str().unwrap_or_default()
    }

    fn text(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn version(&self) -> &str {
        self.text("/metadata/resourceVersion")
    }

    /// The names of a list's items.
    fn names(&self) -> Vec<&str> {
        let items = self.value["items"].as_array().into_iter().flatten();
        items.map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
    }
}

impl At {
    /// The path of what is in this namespace, of the core group.
    fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/{rest}", self.namespace)
    }

    /// The path of Jobs in this namespace.
    fn jobs(&self, rest: &str) -> String {
        format!("/apis/batch/v1/namespaces/{}/jobs{rest}", self.namespace)
    }

    async fn send(&self, method: &str, path: &str, media_type: &str, body: Vec<u8>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("Content-Type", media_type).body(Body::from(body)).unwrap();
        let exchange = async {
            let (parts, body) = self.client.send(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            Answer { code: parts.status.as_u16(), value }
        };
        timeout(LONG, exchange).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "application/json", Vec::new()).await
    }

    async fn post(&self, path: &str, object: &Value) -> Answer {
        self.send("POST", path, "application/json", object.to_string().into()).await
    }

    async fn put(&self, path: &str, object: &Value) -> Answer {
        self.send("PUT", path, "application/json", object.to_string().into()).await
    }

    async fn merge(&self, path: &str, change: &Value) -> Answer {
        let media_type = "application/merge-patch+json";
        self.send("PATCH", path, media_type, change.to_string().into()).await
    }

    async fn json_patch(&self, path: &str, change: &Value) -> Answer {
        let media_type = "application/json-patch+json";
        self.send("PATCH", path, media_type, change.to_string().into()).await
    }

    async fn delete(&self, path: &str, options: &Value) -> Answer {
        self.send("DELETE", path, "application/json", options.to_string().into()).await
    }

    /// Makes a ConfigMap with these labels. Answers its path.
    async fn config_map(&self, name: &str, labels: Value) -> String {
        let object = json!({"metadata": {"name": name, "labels": labels}, "data": {"a": "1"}});
        let made = self.post(&self.path("configmaps"), &object).await;
        assert_eq!(made.code, 201, "{made:?}");
        self.path(&format!("configmaps/{name}"))
    }

    /// Makes a pod that nobody places on a node. Answers its path.
    async fn pod(&self, name: &str, meta: Value) -> String {
        let mut pod = json!({
            "metadata": meta,
            "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "none.example/none:1"}]},
        });
        pod["metadata"]["name"] = name.into();
        // The account of a new namespace comes a moment later.
        let began = Instant::now();
        loop {
            let made = self.post(&self.path("pods"), &pod).await;
            if made.code == 201 {
                return self.path(&format!("pods/{name}"));
            }
            assert!(began.elapsed() < LONG, "{made:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nothing is at a path: controllers may need a moment.
    async fn is_gone(&self, path: &str) {
        let began = Instant::now();
        while self.get(path).await.code != 404 {
            assert!(began.elapsed() < LONG, "{path} is still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A Job that has no pods.
fn job(name: &str) -> Value {
    let container = json!({"name": "c", "image": "none.example/none:1"});
    json!({
        "metadata": {"name": name},
        "spec": {"suspend": true, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    })
}
