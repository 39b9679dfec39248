//! A fault and a kill at every call of a small run: in the end all is as after a run that was not disturbed, nothing is
//! left over, and nothing that had ended ran twice.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tests::proxy::{Fault, Log, Proxy, Rule};
use workflow_engine::store::read;

use super::LONG;
use super::bed::{Bed, Ran, Way};
use super::flow::Flow;

/// A bed behind a proxy, used for case after case.
struct Lane {
    bed: Bed,
    proxy: Proxy,
}

impl Lane {
    fn new(test: &str) -> Option<Self> {
        let mut bed = Bed::with_claim(test)?;
        let proxy = Proxy::start(bed.cluster.kubeconfig());
        bed.kubeconfig = proxy.kubeconfig();
        bed.write("w.json", &flow().text());
        Some(Self { bed, proxy })
    }

    /// As if nothing had been run here.
    fn clean(&self) {
        let _ = std::fs::remove_dir_all(self.bed.dir().join(".windlass"));
        for name in ["starts.txt", "ends.txt"] {
            let _ = std::fs::remove_file(self.bed.dir().join(name));
        }
        self.proxy.reset();
    }

    /// What is wrong with what came of it.
    fn check(&self, ran: &Ran, starts: std::ops::RangeInclusive<usize>) -> Result<(), String> {
        let log = self.proxy.log();
        let wrong = |what: String| Err(format!("{what}\n{ran}\n{log}"));
        if ran.code != Some(0) {
            return wrong("it failed".to_owned());
        }
        let ends = lines(&self.bed.read("ends.txt"));
        if ends.len() != TASKS || ends.values().any(|&count| count != 1) {
            return wrong(format!("ends: {ends:?}"));
        }
        let begins = lines(&self.bed.read("starts.txt"));
        if begins.len() != TASKS || begins.values().any(|count| !starts.contains(count)) {
            return wrong(format!("starts: {begins:?}"));
        }
        let began = Instant::now();
        loop {
            let left = self.bed.left();
            if left.is_empty() {
                return Ok(());
            }
            if began.elapsed() > Duration::from_secs(10) {
                return wrong(format!("left over: {left:?}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

const TASKS: usize = 3;

/// Two tasks, and one that needs both.
fn flow() -> Flow {
    let line =
        |name: &str| format!("echo {name} >> starts.txt; sleep 0.2; echo {name} >> ends.txt");
    Flow::default().sh("a", &line("a"), &[], &["a"]).sh("b", &line("b"), &[], &["b"]).sh(
        "c",
        &line("c"),
        &["a", "b"],
        &["c"],
    )
}

fn lines(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    counts
}

/// Cases 1, 2, ... in lanes side by side, until one says that there are no more.
fn in_lanes(test: &str, lanes: usize, case: impl Fn(&Lane, usize) -> Result<bool, String> + Sync) {
    let next = AtomicUsize::new(1);
    let is_over = AtomicUsize::new(usize::MAX);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                let Some(mut lane) = Lane::new(test) else { return };
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    lane.clean();
                    match case(&lane, number) {
                        Ok(true) => {}
                        Ok(false) => {
                            is_over.fetch_min(number, Ordering::Relaxed);
                        }
                        Err(fault) => {
                            wrong.lock().unwrap().push(format!("case {number}: {fault}"));
                            // What it left behind says nothing about the next case.
                            let Some(other) = Lane::new(test) else { return };
                            lane = other;
                        }
                    }
                }
            });
        }
    });
    let cases = is_over.load(Ordering::Relaxed).min(next.load(Ordering::Relaxed));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{test}: {} of {cases}:\n{}", wrong.len(), wrong.join("\n\n"));
}

fn faults() -> [Fault; 8] {
    [
        Fault::error(500, "something is wrong inside"),
        Fault::cut(),
        Fault::lost_answer(),
        Fault::too_many_requests(1),
        Fault::plain(502, "bad gateway"),
        Fault::cut_body(40),
        Fault::webhook_failed("hook.example.org"),
        Fault::error(503, "the server is currently unable to handle the request"),
    ]
}

