//! Stops: from a call on nothing is answered any more, so that the client can be killed there.

use std::process::{Command, Stdio};

use serde_json::json;
use tests::proxy::{Fault, Rule};

use super::{LONG, SHORT, Setting, config_map};

#[test]
fn from_a_stop_on_every_call_hangs_and_the_server_hears_of_none() {
    let Some(at) = Setting::new("the proxy's stop") else { return };
    let path = at.path("configmaps");
    for is_after in [false, true] {
        at.proxy.reset();
        let stop = if is_after { Fault::stop().after_forwarding() } else { Fault::stop() };
        at.proxy.fault(Rule::new(stop).writes().nth(2));
        let [first, second, third] =
            ["first", "second", "third"].map(|name| format!("{name}-{is_after}"));
        assert_eq!(at.create(&first).unwrap().code, 201);
        assert!(!at.proxy.is_stopped());
        assert!(at.hangs("POST", &path, &config_map(&second)));
        assert!(at.proxy.wait_until_stopped(LONG), "{}", at.proxy.log());
        assert!(at.hangs("POST", &path, &config_map(&third)));
        assert!(at.hangs("GET", &path, &().into()));
        assert!(at.exists(&first) && at.exists(&second) == is_after && !at.exists(&third));
        let forwarded = at.proxy.log().that(|call| call.is_forwarded).len();
        assert_eq!(forwarded, if is_after { 2 } else { 1 }, "{}", at.proxy.log());
        at.proxy.clear_faults();
        assert_eq!(at.create(&third).unwrap().code, 201);
    }
}

#[test]
fn a_stop_that_is_not_reached_is_told_within_the_time() {
    let Some(at) = Setting::new("the proxy's stop that does not come") else { return };
    at.proxy.fault(Rule::new(Fault::stop()).writes().nth(2));
    assert_eq!(at.create("only").unwrap().code, 201);
    assert!(!at.proxy.wait_until_stopped(SHORT));
}

#[test]
fn a_program_is_killed_at_its_second_write() {
    let Some(at) = Setting::new("killing a client at the proxy's stop") else { return };
    at.proxy.fault(Rule::new(Fault::stop()).writes().nth(2));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("three.json");
    let items = ["c1", "c2", "c3"].map(config_map);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    std::fs::write(&file, list.to_string()).unwrap();
    let kubectl = tests::cluster::cluster().unwrap().kubectl_path();
    let mut child = Command::new(kubectl)
        .env("KUBECACHEDIR", folder.path())
        .arg("--kubeconfig")
        .arg(at.proxy.kubeconfig())
        .args(["--namespace", at.namespace.name(), "create", "-f"])
        .arg(&file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(at.proxy.wait_until_stopped(LONG), "{}", at.proxy.log());
    child.kill().unwrap();
    child.wait().unwrap();
    at.proxy.clear_faults();
    assert_eq!(["c1", "c2", "c3"].map(|name| at.exists(name)), [true, false, false]);
}
