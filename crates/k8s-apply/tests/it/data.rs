//! Real manifests of the shared data: skipped visibly where they are absent.

use std::path::{Path, PathBuf};

use diagnostics::Problem;
use k8s_apply::convert::{convert_manifest, find, lint};
use k8s_apply::manifest::{Input, LoadOptions, load};
use k8s_apply::order::plan_manifests;
use serde_json::Value;

/// The folder with the shared data, if it is there.
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn shared(folder: &str, test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WINDLASS_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {test}: {} is not there", path.display());
    None
}

/// All objects of the API that a JSON document holds somewhere.
fn objects<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    let has = |pointer: &str| value.pointer(pointer).is_some_and(Value::is_string);
    if has("/apiVersion") && has("/kind") && has("/metadata/name") {
        found.push(value);
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        Value::Object(map) => map.values().for_each(|item| objects(item, found)),
        _ => {}
    }
}

/// The files of a folder and of those in it that have an ending.
fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, endings, found);
        } else if path.extension().is_some_and(|end| endings.iter().any(|known| end == *known)) {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn objects_of_the_shared_data_are_read_and_converted() {
    let test = "objects_of_the_shared_data_are_read_and_converted";
    let mut seen = 0;
    for folder in ["hap", "teraslice"] {
        let Some(folder) = shared(folder, test) else { return };
        let mut paths = Vec::new();
        files(&folder, &["json"], &mut paths);
        for path in paths {
            let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let mut found = Vec::new();
            objects(&document, &mut found);
            for (number, value) in found.iter().enumerate() {
                let name = format!("{} object {number}", path.display());
                let inputs = [Input::text(&name, value.to_string())];
                let loaded = load(&inputs, &LoadOptions::default());
                // One of the recorded labels ends with a dash, which no server takes.
                let known = |problem: &Problem| {
                    problem.code == "name" && problem.message.contains("key-2-")
                };
                let faults: Vec<_> =
                    loaded.problems.iter().filter(|one| one.is_error() && !known(one)).collect();
                assert!(faults.is_empty(), "{name}: {faults:?}");
                let manifest = &loaded.manifests[0];
                assert_eq!(lint(manifest, None).is_empty(), find(&manifest.object).is_none());
                let (new, _, losses) = convert_manifest(manifest);
                assert!(losses.is_empty(), "{name}: {losses:?}");
                assert!(find(&new.object).is_none());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} objects");
}

#[test]
fn files_of_other_programs_are_refused_with_their_places() {
    let test = "files_of_other_programs_are_refused_with_their_places";
    let Some(folder) = shared("pai", test) else { return };
    let mut paths = Vec::new();
    files(&folder, &["yaml"], &mut paths);
    assert!(paths.len() > 10);
    for path in paths {
        let loaded = load(&[Input::Path(path.clone())], &LoadOptions::default());
        let (schedule, _) = plan_manifests(&loaded.manifests, "default");
        assert_eq!(schedule.steps.concat().len(), loaded.manifests.len());
        assert!(loaded.has_errors(), "{}", path.display());
        assert!(loaded.problems.iter().all(|problem| problem.place.is_some()));
    }
}