/// Every call fails once, in one of the ways that pass by themselves, and every write in the four that matter most.
fn with_faults(test: &str, way: Way, writes: bool) {
    in_lanes(test, 3, |lane, number| {
        let (nth, fault) = if writes {
            (1 + (number - 1) / 4, faults()[(number - 1) % 4].clone())
        } else {
            (number, faults()[number % faults().len()].clone())
        };
        let rule = Rule::new(fault).nth(nth);
        lane.proxy.fault(if writes { rule.writes() } else { rule });
        let ran = lane.bed.start(way, &[]).end();
        let is_due = !lane.proxy.log().faults().is_empty();
        lane.check(&ran, 1..=1)?;
        Ok(is_due)
    });
}

#[test]
fn single_jobs_do_well_in_spite_of_one_failed_call_whichever_it_is() {
    with_faults("single jobs with one failed call", Way::Alone, false);
}

#[test]
fn single_jobs_do_well_in_spite_of_one_failed_write_whichever_it_is() {
    with_faults("single jobs with one failed write", Way::Alone, true);
}

#[test]
fn a_pool_does_well_in_spite_of_one_failed_call_whichever_it_is() {
    with_faults("a pool with one failed call", Way::Pool, false);
}

/// What the server refuses for good is told in its words, and nothing hangs.
#[test]
fn a_create_that_is_refused_for_good_is_told() {
    let test = "a_create_that_is_refused_for_good_is_told";
    for way in [Way::Pool, Way::Alone, Way::Clustered] {
        let Some(lane) = Lane::new(test) else { return };
        for code in [403, 422] {
            lane.clean();
            let refusal = Fault::error(code, "this is not to be");
            lane.proxy.fault(Rule::new(refusal).method("POST").path("/jobs"));
            let ran = lane.bed.start(way, &[]).end();
            assert_eq!(ran.code, Some(1), "{way:?}: {ran}\n{}", lane.proxy.log());
            assert!(ran.out.contains("this is not to be"), "{way:?}: {ran}");
            lane.proxy.clear_faults();
            lane.bed.nothing_is_left();
        }
    }
}

/// The first creates are put off, each in one of these ways: it takes longer, and no more.
#[test]
fn creates_that_are_put_off_are_done_later() {
    let test = "creates_that_are_put_off_are_done_later";
    for way in [Way::Pool, Way::Alone] {
        let Some(lane) = Lane::new(test) else { return };
        for fault in [
            Fault::too_many_requests(1),
            Fault::quota_conflict("everything"),
            Fault::error(500, "something is wrong inside"),
        ] {
            lane.clean();
            lane.proxy.fault(Rule::new(fault.clone()).method("POST").path("/jobs").times(3));
            let ran = lane.bed.start(way, &[]).end();
            lane.check(&ran, 1..=1).unwrap_or_else(|wrong| panic!("{way:?} {fault:?}: {wrong}"));
        }
    }
}

/// Starts it with this rule, kills it when it comes to that, and answers what was called; none: it ended before.
fn kill(lane: &Lane, way: Way, stop: Rule) -> Result<Option<Log>, String> {
    lane.proxy.fault(stop);
    let mut running = lane.bed.start(way, &[]);
    let began = Instant::now();
    while !lane.proxy.wait_until_stopped(Duration::from_millis(10)) {
        if running.has_ended() {
            let ran = running.end();
            return if ran.code == Some(0) { Ok(None) } else { Err(ran.to_string()) };
        }
        if began.elapsed() > LONG {
            return Err(format!("neither stopped nor ended: {}", lane.proxy.log()));
        }
    }
    running.kill();
    let log = lane.proxy.log();
    lane.proxy.clear_faults();
    Ok(Some(log))
}

