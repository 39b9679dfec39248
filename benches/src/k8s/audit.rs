//! The audit log of a control plane: who asked for what, and when.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// Who the engine is for the server: the administrator of `tests/cluster/up`.
const ENGINE: &str = "admin";
/// Who plays the nodes.
const NODES: &str = "nodes";
/// The account of the controller that makes the pods of Jobs.
const JOB_CONTROLLER: &str = "system:serviceaccount:kube-system:job-controller";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    stage_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

/// What was asked while a run went on.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Writes by who made them.
    pub(crate) writes: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// The engine's reads of objects and lists, by what they are for.
    pub(crate) engine_reads: BTreeMap<String, u64>,
    /// The most watches that the engine had open at once, for each kind.
    pub(crate) engine_watches: BTreeMap<String, u32>,
    /// How often the engine was told to slow down.
    pub(crate) slowed_down: u64,
    /// When the engine made Jobs, in seconds since midnight.
    pub(crate) jobs_made: Vec<f64>,
    /// When pods ended, in the same seconds.
    pub(crate) pods_ended: Vec<f64>,
}

impl Account {
    /// Reads the log from a place on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(path: &Path, from: u64) -> anyhow::Result<Self> {
        let failed = || format!("failed to read the audit log {}", path.display());
        let mut file = File::open(path).with_context(failed)?;
        file.seek(SeekFrom::Start(from)).with_context(failed)?;
        let mut account = Self::default();
        let mut open: HashMap<String, u32> = HashMap::new();
        let mut begun: HashSet<String> = HashSet::new();
        let mut told: HashMap<String, u32> = HashMap::new();
        for line in BufReader::new(file).lines() {
            let line = line.with_context(failed)?;
            // The last line may be half written.
            let Ok(entry) = serde_json::from_str::<Entry>(&line) else { continue };
            account.take(&entry, &mut open, &mut begun, &mut told);
        }
        Ok(account)
    }

    fn take(
        &mut self,
        entry: &Entry,
        open: &mut HashMap<String, u32>,
        begun: &mut HashSet<String>,
        told: &mut HashMap<String, u32>,
    ) {
        let user = entry.user.username.as_str();
        let object = &entry.object_ref;
        let kind = if object.subresource.is_empty() {
            object.resource.clone()
        } else {
            format!("{}/{}", object.resource, object.subresource)
        };
        if entry.verb == "watch" {
            if user != ENGINE {
                return;
            }
            let count = open.entry(kind.clone()).or_default();
            if entry.stage == "ResponseStarted" {
                begun.insert(entry.audit_id.clone());
                *count += 1;
                let most = self.engine_watches.entry(kind).or_default();
                *most = (*most).max(*count);
            } else if begun.remove(&entry.audit_id) {
                *count = count.saturating_sub(1);
            }
            return;
        }
        // A long answer is told of twice.
        if entry.stage != "ResponseComplete" {
            return;
        }
        if user == ENGINE && entry.response_status.code == 429 {
            self.slowed_down += 1;
        }
        if matches!(entry.verb.as_str(), "get" | "list") {
            if user == ENGINE && !object.resource.is_empty() {
                *self.engine_reads.entry(format!("{} {kind}", entry.verb)).or_default() += 1;
            }
            return;
        }
        // Nodes are kept alive whether anything runs or not.
        if kind == "leases" {
            return;
        }
        let who = match user {
            ENGINE => "engine",
            NODES => "nodes",
            JOB_CONTROLLER => "job controller",
            "system:kube-scheduler" => "scheduler",
            _ => "other controllers",
        };
        let what = format!("{} {kind}", entry.verb);
        *self.writes.entry(who).or_default().entry(what).or_default() += 1;
        let is_good = entry.response_status.code < 300;
        let Some(time) = seconds_of_day(&entry.stage_timestamp).filter(|_| is_good) else { return };
        if who == "engine" && entry.verb == "create" && kind == "jobs" {
            self.jobs_made.push(time);
        }
        // The first change of a pod's status says that it runs, the second that it has ended.
        if who == "nodes" && kind == "pods/status" {
            let count = told.entry(format!("{}/{}", object.namespace, object.name)).or_default();
            *count += 1;
            if *count == 2 {
                self.pods_ended.push(time);
            }
        }
    }

    /// All writes of one of them.
    pub(crate) fn writes_of(&self, who: &str) -> u64 {
        self.writes.get(who).map_or(0, |writes| writes.values().sum())
    }

    /// All writes.
    pub(crate) fn all_writes(&self) -> u64 {
        self.writes.values().flat_map(BTreeMap::values).sum()
    }
}

