//! Files that go over the connection, where engine and workers share no volume.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use worker::protocol::{PART, Part, TaskEnd, TaskKey, TaskResult, ToWorker};

use super::actor::Actor;
use super::spec::{LONGEST_FILE, is_inside};
use crate::k8s::hub::{ConnectionId, Hub};

/// A worker that is behind by so many bytes gets no more until it has caught up.
const BEHIND: usize = 4 << 20;

/// Files that are on their way from workers.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    open: HashMap<(ConnectionId, String), Upload>,
    /// Files of tasks that could not be kept, and why.
    failed: HashMap<TaskKey, String>,
    /// What workers need for tasks that the engine has not asked for yet.
    parked: Vec<(ConnectionId, TaskKey, Vec<String>)>,
}

#[derive(Debug)]
struct Upload {
    key: TaskKey,
    file: File,
    temporary: PathBuf,
    written: u64,
}

impl Uploads {
    /// The connection is gone: what came halfway is of no use.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.open.retain(|(of, _), upload| {
            if *of == id {
                // A scratch file that cannot be removed does no harm.
                let _ = fs::remove_file(&upload.temporary);
            }
            *of != id
        });
        self.parked.retain(|(of, _, _)| *of != id);
    }

    /// The end of a task: it has not ended well if its files were not kept, all and whole.
    pub(super) fn judge(&mut self, id: ConnectionId, mut end: TaskEnd) -> TaskEnd {
        let half = self.open.iter().find(|((of, _), upload)| *of == id && upload.key == end.key);
        let half = half.map(|((_, path), _)| format!("{path} came in half"));
        let failed = self.failed.remove(&end.key).or(half);
        if let (Some(why), TaskResult::Exit(0)) = (failed, &end.result) {
            end.result = TaskResult::Lost(format!("what it made could not be kept: {why}"));
        }
        end
    }
}

impl Actor {
    /// A worker needs files of the work directory.
    pub(super) fn wanted(&mut self, id: ConnectionId, key: TaskKey, paths: Vec<String>) {
        let (Some(book), Some(hub)) = (&self.book, self.hub.clone()) else { return };
        if !self.by_key.contains_key(&key) {
            // Of an earlier engine: answered when this one asks for the task. Others are being stopped.
            if self.is_held(key) {
                self.uploads.parked.push((id, key, paths));
            }
            return;
        }
        let work_dir = book.work_dir().to_owned();
        // It may have only what its task is allowed to read.
        let allowed = self
            .by_key
            .get(&key)
            .copied()
            .and_then(|task| self.spec_of(task))
            .map(|spec| spec.fetch)
            .unwrap_or_default();
        while self.transfers.try_join_next().is_some() {}
        self.transfers.spawn(async move {
            for path in paths {
                let refusal = if allowed.iter().any(|file| file.path == path) {
                    send_file(&hub, id, key, &work_dir, &path).await.err()
                } else {
                    Some("the task does not name it".to_owned())
                };
                if let Some(why) = refusal
                    && !hub.send(id, &ToWorker::NoFile { key, path, why })
                {
                    return;
                }
            }
        });
    }

    /// A task is asked for that an earlier engine began: what its worker needs is sent now.
    pub(super) fn answer_parked(&mut self, key: TaskKey) {
        let parked = std::mem::take(&mut self.uploads.parked);
        let (mine, others): (Vec<_>, Vec<_>) =
            parked.into_iter().partition(|(_, of, _)| *of == key);
        self.uploads.parked = others;
        for (id, key, paths) in mine {
            self.wanted(id, key, paths);
        }
    }

    /// A part of a file that a task has made.
    pub(super) fn uploaded(&mut self, id: ConnectionId, part: &Part) {
        let Some(book) = &self.book else { return };
        let work_dir = book.work_dir().to_owned();
        let path = part.path.clone();
        let is_known = self.by_key.contains_key(&part.key) || self.is_held(part.key);
        if !is_known || self.uploads.failed.contains_key(&part.key) {
            return;
        }
        // The parts that follow need their beginning.
        let taken = if part.offset > 0 || self.may_bring(part.key, &path) {
            self.take_part(id, &work_dir, part)
        } else {
            Err(io::Error::other("it is none of the task's outputs"))
        };
        if let Err(error) = taken {
            if let Some(upload) = self.uploads.open.remove(&(id, path.clone())) {
                // A scratch file that cannot be removed does no harm.
                let _ = fs::remove_file(&upload.temporary);
            }
            self.uploads.failed.insert(part.key, format!("{path}: {error}"));
        }
    }

    /// Whether a file is one that the task was to bring. Of a task that an earlier engine began only the firing is known.
    fn may_bring(&mut self, key: TaskKey, path: &str) -> bool {
        // The run's own folder is nobody's to write, whatever the workflow says.
        let is_ours = Path::new(path).components().any(|step| step.as_os_str() == ".windlass");
        if is_ours || !is_inside(path) {
            return false;
        }
        let Some(&id) = self.by_key.get(&key) else { return self.is_held(key) };
        self.spec_of(id).is_some_and(|spec| spec.bring.iter().any(|known| known == path))
    }

    fn take_part(&mut self, id: ConnectionId, work_dir: &Path, part: &Part) -> io::Result<()> {
        let target = work_dir.join(&part.path);
        let at = (id, part.path.clone());
        if part.offset == 0 {
            let folder = target.parent().unwrap_or(work_dir);
            fs::create_dir_all(folder)?;
            let name = target.file_name().unwrap_or_default().to_string_lossy();
            let temporary = folder.join(format!(".{name}.{}.{}.part", part.key, id.number()));
            let file = File::create(&temporary)?;
            self.uploads
                .open
                .insert(at.clone(), Upload { key: part.key, file, temporary, written: 0 });
        }
        let Some(upload) = self.uploads.open.get_mut(&at) else {
            return Err(io::Error::other("its beginning did not come"));
        };
        if upload.written != part.offset || upload.written + part.bytes.len() as u64 > LONGEST_FILE
        {
            return Err(io::Error::other("its parts do not fit together, or are too many"));
        }
        upload.file.write_all(&part.bytes)?;
        upload.written += part.bytes.len() as u64;
        if part.is_last
            && let Some(upload) = self.uploads.open.remove(&at)
        {
            if part.is_program {
                use std::os::unix::fs::PermissionsExt;
                upload.file.set_permissions(fs::Permissions::from_mode(0o755))?;
            }
            fs::rename(&upload.temporary, &target)?;
        }
        Ok(())
    }
}

/// Sends a file in parts, no faster than the worker takes them.
async fn send_file(
    hub: &Hub,
    id: ConnectionId,
    key: TaskKey,
    work_dir: &Path,
    path: &str,
) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let full = work_dir.join(path);
    let mut file = File::open(&full).map_err(|error| error.to_string())?;
    let about = file.metadata().map_err(|error| error.to_string())?;
    let is_program = about.permissions().mode() & 0o111 != 0;
    let mut offset = 0;
    loop {
        let mut bytes = Vec::with_capacity(PART);
        let part = (&mut file).take(PART as u64).read_to_end(&mut bytes);
        part.map_err(|error| error.to_string())?;
        let length = bytes.len() as u64;
        let is_last = offset + length >= about.len() || length == 0;
        let part = Part { key, path: path.to_owned(), offset, bytes, is_last, is_program };
        if !hub.send(id, &ToWorker::Part(part)) || is_last {
            return Ok(());
        }
        offset += length;
        if !hub.drained(id, BEHIND).await {
            return Ok(());
        }
    }
}
