//! Pods, Jobs and engines that go while tasks run: what was lost is run again, without using retries, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::bed::{Bed, Way};
use super::flow::Flow;

const WAYS: [Way; 3] = [Way::Pool, Way::Alone, Way::Clustered];

/// Tasks that say when they begin and when they have ended. `slow` runs until the file `go` is there.
fn slow() -> Flow {
    let line =
        "echo slow >> starts.txt; while [ ! -e go ]; do sleep 0.1; done; echo slow >> ends.txt";
    Flow::default()
        .sh("quick", "echo quick >> starts.txt; echo quick >> ends.txt", &[], &["q"])
        .sh("slow", line, &["q"], &["s"])
        .sh("last", "echo last >> starts.txt; echo last >> ends.txt", &["s"], &["l"])
}

fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

fn counts(quick: usize, slow: usize, last: usize) -> BTreeMap<String, usize> {
    [("quick", quick), ("slow", slow), ("last", last)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

/// While `slow` runs, this happens. What it ran for is lost, and it is run again: so often it begins.
fn disturbed(way: Way, starts: usize, disturb: impl Fn(&Bed)) {
    let Some(bed) = Bed::with_claim("a run that is disturbed") else { return };
    bed.write("w.json", &slow().text());
    let running = bed.start(way, &[]);
    let slow_starts = |bed: &Bed| lines(&bed.read("starts.txt")).get("slow").copied().unwrap_or(0);
    bed.until("the slow task", || slow_starts(&bed) == 1);
    disturb(&bed);
    if starts > 1 {
        bed.until("its next attempt", || slow_starts(&bed) == starts);
    }
    bed.write("go", "");
    let ran = running.end();
    assert_eq!(ran.well()["done"], 3, "{way:?}: {ran}");
    assert_eq!(lines(&bed.read("starts.txt")), counts(1, starts, 1), "{way:?}: {ran}");
    assert_eq!(lines(&bed.read("ends.txt")), counts(1, 1, 1), "{way:?}: {ran}");
    bed.nothing_is_left();
}

/// The pod in which `slow` runs: the only one that is left, or that with the newest start.
fn its_pod(bed: &Bed) -> String {
    // Pods of `quick` may still be about to go.
    let mut pods = bed.pods();
    bed.until("one pod", || {
        pods = bed.pods();
        pods.len() == 1
    });
    pods.remove(0)
}

#[test]
fn a_pod_that_somebody_deletes_is_replaced() {
    for way in WAYS {
        disturbed(way, 2, |bed| {
            bed.kubectl(&["delete", &its_pod(bed), "--wait=false"]);
        });
    }
}

#[test]
fn a_pod_that_somebody_deletes_at_once_is_replaced() {
    for way in WAYS {
        disturbed(way, 2, |bed| {
            bed.kubectl(&["delete", &its_pod(bed), "--wait=false", "--force", "--grace-period=0"]);
        });
    }
}

#[test]
fn a_pod_that_is_evicted_is_replaced() {
    for way in WAYS {
        disturbed(way, 2, |bed| {
            let pod = its_pod(bed);
            let name = pod.trim_start_matches("pod/");
            let path = format!("/api/v1/namespaces/{}/pods/{name}/eviction", bed.namespace.name());
            let eviction = json!({
                "apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": name, "namespace": bed.namespace.name()},
            });
            bed.namespace.done(&["create", "--raw", &path, "-f", "-"], &eviction.to_string());
        });
    }
}

#[test]
fn a_job_that_somebody_deletes_is_replaced() {
    for way in WAYS {
        disturbed(way, 2, |bed| {
            let pod = its_pod(bed);
            let label = "--output=jsonpath={.metadata.labels.batch\\.kubernetes\\.io/job-name}";
            let job = bed.kubectl(&["get", &pod, label]);
            bed.kubectl(&["delete", "job", job.trim(), "--wait=false"]);
        });
    }
}

/// The container's first process dies, as when the node's memory runs out.
#[test]
fn a_worker_that_dies_is_replaced() {
    for way in WAYS {
        disturbed(way, 2, |bed| {
            let pod = its_pod(bed);
            let kill = ["exec", &pod, "--container=task", "--", "sh", "-c", "kill -TERM 1"];
            bed.kubectl(&kill);
        });
    }
}

#[test]
fn a_relay_that_somebody_deletes_is_replaced() {
    disturbed(Way::Relay, 1, |bed| {
        bed.kubectl(&["delete", "pods", "--selector=windlass.dev/role=relay", "--wait=false"]);
    });
}

/// The engine is killed and goes on: what ran meanwhile is not run again.
#[test]
fn a_run_whose_engine_was_killed_goes_on_with_what_runs() {
    let test = "a_run_whose_engine_was_killed_goes_on_with_what_runs";
    for way in [Way::Pool, Way::Alone, Way::Clustered, Way::Relay] {
        // The slow task ends while no engine is there, and after one is there again.
        for ends_alone in [true, false] {
            let Some(bed) = Bed::with_claim(test) else { return };
            bed.write("w.json", &slow().text());
            let running = bed.start(way, &[]);
            bed.until("the slow task", || bed.read("starts.txt").contains("slow"));
            std::thread::sleep(Duration::from_millis(700));
            running.kill();
            let again = if ends_alone {
                bed.write("go", "");
                bed.until("its end", || bed.read("ends.txt").contains("slow"));
                bed.start_again(way, &[])
            } else {
                let again = bed.start_again(way, &[]);
                std::thread::sleep(Duration::from_secs(3));
                bed.write("go", "");
                again
            };
            let ran = again.end();
            assert_eq!(ran.code, Some(0), "{way:?} {ends_alone}: {ran}");
            let said = format!("{way:?} {ends_alone}: {ran}");
            assert_eq!(lines(&bed.read("starts.txt")), counts(1, 1, 1), "{said}");
            assert_eq!(lines(&bed.read("ends.txt")), counts(1, 1, 1), "{said}");
            bed.nothing_is_left();
        }
    }
}

/// The same where files go over the connection: what a task made without an engine comes back.
#[test]
fn what_was_made_while_no_engine_was_there_comes_back() {
    let test = "what_was_made_while_no_engine_was_there_comes_back";
    let flow = Flow::default()
        .sh("slow", "sleep 6; echo $$ made > made.txt", &[], &["made.txt"])
        .sh("last", "cat made.txt made.txt > last.txt", &["made.txt"], &["last.txt"]);
    for way in [Way::Pool, Way::Job, Way::Clustered] {
        for pause in [0, 6] {
            let Some(bed) = Bed::new(test) else { return };
            bed.write("w.json", &flow.text());
            let running = bed.start(way, &[]);
            bed.until("the slow task", || !bed.pods().is_empty());
            std::thread::sleep(Duration::from_millis(1500));
            running.kill();
            std::thread::sleep(Duration::from_secs(pause));
            let ran = bed.resume(way, &[]);
            assert_eq!(ran.code, Some(0), "{way:?} {pause}: {ran}");
            let made = bed.read("made.txt");
            assert!(made.ends_with(" made\n"), "{way:?} {pause}: `{made}`: {ran}");
            assert_eq!(bed.read("last.txt"), made.repeat(2), "{way:?} {pause}: {ran}");
            // Its first attempt was taken over: it was not begun again.
            assert_eq!(ran.json()["types"][0]["done"], 1, "{ran}");
            bed.nothing_is_left();
        }
    }
}

#[test]
fn an_interrupted_run_leaves_nothing_and_deletes_nothing_else() {
    let test = "an_interrupted_run_leaves_nothing_and_deletes_nothing_else";
    for (way, signal) in [
        (Way::Pool, Signal::INT),
        (Way::Alone, Signal::TERM),
        (Way::Clustered, Signal::INT),
        (Way::Relay, Signal::TERM),
    ] {
        let Some(bed) = Bed::with_claim(test) else { return };
        let foreign = foreign(&bed);
        bed.write("w.json", &slow().text());
        let running = bed.start(way, &[]);
        bed.until("the slow task", || bed.read("starts.txt").contains("slow"));
        running.signal(signal);
        let ran = running.end();
        assert_eq!(ran.code, Some(130), "{way:?}: {ran}");
        assert_eq!(lines(&bed.read("ends.txt")), counts(1, 0, 0), "{way:?}: {ran}");
        bed.nothing_is_left_but(&foreign);
        for name in &foreign {
            let going = "--output=jsonpath={.metadata.deletionTimestamp}";
            assert_eq!(bed.kubectl(&["get", name, going]), "", "{name}");
        }
        // And it goes on.
        bed.write("go", "");
        let ran = bed.resume(way, &[]);
        assert_eq!(ran.code, Some(0), "{way:?}: {ran}");
        assert_eq!(lines(&bed.read("starts.txt")), counts(1, 2, 1), "{way:?}: {ran}");
        assert_eq!(lines(&bed.read("ends.txt")), counts(1, 1, 1), "{way:?}: {ran}");
    }
}

/// Objects of others, some of them much like ours.
fn foreign(bed: &Bed) -> Vec<String> {
    let labels = json!({"windlass.dev/run": "another", "windlass.dev/role": "task"});
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "wf-another-p0-f1-a1", "labels": labels},
        "spec": {"suspend": true, "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "task", "image": bed.image}],
        }}},
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "wf-another-worker", "labels": labels},
    });
    for object in [job, secret] {
        bed.namespace.done(&["create", "-f", "-"], &object.to_string());
    }
    vec!["job.batch/wf-another-p0-f1-a1".to_owned(), "secret/wf-another-worker".to_owned()]
}