/// The most events of any second, and the rate over the whole time; `None` of less than two.
pub(crate) fn rates(times: &[f64]) -> Option<(f64, f64)> {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let (first, last) = (*times.first()?, *times.last()?);
    if last <= first {
        return None;
    }
    let mut most = 0;
    let mut from = 0;
    for (index, time) in times.iter().enumerate() {
        while time - times[from] >= 1.0 {
            from += 1;
        }
        most = most.max(index - from + 1);
    }
    Some((f64::from(most as u32), (times.len() - 1) as f64 / (last - first)))
}

/// `2026-11-21T13:49:07.123456Z` in seconds since midnight. A run over midnight would be misread by a day.
fn seconds_of_day(time: &str) -> Option<f64> {
    let (_, clock) = time.strip_suffix('Z')?.split_once('T')?;
    let mut parts = clock.split(':').map(str::parse::<f64>);
    let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    Some(hours * 3600.0 + minutes * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn calls_are_counted_by_who_made_them() {
        let mut text = String::new();
        let mut add = |id: u32, user: &str, verb: &str, stage: &str, object: &str, code: u16| {
            let _ = writeln!(
                text,
                r#"{{"auditID":"{id}","stage":"{stage}","verb":"{verb}","user":{{"username":"{user}"}},"objectRef":{object},"responseStatus":{{"code":{code}}},"stageTimestamp":"2026-11-21T00:01:0{id}.500000Z"}}"#
            );
        };
        let jobs = r#"{"resource":"jobs","namespace":"n","name":"j"}"#;
        let status = r#"{"resource":"pods","subresource":"status","namespace":"n","name":"p"}"#;
        add(1, "admin", "create", "ResponseComplete", jobs, 201);
        add(2, "admin", "create", "ResponseComplete", jobs, 429);
        add(3, "admin", "watch", "ResponseStarted", jobs, 200);
        add(3, "admin", "watch", "ResponseComplete", jobs, 200);
        add(4, "admin", "watch", "ResponseStarted", jobs, 200);
        add(5, "nodes", "patch", "ResponseComplete", status, 200);
        add(6, "nodes", "patch", "ResponseComplete", status, 200);
        add(7, JOB_CONTROLLER, "create", "ResponseComplete", r#"{"resource":"pods"}"#, 201);
        add(8, "nodes", "patch", "ResponseComplete", r#"{"resource":"leases"}"#, 200);
        add(9, "admin", "get", "ResponseComplete", jobs, 200);
        let folder = tempfile::tempdir().expect("scratch folder");
        let path = folder.path().join("audit.log");
        std::fs::write(&path, text + "{\"half").expect("written");
        let account = Account::read(&path, 0).expect("read");
        assert_eq!(account.writes_of("engine"), 2);
        assert_eq!(account.writes_of("job controller"), 1);
        assert_eq!(account.all_writes(), 5);
        assert_eq!(account.slowed_down, 1);
        assert_eq!(account.engine_watches["jobs"], 1);
        assert_eq!(account.engine_reads["get jobs"], 1);
        assert_eq!(account.jobs_made, [61.5]);
        assert_eq!(account.pods_ended, [66.5]);
    }

    #[test]
    fn a_rate_is_over_all_time_and_its_peak_over_a_second() {
        assert_eq!(rates(&[1.0]), None);
        assert_eq!(rates(&[0.0, 9.5, 9.7, 10.0]), Some((3.0, 0.3)));
    }
}
