//! Objects of a real cluster, and how ready they are. `golden/capture` makes them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use k8s_apply::readiness::{self, Address, JobGoal, Options, StorageClasses, pods};
use k8s_apply::{Object, Readiness};
use serde_json::Value;

/// The files of a folder of `golden`, in their order, with their names.
fn files(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut paths: Vec<PathBuf> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
    };
    paths.into_iter().map(read).collect()
}

fn object(value: &Value) -> Object {
    Object::try_from(value.clone()).unwrap()
}

/// The text, and what a caller with a clock sees beside it.
fn shown(readiness: &Readiness) -> String {
    let stuck = readiness.stuck().map(|stuck| {
        let since = if stuck.since.is_some() { ", since a known time" } else { "" };
        format!(" [stuck: {:?}{since}]", stuck.kind)
    });
    format!("{readiness}{}", stuck.unwrap_or_default())
}

#[test]
fn objects_of_a_real_cluster_are_judged() {
    let mut options = Options::default();
    let classes: Vec<Object> = files("status").iter().map(|(_, value)| object(value)).collect();
    options.storage_classes = StorageClasses::of(&classes);
    let mut table = String::new();
    for (name, value) in files("status") {
        let readiness = readiness::of(&object(&value), &options);
        writeln!(table, "{name:<40} {}", shown(&readiness)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn options_change_what_counts_as_ready() {
    let options = Options {
        jobs: JobGoal::Started,
        load_balancer_address: Address::Optional,
        ingress_address: Address::Required,
        ..Options::default()
    };
    let mut table = String::new();
    for (name, value) in files("status") {
        let [by_default, changed] =
            [&Options::default(), &options].map(|options| readiness::of(&object(&value), options));
        if by_default != changed {
            writeln!(table, "{name:<40} {by_default} -> {changed}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn pods_and_warnings_of_a_real_cluster_tell_why() {
    let mut text = String::new();
    for (name, value) in files("pods") {
        let list =
            |key: &str| value[key].as_array().unwrap().iter().map(object).collect::<Vec<_>>();
        let workload = object(&value["workload"]);
        let why = pods::why(&workload, &list("pods"), &list("events"));
        writeln!(text, "{name}: {}", workload.key()).unwrap();
        for cause in why.causes {
            let stuck = cause.stuck.map(|kind| format!(" [stuck: {kind:?}]")).unwrap_or_default();
            writeln!(text, "    {cause}{stuck}").unwrap();
        }
        if let Some(log) = why.log {
            let previous = if log.previous { ", its last run" } else { "" };
            writeln!(text, "    log of {} {}{previous}", log.pod, log.container).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_verdict_is_json_for_programs() {
    let mut lines = String::new();
    for name in ["pod-unschedulable", "deployment-zero", "deployment-ready", "job-failed"] {
        let value = files("status").into_iter().find(|(file, _)| file == name).unwrap().1;
        let readiness = readiness::of(&object(&value), &Options::default());
        let mut json = serde_json::to_value(&readiness).unwrap();
        if let Some(since) = json.pointer_mut("/stuck/since") {
            *since = "(time)".into();
        }
        writeln!(lines, "{json}").unwrap();
    }
    insta::assert_snapshot!(lines);
}
