//! What only `kube-fake` can do: forget, stop, split, and be fast.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Node};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube_fake::{Kind, KubeFake};
use serde_json::json;

use super::{At, run};

fn at(fake: &KubeFake) -> At {
    At { client: fake.client("default"), namespace: "default".to_owned() }
}

#[test]
fn compaction_ends_old_pages_and_old_watches_alone() {
    run(async {
        let fake = KubeFake::new();
        let at = at(&fake);
        for name in ["a", "b"] {
            at.config_map(name, json!({})).await;
        }
        let first = at.get(&at.path("configmaps?limit=1")).await;
        let api: Api<ConfigMap> = Api::default_namespaced(at.client.clone());
        let version = first.version().to_owned();
        let mut running = Box::pin(api.watch(&WatchParams::default(), &version).await.unwrap());
        at.config_map("c", json!({})).await;
        fake.compact();
        let next = first.text("/metadata/continue");
        let second = at.get(&at.path(&format!("configmaps?limit=1&continue={next}"))).await;
        assert_eq!(second.error(), (410, "Expired"));
        let mut late = Box::pin(api.watch(&WatchParams::default(), &version).await.unwrap());
        assert!(
            matches!(late.try_next().await.unwrap(), Some(WatchEvent::Error(status)) if status.code == 410)
        );
        assert!(matches!(running.try_next().await.unwrap(), Some(WatchEvent::Added(_))));
        fake.bookmark();
        assert!(matches!(running.try_next().await.unwrap(), Some(WatchEvent::Bookmark(_))));
        fake.end_watches();
        assert!(running.try_next().await.unwrap().is_none());
    });
}

#[test]
fn a_stop_is_before_a_write_or_at_its_answer_and_a_fork_goes_its_own_way() {
    run(async {
        let fake = KubeFake::new();
        let at = at(&fake);
        fake.stop_after_writes(2);
        let work = async {
            for number in 0.. {
                at.config_map(&format!("c{number}"), json!({})).await;
            }
        };
        tokio::select! {
            () = work => unreachable!(),
            () = fake.stopped() => {}
        }
        assert_eq!(fake.writes(), 3);
        fake.go_on();
        assert_eq!(at.get(&at.path("configmaps")).await.names(), ["c0", "c1"]);
        let fork = fake.fork();
        fake.stop_at_answer(1);
        tokio::select! {
            _ = at.config_map("c2", json!({})) => unreachable!(),
            () = fake.stopped() => {}
        }
        fake.go_on();
        assert_eq!(at.get(&at.path("configmaps")).await.names(), ["c0", "c1", "c2"]);
        let there = super::fake::at(&fork);
        assert_eq!(there.get(&there.path("configmaps")).await.names(), ["c0", "c1"]);
    });
}

#[test]
fn server_side_apply_is_refused_with_the_way_out() {
    run(async {
        let fake = KubeFake::new();
        let api: Api<ConfigMap> = Api::default_namespaced(fake.client("default"));
        let params = PatchParams::apply("test");
        let error = api.patch("a", &params, &Patch::Apply(json!({}))).await.unwrap_err();
        assert!(matches!(&error, kube::Error::Api(status) if status.code == 415), "{error}");
        assert!(error.to_string().contains("use a real API server"), "{error}");
    });
}

#[test]
fn it_serves_other_programs_and_more_kinds() {
    let widget = Kind { group: "example.org", kind: "Widget", plural: "widgets", ..Kind::CORE };
    let fake = KubeFake::with_kinds(&[widget]);
    let server = fake.serve();
    assert!(server.url().starts_with("http://127.0.0.1:"));
    run(async {
        let file = kube::config::Kubeconfig::read_from(server.kubeconfig()).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options).await.unwrap();
        let client = kube::Client::try_from(config).unwrap();
        let nodes: Api<Node> = Api::all(client.clone());
        let node = serde_json::from_value(json!({"metadata": {"name": "n"}})).unwrap();
        nodes.create(&PostParams::default(), &node).await.unwrap();
        assert_eq!(nodes.list(&ListParams::default()).await.unwrap().items.len(), 1);
        let here = At { client, namespace: "default".to_owned() };
        let path = "/apis/example.org/v1/namespaces/default/widgets";
        assert_eq!(here.post(path, &json!({"metadata": {"name": "w"}})).await.code, 201);
        // Both ways lead to the same server.
        assert_eq!(at(&fake).get(&format!("{path}/w")).await.code, 200);
    });
}

#[test]
fn it_is_fast_enough_for_thousands_of_runs() {
    run(async {
        let began = Instant::now();
        for _ in 0..200 {
            let fake = KubeFake::new();
            let at = at(&fake);
            for number in 0..5 {
                at.config_map(&format!("c{number}"), json!({})).await;
            }
        }
        let each = began.elapsed() / 1000;
        assert!(each < Duration::from_millis(5), "{each:?} for each write");
        println!("{each:?} for each write");
    });
}
