//! Without faults the proxy is not to be noticed.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tests::skipped;
use tokio::time::timeout;

use super::{LONG, Setting, config_map, request};

#[test]
fn calls_pass_as_they_are_and_are_written_down() {
    let Some(at) = Setting::new("calls through the proxy") else { return };
    let path = at.path("configmaps");
    let large = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "large"},
        "data": {"a": "x".repeat(900_000)}});
    let made = at.call("POST", &path, &large).unwrap();
    assert_eq!(made.code, 201);
    let got = at.get(&format!("{path}/large?pretty=0")).unwrap();
    assert_eq!(got.value()["data"], large["data"]);
    assert_eq!(at.get(&format!("{path}/missing")).unwrap().value()["reason"], "NotFound");
    assert_eq!(at.get("/api").unwrap().value()["kind"], "APIVersions");
    assert_eq!(at.call("DELETE", &format!("{path}/large"), &Value::Null).unwrap().code, 200);
    let log = at.proxy.log();
    let seen: Vec<_> = log.calls().iter().map(|c| (c.method.as_str(), c.code.unwrap())).collect();
    let expected = [("POST", 201), ("GET", 200), ("GET", 404), ("GET", 200), ("DELETE", 200)];
    assert_eq!(seen, expected, "{log}");
    let call = &log.calls()[0];
    assert_eq!((call.number, call.path.as_str(), call.query.as_str()), (1, path.as_str(), ""));
    assert_eq!((call.user_agent.as_str(), call.body_bytes), ("plain/1", large.to_string().len()));
    assert!(call.is_forwarded && call.ended.is_some() && call.fault.is_none());
    assert_eq!(log.calls()[1].query, "pretty=0");
    assert_eq!(log.discovery_calls().len(), 1);
    assert_eq!(log.writes().len(), 2);
}

#[test]
fn kubectl_works_through_it() {
    let Some(at) = Setting::new("kubectl through the proxy") else { return };
    let kubeconfig = at.proxy.kubeconfig();
    let kubectl = |args: &[&str]| {
        let cache = tempfile::tempdir().unwrap();
        let cluster = tests::cluster::cluster().unwrap();
        let said = std::process::Command::new(cluster.kubectl_path())
            .env("KUBECACHEDIR", cache.path())
            .arg("--kubeconfig")
            .arg(&kubeconfig)
            .args(["--namespace", at.namespace.name()])
            .args(args)
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap()
    };
    kubectl(&["create", "configmap", "by-kubectl", "--from-literal=a=b"]);
    assert_eq!(kubectl(&["get", "configmaps", "by-kubectl", "-o", "jsonpath={.data.a}"]), "b");
    kubectl(&["delete", "configmap", "by-kubectl"]);
    assert!(at.proxy.log().calls()[0].user_agent.starts_with("kubectl/"));
}

#[test]
fn events_of_a_watch_come_when_they_happen() {
    let Some(at) = Setting::new("a watch through the proxy") else { return };
    let path = at.path("configmaps?watch=true&fieldSelector=metadata.name%3Dnew");
    at.runtime.block_on(async {
        let call = at.client.send(request("GET", &path, &Value::Null));
        let mut body = timeout(LONG, call).await.unwrap().unwrap().into_body();
        let post = request("POST", &at.path("configmaps"), &config_map("new"));
        assert_eq!(super::send(&at.client, post).await.unwrap().code, 201);
        let frame = timeout(LONG, body.frame()).await.unwrap().unwrap().unwrap();
        let event: Value = serde_json::from_slice(&frame.into_data().unwrap()).unwrap();
        assert_eq!(
            (&event["type"], &event["object"]["metadata"]["name"]),
            (&"ADDED".into(), &"new".into())
        );
    });
}

#[test]
fn logs_come_while_the_container_runs() {
    let Some(at) = Setting::new("logs through the proxy") else { return };
    let image = match tests::cluster::cluster().unwrap().busybox() {
        Ok(image) => image,
        Err(reason) => return skipped("logs through the proxy", reason),
    };
    let script = "echo first; while [ ! -e /tmp/go ]; do sleep 60; done";
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "talks"}, "spec": {
        "terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
        "containers": [{"name": "c", "image": image, "imagePullPolicy": "Never", "command": ["sh", "-c", script]}],
    }});
    // The account of a new namespace comes a moment later.
    let began = Instant::now();
    while at.call("POST", &at.path("pods"), &pod).unwrap().code != 201 {
        assert!(began.elapsed() < LONG, "{}", at.proxy.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    at.namespace.done(&["wait", "--for=condition=Ready", "pod/talks", "--timeout=60s"], "");
    at.runtime.block_on(async {
        let path = at.path("pods/talks/log?follow=true");
        let call = at.client.send(request("GET", &path, &Value::Null));
        let mut body = timeout(LONG, call).await.unwrap().unwrap().into_body();
        let frame = timeout(LONG, body.frame()).await.unwrap().unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "first\n");
    });
    assert_eq!(at.call("DELETE", &at.path("pods/talks"), &Value::Null).unwrap().code, 200);
}

#[test]
fn it_is_fast_enough_to_stand_before_every_test() {
    let Some(at) = Setting::new("the speed of the proxy") else { return };
    let path = at.path("configmaps/none");
    let began = Instant::now();
    at.runtime.block_on(async {
        let ask = async || {
            for _ in 0..25 {
                let got = super::send(&at.client, request("GET", &path, &Value::Null)).await;
                assert_eq!(got.unwrap().code, 404);
            }
        };
        let (a, b, c, d) = (ask(), ask(), ask(), ask());
        tokio::join!(a, b, c, d);
    });
    let each = began.elapsed() / 100;
    assert!(each < Duration::from_millis(50), "{each:?} for each call");
    println!("{each:?} for each call, four at once");
    assert_eq!(at.proxy.log().calls().len(), 100);
}
