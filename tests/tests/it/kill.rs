//! The engine is killed at random moments of a real run and resumed until the run ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tests::{all_tiers, output_of, wf_run_in};
use workflow_engine::store::read;

/// Notes its start, complains if a task of its name is still alive, works, and notes its effect. (A killed
/// process that nobody has reaped yet is not alive, and a pid may be used again: so the time when it began counts.)
const TASK: &str = r#"
name=$1; pause=$2
if [ -e "live/$name" ]; then
    read -r pid born < "live/$name"
    if read -r stat 2>/dev/null < "/proc/$pid/stat"; then
        set -- $stat
        if [ "${22}" = "$born" ] && [ "$3" != Z ] && [ "$3" != X ]; then echo "$name" >> doubles; fi
    fi
fi
read -r stat < /proc/$$/stat
set -- $stat
echo "$$ ${22}" > "live/$name"
echo "$name" >> starts
[ "$pause" = 0 ] || sleep "$pause"
echo "$name" >> effects
rm -f "live/$name"
"#;

/// Four levels of twelve tasks; each takes two inputs of the level before. Every third task sleeps before
/// it writes, some of them through a child process in the background.
fn workflow() -> serde_json::Value {
    let (levels, width) = (4, 12);
    let signal = |level: usize, at: usize| level * width + at;
    let mut processes = Vec::new();
    for level in 0..levels {
        for at in 0..width {
            let name = format!("t{level}-{at}");
            let pause = match at % 3 {
                0 => "0.02",
                1 if at % 2 == 0 => "0.005",
                _ => "0",
            };
            processes.push(json!({
                "name": name, "function": "command", "firingLimit": 1,
                "config": {"executor": {"executable": "sh", "args": ["-c", TASK, "sh", name, pause]}},
                "ins": [signal(level, at), signal(level, (at + 5) % width)],
                "outs": [signal(level + 1, at)],
            }));
        }
    }
    let signals: Vec<_> = (0..(levels + 1) * width)
        .map(|at| {
            if at < width {
                json!({"name": format!("s{at}"), "data": [{}]})
            } else {
                json!({"name": format!("s{at}")})
            }
        })
        .collect();
    json!({"name": "kill", "processes": processes, "signals": signals,
           "ins": (0..width).collect::<Vec<_>>(), "outs": []})
}

fn count_lines(path: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

/// A small generator of random numbers: a failing run can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Starts the engine and kills it after a while. True: it had ended by itself.
fn run_and_kill(dir: &Path, args: &[&str], after: Duration) -> bool {
    let mut engine: Child = wf_run_in(dir, args)
        .stdout(Stdio::null())
        .stderr(fs::File::options().append(true).create(true).open(dir.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let until = Instant::now() + after;
    while Instant::now() < until {
        if let Some(status) = engine.try_wait().unwrap() {
            let said = fs::read_to_string(dir.join("stderr")).unwrap_or_default();
            assert!(status.success(), "the engine failed: {status}\n{said}");
            return true;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    // SIGKILL: the engine has no chance to tidy up.
    engine.kill().unwrap();
    let _ = engine.wait();
    false
}

/// (task name, times it was started) of everything that the journal calls done.
fn done_and_starts(dir: &Path) -> BTreeMap<String, usize> {
    let runs: Vec<_> = fs::read_dir(dir.join(".windlass/runs"))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("journal").exists())
        .collect();
    let Some(run) = runs.first() else { return BTreeMap::new() };
    let Ok(contents) = read(&run.path()) else { return BTreeMap::new() };
    let starts = count_lines(&dir.join("starts"));
    let names = |process: u32| format!("t{}-{}", process / 12, process % 12);
    let done = contents.history.records.iter().filter(|record| record.done);
    done.map(|record| names(record.process))
        .map(|name| (name.clone(), starts.get(&name).copied().unwrap_or(0)))
        .collect()
}

#[test]
fn a_run_killed_at_random_moments_loses_nothing_and_repeats_nothing() {
    let wanted = if all_tiers() { 200 } else { 25 };
    let seed = u64::from(std::process::id()) | 1 << 32;
    let mut random = Random(seed);
    let mut kills = 0;
    let mut runs = 0;
    let begun = Instant::now();
    while kills < wanted {
        assert!(begun.elapsed() < Duration::from_mins(10), "too slow: {kills} kills");
        runs += 1;
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        fs::create_dir(dir.join("live")).unwrap();
        fs::write(dir.join("w.json"), workflow().to_string()).unwrap();
        let mut sealed: BTreeMap<String, usize> = BTreeMap::new();
        let mut begun_run = false;
        loop {
            let args: &[&str] = if begun_run {
                &["resume", "-j", "4", "--progress", "none"]
            } else {
                &["w.json", "-j", "4", "--progress", "none"]
            };
            let after = Duration::from_micros(random.below(90_000));
            let ended = run_and_kill(dir, args, after);
            for (name, starts) in done_and_starts(dir) {
                let before = *sealed.entry(name.clone()).or_insert(starts);
                assert_eq!(before, starts, "{name} was done and ran again (seed {seed})");
            }
            // Killed before the run had a journal: nothing to resume yet.
            begun_run |= !output_of(dir, &["status"]).stdout.is_empty();
            if !begun_run {
                let _ = fs::remove_dir_all(dir.join(".windlass"));
            }
            if ended {
                break;
            }
            kills += 1;
        }
        let effects = count_lines(&dir.join("effects"));
        assert_eq!(effects.len(), 48, "some effect is missing (seed {seed}): {effects:?}");
        assert_eq!(sealed.len(), 48, "the journal misses some task (seed {seed})");
        let doubles = fs::read_to_string(dir.join("doubles")).unwrap_or_default();
        assert!(doubles.is_empty(), "two tasks of one name at once (seed {seed}): {doubles}");
    }
    eprintln!("{kills} kills in {runs} runs");
}