/// Killed before and after each write, and gone on with.
fn with_kills(test: &str, way: Way) {
    in_lanes(test, 3, |lane, number| {
        let stop = Fault::stop();
        let stop = if number % 2 == 0 { stop.after_forwarding() } else { stop };
        let rule = Rule::new(stop).writes().nth(number.div_ceil(2));
        let Some(first) = kill(lane, way, rule)? else { return Ok(false) };
        lane.proxy.reset();
        let ran = lane.bed.resume(way, &[]);
        // A run that had ended is nothing to go on with.
        let had_ended = ran.code != Some(0) && ran.err.contains("has ended");
        // What was running when it was killed may have been ended by what was sent before; it never ends twice.
        let checked = if had_ended { Ok(()) } else { lane.check(&ran, 1..=2) };
        checked.map_err(|fault| format!("{fault}\nafter a kill:\n{first}"))?;
        Ok(true)
    });
}

#[test]
fn single_jobs_go_on_after_a_kill_at_any_write() {
    with_kills("single jobs killed at each write", Way::Alone);
}

#[test]
fn a_pool_goes_on_after_a_kill_at_any_write() {
    with_kills("a pool killed at each write", Way::Pool);
}

#[test]
fn groups_go_on_after_a_kill_at_any_write() {
    with_kills("groups killed at each write", Way::Clustered);
}

/// The bytes of the newest run's journal.
fn journal(bed: &Bed) -> u64 {
    let runs = std::fs::read_dir(bed.dir().join(".windlass/runs"));
    let journals = runs.into_iter().flatten().flatten().map(|run| run.path().join("journal"));
    journals
        .filter_map(|journal| journal.metadata().ok())
        .map(|about| about.len())
        .max()
        .unwrap_or(0)
}

/// Killed as soon as the journal has grown so often.
fn after_each_record(test: &str, way: Way) {
    in_lanes(test, 3, |lane, number| {
        let mut running = lane.bed.start(way, &[]);
        let (mut grown, mut size) = (0, 0);
        let began = Instant::now();
        while grown < number {
            if running.has_ended() {
                let ran = running.end();
                lane.check(&ran, 1..=1)?;
                return Ok(false);
            }
            if began.elapsed() > LONG {
                return Err("it does not end".to_owned());
            }
            let now = journal(&lane.bed);
            if now > size {
                (size, grown) = (now, grown + 1);
            } else {
                thread::sleep(Duration::from_micros(300));
            }
        }
        running.kill();
        let done = done(lane);
        let ended_before = lines(&lane.bed.read("ends.txt"));
        let ran = lane.bed.resume(way, &[]);
        if ran.err.contains("the run had not begun") {
            let left = lane.bed.left();
            return if left.is_empty() { Ok(true) } else { Err(format!("left over: {left:?}")) };
        }
        lane.check(&ran, 1..=2)?;
        let begins = lines(&lane.bed.read("starts.txt"));
        let again = ended_before.keys().find(|name| begins[*name] > 1);
        match again {
            Some(name) => {
                Err(format!("{name} had ended, {done} were recorded, and it ran again\n{ran}"))
            }
            None => Ok(true),
        }
    });
}

/// How many tasks the journal calls done.
fn done(lane: &Lane) -> usize {
    let runs = std::fs::read_dir(lane.bed.dir().join(".windlass/runs"));
    let mut runs = runs.into_iter().flatten().flatten().map(|run| run.path());
    let contents = runs.next().and_then(|run| read(&run).ok());
    contents
        .map_or(0, |contents| contents.history.records.iter().filter(|record| record.done).count())
}

#[test]
fn a_pool_goes_on_after_a_kill_at_any_record() {
    after_each_record("a pool killed at each record", Way::Pool);
}

#[test]
fn single_jobs_go_on_after_a_kill_at_any_record() {
    after_each_record("single jobs killed at each record", Way::Alone);
}
