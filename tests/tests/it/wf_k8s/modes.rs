//! Each way to run a workflow: what comes of it is what a run on this machine makes.

use std::fs;

use serde_json::json;
use tests::output_of;

use super::bed::{Bed, Way, files};
use super::flow::Flow;

/// Words that a shell, a template, or Kubernetes would make something else of.
const WORDS: [&str; 14] = [
    "a b",
    "it's",
    "\"q\"",
    "$(X)",
    "$$(X)",
    "$(WF_BATCH_0)",
    "${HOME}",
    "`id`",
    "line\nbreak",
    "",
    "ünï",
    "*",
    "\\n",
    "; exit 3",
];

/// All that a task can say of itself, and tasks that need what others made.
fn everything() -> Flow {
    let mut words = vec!["sh", "-c", "printf '%s|' \"$@\" > words.txt; echo ${#} words", "sh"];
    words.extend(WORDS);
    Flow::default()
        .sh("first", "cat given.txt > a.txt; echo said; echo complained >&2", &["given.txt"], &["a.txt"])
        .task("words", &words, &["given.txt"], &["words.txt"])
        .task_with("out", &["echo", "to", "a file"], &[], &["out.txt"], &json!({"stdout": "out.txt"}))
        .task_with(
            "both",
            &["sh", "-c", "echo o; echo e >&2"],
            &[],
            &["o.txt", "e.txt"],
            &json!({"stdout": "o.txt", "stderr": "e.txt"}),
        )
        .task_with(
            "env",
            &["sh", "-c", "echo \"$A|$B\" > env.txt"],
            &[],
            &["env.txt"],
            &json!({"env": {"A": "a b $(C)", "B": "line\nbreak"}}),
        )
        .sh("many", "for i in 1 2 3 4; do echo $i; done > many.txt", &["a.txt"], &["many.txt"])
        .sh("binary", "printf '\\000\\377\\n' > binary.bin", &[], &["binary.bin"])
        .sh("empty", ": > empty.txt", &[], &["empty.txt"])
        .sh(
            "all",
            "cat a.txt words.txt out.txt o.txt e.txt env.txt many.txt binary.bin empty.txt > all.txt",
            &["a.txt", "words.txt", "out.txt", "o.txt", "e.txt", "env.txt", "many.txt", "binary.bin", "empty.txt"],
            &["all.txt"],
        )
}

const TASKS: u64 = 9;

/// Runs the same on this machine and on the cluster.
fn as_on_this_machine(bed: &Bed, way: Way) {
    let local = tempfile::tempdir().unwrap();
    fs::write(local.path().join("w.json"), everything().text()).unwrap();
    fs::write(local.path().join("given.txt"), "given\n").unwrap();
    let said = output_of(local.path(), &["w.json", "--progress", "none"]);
    assert!(said.status.success(), "{said:?}");
    bed.write("given.txt", "given\n");

    let ran = bed.run(&everything(), way, &[]);
    let summary = ran.well();
    assert_eq!(summary["done"], TASKS, "{ran}");
    assert_eq!(summary["missing_files"], json!([]), "{ran}");
    let (here, there) = (files(local.path()), bed.files());
    let names = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        files.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&there), names(&here), "{ran}");
    for (name, bytes) in &here {
        let found = &there[name];
        assert_eq!(String::from_utf8_lossy(found), String::from_utf8_lossy(bytes), "{name}");
        assert_eq!(found, bytes, "{name}");
    }
    for task in ["first", "words"] {
        let said = output_of(local.path(), &["logs", task]);
        assert_eq!(bed.logs(task), String::from_utf8_lossy(&said.stdout), "the logs of {task}");
    }
    bed.nothing_is_left();
}

#[test]
fn a_pool_makes_what_a_local_run_makes() {
    let Some(bed) = Bed::new("a_pool_makes_what_a_local_run_makes") else { return };
    as_on_this_machine(&bed, Way::Pool);
}

#[test]
fn a_pool_behind_a_relay_makes_what_a_local_run_makes() {
    let test = "a_pool_behind_a_relay_makes_what_a_local_run_makes";
    let Some(bed) = Bed::new(test) else { return };
    as_on_this_machine(&bed, Way::Relay);
}

#[test]
fn single_jobs_make_what_a_local_run_makes() {
    let Some(bed) = Bed::new("single_jobs_make_what_a_local_run_makes") else { return };
    as_on_this_machine(&bed, Way::Job);
}

#[test]
fn groups_make_what_a_local_run_makes() {
    let Some(bed) = Bed::new("groups_make_what_a_local_run_makes") else { return };
    as_on_this_machine(&bed, Way::Clustered);
}

#[test]
fn with_a_claim_each_way_makes_what_a_local_run_makes() {
    let test = "with_a_claim_each_way_makes_what_a_local_run_makes";
    for way in [Way::Pool, Way::Alone, Way::Job, Way::Clustered, Way::Relay] {
        let Some(bed) = Bed::with_claim(test) else { return };
        as_on_this_machine(&bed, way);
    }
}
