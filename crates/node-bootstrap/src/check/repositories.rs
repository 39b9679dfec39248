//! Repositories of packages.

use super::look::Looker;
use super::{Findings, Looked, Outcome, fail, pass, skip, warn};
use crate::host::HostError;
use crate::text::sources::{Format, STALE_HOSTS, in_use_at};
use crate::text::{clock, openpgp};

/// Folders and files with lists of repositories.
const FOLDERS: [&str; 2] = ["/etc/apt/sources.list.d", "/etc/yum.repos.d"];
const LIST: &str = "/etc/apt/sources.list";

pub(super) fn add(looker: &Looker<'_>, found: &mut Findings) {
    found.add("StaleK8sRepo", stale(looker));
    found.live(looker, "RepoKeyExpiry", key_expiry);
}

/// All lists with their formats and texts.
fn lists(looker: &Looker<'_>) -> Result<Vec<(String, Format, String)>, HostError> {
    let mut paths = vec![LIST.to_owned()];
    for folder in FOLDERS {
        let names = looker.host.list(folder)?;
        paths.extend(names.iter().map(|name| format!("{folder}/{name}")));
    }
    let mut lists = Vec::new();
    for path in paths {
        if let Some(format) = Format::of(&path) {
            let text = looker.text(&path)?;
            lists.push((path, format, text));
        }
    }
    Ok(lists)
}

fn stale(looker: &Looker<'_>) -> Looked {
    let mut stale = Vec::new();
    for (path, format, text) in lists(looker)? {
        for repository in in_use_at(format, &text, &STALE_HOSTS) {
            stale.push(format!("{path}:{}", repository.line));
        }
    }
    Ok(if stale.is_empty() {
        pass("no list names a repository of Kubernetes that is gone")
    } else {
        fail(
            format!(
                "{} names a repository of Kubernetes that is gone since March 2024",
                stale.join(", ")
            ),
            "switch it off; `node-prep apply` with `kubernetes` in node.yaml does it, and takes pkgs.k8s.io",
        )
    })
}

/// The time of the host, in seconds since 1970. It is asked of the kernel as everything else is.
fn now(looker: &Looker<'_>) -> Result<Option<i64>, HostError> {
    Ok(clock::now(&looker.text("/proc/stat")?, &looker.text("/proc/uptime")?))
}

fn key_expiry(looker: &Looker<'_>) -> Looked {
    let Some(now) = now(looker)? else { return Ok(skip("the kernel does not tell the time")) };
    let mut keys: Vec<String> = Vec::new();
    for (path, _, text) in lists(looker)? {
        if path.contains("kubernetes") || text.contains("core:/stable:") {
            keys.extend(keys_of(&text));
        }
    }
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        return Ok(skip("no list of Kubernetes' packages names a key on this host"));
    }
    let mut fine = Vec::new();
    for path in &keys {
        let outcome = of_key(looker, path, now)?;
        if outcome.verdict != super::Verdict::Pass {
            return Ok(outcome);
        }
        fine.push(outcome.message);
    }
    Ok(pass(fine.join("; ")))
}

fn of_key(looker: &Looker<'_>, path: &str, now: i64) -> Result<Outcome, HostError> {
    let help = "packages cannot be had once it is expired; `node-prep apply` fetches the key again";
    let Some(bytes) = looker.host.read(path)? else {
        return Ok(fail(format!("the key {path} is not there"), help));
    };
    Ok(match openpgp::expires(&bytes) {
        Err(error) => fail(format!("{path}: {error}"), help),
        Ok(None) => pass(format!("the key {path} never expires")),
        Ok(Some(at)) => {
            let day = jiff::Timestamp::from_second(at)
                .map_or_else(|_| at.to_string(), |at| at.to_string()[..10].to_owned());
            if at <= now {
                fail(format!("the key {path} is expired since {day}"), help)
            } else if at - now < openpgp::SOON {
                warn(format!("the key {path} expires on {day}"), help)
            } else {
                pass(format!("the key {path} is good until {day}"))
            }
        }
    })
}

/// Files that a list names as keys: `signed-by=` and `Signed-By:` of apt, `gpgkey=file://` of dnf.
fn keys_of(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let lower = line.to_ascii_lowercase();
        for (mark, before) in [("signed-by:", ""), ("signed-by=", ""), ("gpgkey", "file://")] {
            let Some(at) = lower.find(mark) else { continue };
            let rest = &line[at + mark.len()..];
            let words = rest.split([' ', '\t', ',', ']', '=']).filter(|word| !word.is_empty());
            if mark == "signed-by=" {
                keys.extend(words.take(1).map(str::to_owned));
            } else {
                keys.extend(words.filter_map(|word| word.strip_prefix(before)).map(str::to_owned));
            }
        }
    }
    keys.retain(|key| key.starts_with('/'));
    keys
}
