//! Watches: what they tell, in which order, and from where on.

use http::Request;
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{At, LONG, on_both};

on_both!(
    events_come_in_order_from_a_version_on,
    what_is_there_comes_first_without_a_version,
    an_object_that_no_longer_fits_is_deleted_for_the_watch,
    a_version_that_is_too_old_is_an_error_event,
    a_watch_has_a_bookmark_before_its_end,
);

/// A watch, event by event.
struct Events {
    body: Body,
    bytes: Vec<u8>,
}

impl Events {
    async fn of(at: &At, path: &str) -> Self {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = timeout(LONG, at.client.send(request)).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        Self { body: response.into_body(), bytes: Vec::new() }
    }

    /// None: it has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = timeout(LONG, self.body.frame()).await.unwrap()?.unwrap();
            self.bytes.extend_from_slice(&frame.into_data().unwrap());
        }
    }

    /// Type and name.
    async fn brief(&mut self) -> (String, String) {
        let event = self.next().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

fn is(of: &str, name: &str) -> (String, String) {
    (of.to_owned(), name.to_owned())
}

async fn events_come_in_order_from_a_version_on(at: &At) {
    let path = at.config_map("before", json!({"of": "test"})).await;
    let begin = at.get(&at.path("configmaps?labelSelector=of")).await;
    let query =
        format!("configmaps?watch=true&labelSelector=of&resourceVersion={}", begin.version());
    let mut events = Events::of(at, &at.path(&query)).await;
    let a = at.config_map("a", json!({"of": "test"})).await;
    at.config_map("unseen", json!({})).await;
    assert_eq!(at.merge(&a, &json!({"data": {"a": "2"}})).await.code, 200);
    let last = at.merge(&path, &json!({"data": {"a": "2"}})).await;
    // No change, no event.
    assert_eq!(at.merge(&path, &json!({"data": {"a": "2"}})).await.version(), last.version());
    assert_eq!(at.delete(&a, &json!({})).await.code, 200);
    assert_eq!(events.brief().await, is("ADDED", "a"));
    assert_eq!(events.brief().await, is("MODIFIED", "a"));
    let event = events.next().await.unwrap();
    assert_eq!((&event["type"], &event["object"]), (&json!("MODIFIED"), &last.value));
    let deleted = events.next().await.unwrap();
    assert_eq!(
        (&deleted["type"], &deleted["object"]["data"]["a"]),
        (&json!("DELETED"), &json!("2"))
    );
    // It went at a version of its own.
    let version = |value: &Value| {
        value["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap()
    };
    assert!(version(&deleted["object"]) > version(&last.value));
    // Another watch from the middle has the rest.
    let query = format!("configmaps?watch=1&labelSelector=of&resourceVersion={}", last.version());
    let mut rest = Events::of(at, &at.path(&query)).await;
    assert_eq!(rest.brief().await, is("DELETED", "a"));
}

async fn what_is_there_comes_first_without_a_version(at: &At) {
    at.config_map("a", json!({"of": "test"})).await;
    at.config_map("b", json!({"of": "test"})).await;
    let mut events = Events::of(at, &at.path("configmaps?watch=true&labelSelector=of")).await;
    let mut first = [events.brief().await, events.brief().await];
    first.sort();
    assert_eq!(first, [is("ADDED", "a"), is("ADDED", "b")]);
    at.config_map("c", json!({"of": "test"})).await;
    assert_eq!(events.brief().await, is("ADDED", "c"));
}

async fn an_object_that_no_longer_fits_is_deleted_for_the_watch(at: &At) {
    let path = at.config_map("a", json!({"k": "1"})).await;
    let version = at.get(&path).await.version().to_owned();
    let query = format!("configmaps?watch=true&labelSelector=k%3D1&resourceVersion={version}");
    let mut events = Events::of(at, &at.path(&query)).await;
    assert_eq!(at.merge(&path, &json!({"metadata": {"labels": {"k": "2"}}})).await.code, 200);
    assert_eq!(at.merge(&path, &json!({"metadata": {"labels": {"k": "1"}}})).await.code, 200);
    let gone = events.next().await.unwrap();
    // As it was when it fitted.
    assert_eq!(
        (&gone["type"], &gone["object"]["metadata"]["labels"]["k"]),
        (&json!("DELETED"), &json!("1"))
    );
    assert_eq!(events.brief().await, is("ADDED", "a"));
}

async fn a_version_that_is_too_old_is_an_error_event(at: &At) {
    let mut events = Events::of(at, &at.path("configmaps?watch=true&resourceVersion=1")).await;
    let event = events.next().await.unwrap();
    assert_eq!((&event["type"], &event["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert_eq!(event["object"]["reason"], "Expired");
    assert!(
        event["object"]["message"].as_str().unwrap().starts_with("too old resource version: 1 (")
    );
    assert_eq!(events.next().await, None);
}

async fn a_watch_has_a_bookmark_before_its_end(at: &At) {
    let path = at.config_map("a", json!({"of": "test"})).await;
    let version = at.get(&path).await.version().to_owned();
    let query = format!(
        "configmaps?watch=true&labelSelector=of&allowWatchBookmarks=true&timeoutSeconds=4&resourceVersion={version}"
    );
    let mut events = Events::of(at, &at.path(&query)).await;
    let last = at.merge(&path, &json!({"data": {"a": "2"}})).await;
    assert_eq!(events.brief().await, is("MODIFIED", "a"));
    let bookmark = events.next().await.unwrap();
    assert_eq!(
        (&bookmark["type"], &bookmark["object"]["kind"]),
        (&json!("BOOKMARK"), &json!("ConfigMap"))
    );
    let version = bookmark["object"]["metadata"]["resourceVersion"].as_str().unwrap();
    assert!(version.parse::<u64>().unwrap() >= last.version().parse::<u64>().unwrap());
    assert!(bookmark["object"].get("data").is_none());
    loop {
        // There may be more than one.
        match events.next().await {
            Some(event) => assert_eq!(event["type"], "BOOKMARK"),
            None => return,
        }
    }
}
