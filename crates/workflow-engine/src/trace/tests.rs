use proptest::prelude::*;

use super::chrome::{Bar, pack};
use super::*;
use crate::journal::{Begin, Session};
use crate::model::Variables;
use crate::run::Status;
use crate::store::{History, RunState};

fn workflow() -> Workflow {
    let text = r#"{"processes": [
        {"name": "split", "firingLimit": 1, "ins": ["in"], "outs": ["a"]},
        {"name": "tab\there", "firingLimit": 3, "ins": ["a"], "outs": ["b"]}],
      "signals": [{"name": "in", "data": [{}]}, {"name": "a"}, {"name": "b"}],
      "ins": ["in"], "outs": ["b"]}"#;
    Workflow::parse(text, &Variables::new()).unwrap()
}

fn ended(process: u32, firing: u32, attempt: u32, times: [u64; 3], result: Verdict) -> Ended {
    let [queued_micros, started_micros, ended_micros] = times;
    Ended {
        process,
        firing,
        attempt,
        queued_micros,
        started_micros,
        ended_micros,
        cpu_micros: 1_500,
        peak_kib: 2048,
        result,
        files: Vec::new(),
    }
}

fn contents(ended: Vec<Ended>) -> Contents {
    let begin = Begin {
        run: "20261121-051200-test".to_owned(),
        epoch_micros: 1_795_238_000_000_000,
        source: "/data/workflow.json".to_owned(),
        copy: "workflow.json".to_owned(),
        work_dir: "/data".to_owned(),
        variables: Vec::new(),
        processes: 2,
        workflow_hash: 0,
        engine: "0.1.0".to_owned(),
    };
    let session = Session {
        pid: 77,
        host: "thor".to_owned(),
        boot_id: "another boot".to_owned(),
        at_micros: 100,
        slots: 2,
        executor: "local".to_owned(),
    };
    let running = Started { process: 1, firing: 3, attempt: 1, pid: 4711, boot_micros: 9_000_000 };
    Contents {
        begin,
        sessions: vec![session],
        history: History::default(),
        last_micros: ended.iter().map(|ended| ended.ended_micros).max().unwrap_or(0),
        ended,
        running: vec![running],
        state: RunState::Closed(Status::Failed),
        valid_bytes: 0,
        torn: false,
        torn_bytes: 0,
    }
}

fn sample() -> Contents {
    let failed = |failure| Verdict::Failed { failure, last: false };
    contents(vec![
        ended(0, 1, 1, [200, 300, 1_000_300], Verdict::Done),
        ended(1, 1, 1, [1_000_300, 1_000_400, 1_500_000], failed(Failure::Exit(3))),
        ended(1, 1, 2, [1_500_000, 1_500_000, 1_600_000], failed(Failure::Signal(9))),
        ended(1, 2, 1, [1_000_300, 1_000_400, 2_000_000], failed(Failure::TimedOut(900))),
        ended(1, 1, 3, [1_600_000, 1_600_000, 2_000_001], Verdict::Stopped),
        ended(9, 1, 1, [0, 0, 1], failed(Failure::NotStarted("no such\nfile".to_owned()))),
    ])
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn tsv_has_a_line_for_each_attempt() {
    let (contents, workflow) = (sample(), workflow());
    insta::assert_snapshot!(written(|out| write_tsv(rows(&contents, &workflow), out)));
}

#[test]
fn json_lines_have_an_object_for_each_attempt() {
    let (contents, workflow) = (sample(), workflow());
    let lines = written(|out| write_json_lines(rows(&contents, &workflow), out));
    insta::assert_snapshot!(lines);
    let array = written(|out| write_json(rows(&contents, &workflow), out));
    let array: Vec<serde_json::Value> = serde_json::from_str(&array).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(array, lines);
    assert_eq!(written(|out| write_json([], out)), "[]\n");
}

#[test]
fn chrome_trace_shows_lanes_and_waits() {
    let (contents, workflow) = (sample(), workflow());
    let text = written(|out| write_chrome(&contents, &workflow, out));
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_running_attempt_of_this_boot_has_its_start() {
    let mut contents = sample();
    contents.sessions[0].boot_id = boot_id();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    contents.begin.epoch_micros = u64::try_from(now).unwrap() - 60_000_000;
    contents.running[0].boot_micros = boot_micros() - 10_000_000;
    let workflow = workflow();
    let row = rows(&contents, &workflow).last().unwrap();
    let started = row.started_micros.unwrap();
    assert!((49_000_000..52_000_000).contains(&started), "{started}");
    assert_eq!(row.result, Fate::Running);
}

proptest! {
    #[test]
    fn lanes_never_overlap_and_are_as_few_as_possible(
        spans in prop::collection::vec((0_u64..200, 0_u64..40), 0..120)
    ) {
        let mut bars: Vec<Bar> =
            spans.iter().map(|&(start, took)| Bar { start, end: start + took, lane: 0 }).collect();
        let lanes = pack(&mut bars);
        for (at, one) in bars.iter().enumerate() {
            prop_assert!(one.lane < lanes);
            for other in &bars[at + 1..] {
                let apart = one.end <= other.start || other.end <= one.start;
                prop_assert!(apart || one.lane != other.lane, "{one:?} {other:?}");
            }
        }
        let most = (0..240).map(|at| {
            bars.iter().filter(|bar| bar.start <= at && at < bar.end).count()
        }).max().unwrap_or(0);
        // A bar without length needs a lane only for its moment.
        let instants = bars.iter().any(|bar| bar.start == bar.end);
        prop_assert!(lanes as usize <= most + usize::from(instants));
    }
}
