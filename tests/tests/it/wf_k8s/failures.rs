//! What goes wrong with tasks and pods: each is told as what it is, nothing hangs, and only what is the task's own fault
//! uses its retries.

use serde_json::json;

use super::bed::{Bed, Ran, Way};
use super::flow::Flow;

/// A task that fails, one that needs it, and one that does not.
fn failing(argv: &[&str]) -> Flow {
    Flow::default()
        .task("bad", argv, &["given"], &["b"])
        .sh("after", "echo after >> after.txt", &["b"], &["after.txt"])
        .sh("other", "sleep 1; echo other > other.txt", &["given"], &["other.txt"])
        .sh("next", "cat other.txt > next.txt", &["other.txt"], &["next.txt"])
}

fn failed(ran: &Ran, attempts: u64, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran}");
    let (attempt, reason) = ran.failure("bad");
    assert_eq!(attempt, attempts, "{ran}");
    for word in words {
        assert!(reason.contains(word), "`{reason}` does not say `{word}`: {ran}");
    }
}

const WAYS: [Way; 3] = [Way::Pool, Way::Alone, Way::Clustered];

#[test]
fn a_task_that_fails_is_told_with_its_code_and_its_log() {
    let test = "a_task_that_fails_is_told_with_its_code_and_its_log";
    for way in WAYS {
        let Some(bed) = Bed::with_claim(test) else { return };
        let line = "echo start >> starts.txt; echo because >&2; exit 7";
        let ran = bed.run(&failing(&["sh", "-c", line]), way, &[]);
        failed(&ran, 1, &["exit code 7"]);
        assert_eq!(bed.read("starts.txt"), "start\n", "{ran}");
        assert!(bed.logs("bad").contains("because"), "{way:?}: {}", bed.logs("bad"));
        assert_eq!(bed.read("after.txt"), "", "{ran}");
        bed.nothing_is_left();

        // It goes on where it was, and now everything is tried that can be.
        let ran = bed.resume(way, &["--retries", "2", "--keep-going"]);
        failed(&ran, 4, &["exit code 7"]);
        assert_eq!(bed.read("starts.txt"), "start\n".repeat(4), "{ran}");
        assert_eq!(
            (bed.read("after.txt").as_str(), bed.read("next.txt").as_str()),
            ("", "other\n")
        );
        bed.nothing_is_left();
    }
}

#[test]
fn a_task_that_fails_at_first_goes_well_with_retries() {
    let test = "a_task_that_fails_at_first_goes_well_with_retries";
    for way in WAYS {
        let Some(bed) = Bed::with_claim(test) else { return };
        let line = "echo start >> starts.txt; [ $(wc -l < starts.txt) = 3 ]";
        let ran = bed.run(&failing(&["sh", "-c", line]), way, &["--retries", "2"]);
        assert_eq!(ran.well()["done"], 4, "{ran}");
        assert_eq!(bed.read("starts.txt").lines().count(), 3);
        bed.nothing_is_left();
    }
}

#[test]
fn a_program_that_the_image_has_not_is_told() {
    let test = "a_program_that_the_image_has_not_is_told";
    for way in [Way::Pool, Way::Job, Way::Clustered] {
        let Some(bed) = Bed::new(test) else { return };
        let ran = bed.run(&failing(&["no-such-program", "a"]), way, &["--keep-going"]);
        failed(&ran, 1, &["could not be started", "no-such-program"]);
        assert_eq!(bed.read("next.txt"), "other\n");
        bed.nothing_is_left();
    }
}

#[test]
fn a_signal_is_told() {
    let test = "a_signal_is_told";
    for way in WAYS {
        let Some(bed) = Bed::with_claim(test) else { return };
        let ran = bed.run(&failing(&["sh", "-c", "kill -SEGV $$"]), way, &[]);
        failed(&ran, 1, &["signal 11"]);
        bed.nothing_is_left();
    }
}

#[test]
fn a_task_that_takes_too_long_is_ended() {
    let test = "a_task_that_takes_too_long_is_ended";
    for way in WAYS {
        let Some(bed) = Bed::with_claim(test) else { return };
        let line = "sleep 100; echo late > late.txt";
        let ran = bed.run(&failing(&["sh", "-c", line]), way, &["--timeout", "5"]);
        failed(&ran, 1, &["not done after 5.0 s"]);
        bed.nothing_is_left();
    }
}

/// Fills its memory.
fn hungry(memory: &str) -> Flow {
    let line = "echo start >> starts.txt; head -c 90000000 /dev/zero | tr '\\0' x | sort > /dev/null && echo ok > ok.txt";
    Flow::default().task_with(
        "bad",
        &["sh", "-c", line],
        &[],
        &["ok.txt"],
        &json!({"memory": memory}),
    )
}

#[test]
fn a_task_without_enough_memory_is_told_and_may_have_more() {
    let test = "a_task_without_enough_memory_is_told_and_may_have_more";
    for way in WAYS {
        let Some(bed) = Bed::with_claim(test) else { return };
        let ran = bed.run(&hungry("60Mi"), way, &[]);
        failed(&ran, 1, &["out of memory", "60 MiB"]);
        assert_eq!(bed.read("starts.txt").lines().count(), 1, "{ran}");
        bed.nothing_is_left();

        let ran = bed.run(&hungry("60Mi"), way, &["--retries", "4", "--max-memory", "1Gi"]);
        let summary = ran.well();
        assert_eq!(summary["done"], 1, "{ran}");
        assert_eq!(bed.read("ok.txt"), "ok\n");
        let starts = bed.read("starts.txt").lines().count();
        assert!((3..=5).contains(&starts), "{starts}: {ran}");
        bed.nothing_is_left();

        // More than that is not given.
        let ran = bed.run(&hungry("60Mi"), way, &["--retries", "1", "--max-memory", "62Mi"]);
        failed(&ran, 2, &["out of memory", "62 MiB"]);
        bed.nothing_is_left();
    }
}

