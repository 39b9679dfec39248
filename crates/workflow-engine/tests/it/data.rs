//! Every real workflow file loads, with the figures that are known of it.

use std::collections::{BTreeSet, HashMap};
use std::fs;

use serde_json::Value;
use workflow_engine::model::{Format, Variables, Workflow};
use workflow_engine::{Shape, read_file};

use crate::support::data_folder;

/// (file's number, processes, signals, edges, levels, width); `None`: not stated anywhere.
type Row = (&'static str, usize, usize, Option<usize>, Option<usize>, Option<usize>);

/// As the notes on `HyperFlow` state them.
const KNOWN: [Row; 8] = [
    ("04-", 5, 8, Some(6), Some(3), Some(3)),
    ("06-", 31, 66, Some(45), Some(8), Some(6)),
    ("07-", 44, 98, Some(96), Some(10), Some(17)),
    ("08-", 52, 114, Some(90), Some(11), Some(21)),
    ("09-", 157, 322, Some(354), Some(11), Some(100)),
    ("10-", 143, 320, Some(351), Some(9), Some(73)),
    ("11-", 10_429, 22_962, Some(27_883), Some(11), Some(6_172)),
    ("12-", 16_413, 27_870, Some(37_245), Some(8), Some(9_652)),
];

#[test]
fn every_workflow_loads_with_the_known_figures() {
    let Some(folder) = data_folder("workflows") else { return };
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 12);
    for path in files {
        let text = read_file(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let raw: Value = serde_json::from_str(&text).unwrap();
        let workflow = match Workflow::from_text(text, &Variables::new()) {
            Ok(workflow) => workflow,
            Err((_, invalid)) => panic!("{name}: {invalid}"),
        };
        assert_eq!(workflow.format(), Format::HyperFlow, "{name}");
        let count = |key: &str, alias: &str| {
            raw.get(key).or(raw.get(alias)).and_then(Value::as_array).unwrap().len()
        };
        assert_eq!(workflow.process_count(), count("processes", "tasks"), "{name}");
        assert_eq!(workflow.signal_count(), count("signals", "data"), "{name}");
        let Some(row) = KNOWN.iter().find(|row| name.starts_with(row.0)) else { continue };
        let Shape { edges, levels, width } = workflow.shape();
        let found = (
            workflow.process_count(),
            workflow.signal_count(),
            row.3.map(|_| edges),
            row.4.map(|_| levels),
            row.5.map(|_| width),
        );
        assert_eq!(found, (row.1, row.2, row.3, row.4, row.5), "{name}");
    }
}

#[test]
fn every_wfformat_instance_loads_with_its_tasks_and_edges() {
    let Some(folder) = data_folder("wfformat") else { return };
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        files += 1;
        let path = entry.unwrap().path();
        let text = read_file(&path).unwrap();
        let raw: Value = serde_json::from_str(&text).unwrap();
        let tasks = raw["workflow"]["specification"]["tasks"].as_array().unwrap().clone();
        let id = |value: &Value| value.as_str().unwrap().to_owned();
        let edges: BTreeSet<(String, String)> = tasks
            .iter()
            .flat_map(|task| {
                task["parents"].as_array().unwrap().iter().map(|p| (id(p), id(&task["id"])))
            })
            .collect();
        let workflow = Workflow::parse(&text, &Variables::new()).unwrap();
        assert_eq!(workflow.format(), Format::WfFormat);
        assert_eq!(workflow.process_count(), tasks.len(), "{}", path.display());
        assert_eq!(workflow.shape().edges, edges.len(), "{}", path.display());
        let recorded: HashMap<String, f64> = raw["workflow"]["execution"]["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| (id(&task["id"]), task["runtimeInSeconds"].as_f64().unwrap()))
            .collect();
        for process in workflow.processes() {
            let seconds = workflow.recorded_seconds(process.id()).unwrap();
            let known = recorded[process.name()];
            assert!((seconds - known).abs() <= known.abs() * 1e-5, "{}", process.name());
            assert_eq!(process.firing_limit(), Some(1));
        }
    }
    assert_eq!(files, 5);
}
