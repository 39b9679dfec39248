//! Faults of watches.

use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use tests::proxy::{Fault, Rule};
use tokio::time::{sleep, timeout};

use super::{LONG, SHORT, Setting, request};

/// How a watch stands after a while.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    Ended,
    Cut,
}

/// The types of the events so far, and how the watch stands then. Waits until there are so many.
async fn events(body: &mut Body, wanted: usize) -> (Vec<String>, State) {
    let mut bytes: Vec<u8> = Vec::new();
    let types = |bytes: &[u8]| -> Vec<String> {
        let lines =
            bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let event = |line| serde_json::from_slice::<Value>(line).unwrap();
        lines.map(|line| event(line)["type"].as_str().unwrap().to_owned()).collect()
    };
    loop {
        let wait = if types(&bytes).len() < wanted { LONG } else { SHORT };
        let state = match timeout(wait, body.frame()).await {
            Err(_) => State::Open,
            Ok(None) => State::Ended,
            Ok(Some(Err(_))) => State::Cut,
            Ok(Some(Ok(frame))) => {
                bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
                continue;
            }
        };
        return (types(&bytes), state);
    }
}

impl Setting {
    /// Watches some `ConfigMaps` that are there.
    fn watched(&self, wanted: usize) -> (Vec<String>, State) {
        let path = self.path("configmaps?watch=true&labelSelector=for%3Dwatch");
        self.runtime.block_on(async {
            let call = self.client.send(request("GET", &path, &Value::Null));
            let mut body = timeout(LONG, call).await.unwrap().unwrap().into_body();
            events(&mut body, wanted).await
        })
    }
}

#[test]
fn a_watch_goes_silent_is_cut_or_is_gone_after_some_events() {
    let Some(at) = Setting::new("the proxy's watches") else { return };
    for name in ["one", "two", "three"] {
        let mut object = super::config_map(name);
        object["metadata"]["labels"]["for"] = "watch".into();
        assert_eq!(at.call("POST", &at.path("configmaps"), &object).unwrap().code, 201);
    }
    assert_eq!(at.watched(3), (vec!["ADDED".into(); 3], State::Open));
    let cases = [
        (Fault::watch_cut(0), vec![], State::Cut),
        (Fault::watch_cut(2), vec!["ADDED"; 2], State::Cut),
        (Fault::watch_silent(0), vec![], State::Open),
        (Fault::watch_silent(2), vec!["ADDED"; 2], State::Open),
        (Fault::watch_gone(0), vec!["ERROR"], State::Ended),
        (Fault::watch_gone(2), vec!["ADDED", "ADDED", "ERROR"], State::Ended),
    ];
    for (fault, types, state) in cases {
        at.proxy.reset();
        at.proxy.fault(fault);
        // A list is none of its business.
        assert!(at.get(&at.path("configmaps")).unwrap().is_whole);
        let (seen, stands) = at.watched(types.len());
        assert_eq!((seen, stands), (types.iter().map(|t| (*t).to_owned()).collect(), state));
        assert_eq!(at.proxy.log().faults().len(), 1);
    }
    at.proxy.reset();
    at.proxy.fault(Rule::new(Fault::gone()).watches());
    let answer = at.get(&at.path("configmaps?watch=true&resourceVersion=1")).unwrap();
    assert_eq!((answer.code, answer.value()["reason"].as_str()), (410, Some("Expired")));
}

#[test]
fn a_silent_watch_stays_silent_when_more_happens_and_is_cut_in_the_end() {
    let Some(at) = Setting::new("the proxy's silent watch") else { return };
    at.proxy.fault(Fault::watch_silent(0));
    let path = at.path("configmaps?watch=true&fieldSelector=metadata.name%3Dnew");
    at.runtime.block_on(async {
        let call = at.client.send(request("GET", &path, &Value::Null));
        let mut body = timeout(LONG, call).await.unwrap().unwrap().into_body();
        let post = request("POST", &at.path("configmaps"), &super::config_map("new"));
        assert_eq!(super::send(&at.client, post).await.unwrap().code, 201);
        assert_eq!(events(&mut body, 0).await, (vec![], State::Open));
        assert_eq!(at.proxy.log().open_watches().len(), 1);
        at.proxy.clear_faults();
        assert_eq!(events(&mut body, 1).await, (vec![], State::Cut));
    });
}

#[test]
fn watches_that_are_open_at_once_are_counted_for_each_path() {
    let Some(at) = Setting::new("counting the proxy's watches") else { return };
    let (maps, secrets) = (at.path("configmaps"), at.path("secrets"));
    at.runtime.block_on(async {
        let watch = async |path: &str| {
            let path = format!("{path}?watch=1");
            let call = at.client.send(request("GET", &path, &Value::Null));
            timeout(LONG, call).await.unwrap().unwrap()
        };
        let first = watch(&maps).await;
        let second = watch(&maps).await;
        let _other = watch(&secrets).await;
        drop(first);
        // The client closes its connection only while this runtime runs.
        let one_left = async {
            while at.proxy.log().open_watches().len() != 2 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(LONG, one_left).await.is_ok(), "{}", at.proxy.log());
        drop(second);
        let _third = watch(&maps).await;
        let log = at.proxy.log();
        assert_eq!(log.most_watches_at_once(&maps), 2, "{log}");
        assert_eq!(log.most_watches_at_once(&secrets), 1, "{log}");
        assert_eq!(log.watches().len(), 4, "{log}");
    });
}