/// A task that can never be run, and one beside it.
fn impossible(more: &serde_json::Value) -> Flow {
    Flow::default().task_with("bad", &["true"], &[], &[], more).sh(
        "other",
        "echo other > other.txt",
        &[],
        &["other.txt"],
    )
}

fn is_told(ways: &[Way], flow: &Flow, more: &[&str], words: &[&str]) {
    for &way in ways {
        let Some(bed) = Bed::with_claim("a task that can never be run") else { return };
        let ran = bed.run(flow, way, &[&["--keep-going", "--retries", "3"], more].concat());
        failed(&ran, 1, words);
        assert_eq!(bed.read("other.txt"), "other\n", "{ran}");
        bed.nothing_is_left();
    }
}

#[test]
fn an_image_that_cannot_be_had_is_told() {
    let image = "docker.io/local/no-such-image:1";
    let words = ["an image could not be pulled", "no-such-image"];
    is_told(&WAYS, &impossible(&json!({"image": image})), &["--image-wait", "3"], &words);
}

#[test]
fn an_image_that_no_registry_has_is_told() {
    let image = "registry.invalid/no-such-image:1";
    let words = ["an image could not be pulled", "no-such-image"];
    let more = ["--image-wait", "8", "--image-pull-policy", "IfNotPresent"];
    is_told(&[Way::Pool, Way::Alone], &impossible(&json!({"image": image})), &more, &words);
}

#[test]
fn what_no_node_can_take_is_told_in_the_words_of_the_scheduler() {
    let words = ["no node can take its pod", "Insufficient cpu"];
    is_told(&WAYS, &impossible(&json!({"cpu": 1000})), &["--schedule-wait", "3"], &words);
}

/// All tasks of a run fail by what its pods are.
fn all_is_told(way: Way, more: &[&str], words: &[&str]) {
    let Some(bed) = Bed::with_claim("pods that cannot be") else { return };
    let flow = Flow::default().sh("bad", "true", &[], &[]);
    let ran = bed.run(&flow, way, more);
    failed(&ran, 1, words);
    bed.nothing_is_left();
}

#[test]
fn a_worker_image_that_cannot_be_had_is_told() {
    for way in [Way::Pool, Way::Alone] {
        let more = ["--worker-image", "docker.io/local/no-worker:1", "--image-wait", "3"];
        all_is_told(way, &more, &["an image could not be pulled", "no-worker"]);
    }
}

#[test]
fn a_claim_that_is_not_there_is_told() {
    for way in [Way::Pool, Way::Alone] {
        all_is_told(
            way,
            &["--claim", "nothing", "--schedule-wait", "3"],
            &["\"nothing\" not found"],
        );
    }
}

#[test]
fn pods_that_the_namespace_forbids_are_told() {
    for way in [Way::Pool, Way::Alone] {
        all_is_told(way, &["--run-as", "0:0", "--image-wait", "8"], &["violates PodSecurity"]);
    }
}

#[test]
fn an_account_that_is_not_there_is_told() {
    let more = ["--service-account", "nobody", "--image-wait", "8"];
    all_is_told(Way::Alone, &more, &["serviceaccount", "nobody"]);
}

fn quota(bed: &Bed, hard: &serde_json::Value) {
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "little"}, "spec": {"hard": hard},
    });
    bed.namespace.done(&["create", "-f", "-"], &quota.to_string());
    bed.until("the quota", || {
        !bed.kubectl(&["get", "resourcequota", "little", "--output=jsonpath={.status.hard}"])
            .is_empty()
    });
}

#[test]
fn a_quota_that_lets_no_pod_be_is_told() {
    for way in [Way::Pool, Way::Alone] {
        let Some(bed) = Bed::with_claim("a_quota_that_lets_no_pod_be_is_told") else { return };
        quota(&bed, &json!({"pods": "0"}));
        let flow = Flow::default().sh("bad", "true", &[], &[]);
        let ran = bed.run(&flow, way, &["--quota-wait", "3"]);
        failed(&ran, 1, &["a quota forbids its pod", "exceeded quota: little"]);
        bed.nothing_is_left();
    }
}

#[test]
fn with_a_small_quota_it_takes_longer() {
    for (way, hard) in [
        (Way::Pool, json!({"pods": "2"})),
        (Way::Alone, json!({"pods": "2"})),
        (Way::Alone, json!({"count/jobs.batch": "2"})),
    ] {
        let Some(bed) = Bed::with_claim("with_a_small_quota_it_takes_longer") else { return };
        quota(&bed, &hard);
        let mut flow = Flow::default();
        for number in 0..5 {
            let file = format!("{number}.txt");
            flow = flow.sh(&format!("t{number}"), &format!("echo a >> {file}"), &[], &[&file]);
        }
        let ran = bed.run(&flow, way, &[]);
        assert_eq!(ran.well()["done"], 5, "{way:?} {hard}: {ran}");
        for number in 0..5 {
            assert_eq!(bed.read(&format!("{number}.txt")), "a\n", "{ran}");
        }
        bed.nothing_is_left();
    }
}
