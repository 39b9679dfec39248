//! A snapshot, to a file that only root can read.

use std::io::{self, Write};

use super::{Trouble, Work};
use crate::agent::{Answer, EventKind, Snapshot};
use crate::host::{Entry, Host, HostError, Kind, Meta, folder_of, name_of, stage_of};
use crate::reset::SNAPSHOTS;

/// As much is written at once, in bytes: every write waits for the disk.
const PART: usize = 4 << 20;
/// How many of those stay that were made before changes: each has every secret, and all the data.
const KEPT: usize = 5;

impl Work<'_> {
    pub(super) fn snapshot(&mut self, path: &str) -> Result<Answer, Trouble> {
        if !path.starts_with('/') || path.ends_with('/') {
            return Err(Trouble::Refused(format!("{path:?} is no absolute path of a file")));
        }
        let api = self.api()?;
        self.tell(EventKind::Begun, format!("writing a snapshot to {path}"));
        make_folders(self.host, folder_of(path))?;
        let stage = stage_of(path);
        self.host.tidy(path)?;
        let mut file = Parts { host: self.host, path: &stage, part: Vec::new(), failed: None };
        let written = api.snapshot(&mut file);
        let failed = file.failed.take();
        let written = match (written, failed) {
            (Ok(written), None) => written,
            (_, Some(error)) => {
                self.host.tidy(path)?;
                return Err(error.into());
            }
            (Err(error), None) => {
                self.host.tidy(path)?;
                return Err(error.into());
            }
        };
        self.host.rename(&stage, path)?;
        self.changed(format!(
            "a snapshot of {} bytes is at {path}, of revision {} or later",
            written.bytes, written.revision
        ));
        self.thin_out(path)?;
        Ok(Answer::Snapshot(Snapshot {
            path: path.to_owned(),
            bytes: written.bytes,
            sha256: written.sha256,
            revision: written.revision,
        }))
    }
}

impl Work<'_> {
    /// Deletes the oldest of those that were made before changes. The one that has just been made stays, whatever its name says
    /// of the time.
    fn thin_out(&mut self, made: &str) -> Result<(), Trouble> {
        if folder_of(made) != SNAPSHOTS || stamp(name_of(made)).is_none() {
            return Ok(());
        }
        let mut others: Vec<String> = self.host.list(SNAPSHOTS)?;
        others.retain(|name| name != name_of(made) && stamp(name).is_some());
        others.sort_by(|one, other| (stamp(other), other).cmp(&(stamp(one), one)));
        for name in others.iter().skip(KEPT - 1) {
            let path = format!("{SNAPSHOTS}/{name}");
            self.host.remove(&path)?;
            self.changed(format!(
                "the old snapshot {path} is deleted: {KEPT} newer ones are there"
            ));
        }
        Ok(())
    }
}

/// When a snapshot was made that a desk has had made before it changed something: `20260131-120000` of
/// `before-leave-20260131-120000.db`. Those that a person asked for, and those that were brought to be restored, are none.
fn stamp(name: &str) -> Option<&str> {
    let before = name.strip_prefix("before-").and_then(|rest| rest.strip_suffix(".db"));
    let mending = || name.strip_prefix("restore-")?.strip_suffix(".db.before-mending");
    let rest = before.or_else(mending)?;
    let stamp = rest.get(rest.len().checked_sub("20260131-120000".len())?..)?;
    let is_one =
        |(at, byte): (usize, u8)| if at == 8 { byte == b'-' } else { byte.is_ascii_digit() };
    stamp.bytes().enumerate().all(is_one).then_some(stamp)
}

/// Folders that are missing; others cannot look into them.
fn make_folders(host: &dyn Host, folder: &str) -> Result<(), HostError> {
    if folder == "/" || host.entry(&host.resolve(folder)?)?.is_some() {
        return Ok(());
    }
    make_folders(host, folder_of(folder))?;
    host.put(folder, &Entry { kind: Kind::Folder, meta: Meta::root(0o700) })
}

/// Writes a file of the host part by part.
struct Parts<'a> {
    host: &'a dyn Host,
    path: &'a str,
    part: Vec<u8>,
    failed: Option<HostError>,
}

impl Parts<'_> {
    fn end_part(&mut self) -> io::Result<()> {
        let part = std::mem::take(&mut self.part);
        self.host.append(self.path, &part).map_err(|error| {
            let told = io::Error::other(error.to_string());
            self.failed = Some(error);
            told
        })
    }
}

impl Write for Parts<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART {
            self.end_part()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.part.is_empty() { Ok(()) } else { self.end_part() }
    }
}
