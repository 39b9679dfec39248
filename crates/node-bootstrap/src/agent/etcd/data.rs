//! The member of this host is ended, started, and its data are put away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::api_server::has_no_other;
use super::local::{self, Local};
use super::{POD, Trouble, Work};
use crate::agent::{ClusterState, EventKind, ManifestPlace};
use crate::host::{ACT, Command, Entry, Host, HostError, Kind, Meta, folder_of, name_of};
use crate::static_pod::{self, API_SERVER, PARKED, StaticPodError};
use crate::text::{manifest, mounts};

/// How long a member may take to end: the kubelet gives it 30 s.
const END: Duration = Duration::from_mins(2);
/// What a member keeps all it knows in, inside of the folder of its data.
const MEMBER: &str = "member";
/// What tells of which snapshot data were made, inside of their folder.
pub(super) const MARK: &str = "restored-by-node-prep";

/// In the name of data that were put away, and may be deleted when their member is well again.
pub(super) const GONE: &str = "gone";
/// The same of data that only a person deletes: what was written after a snapshot may be nowhere else.
pub(super) const KEPT: &str = "kept";

/// Whether there are data.
pub(super) fn has_data(host: &dyn Host, local: &Local) -> Result<bool, HostError> {
    Ok(host.list(&local.data)?.iter().any(|name| name == MEMBER))
}

/// Whether the folder of the data is a disk of its own: such a one cannot be moved, what is in it can.
pub(super) fn is_disk(host: &dyn Host, local: &Local) -> Result<bool, HostError> {
    let folder = host.resolve(&local.data)?;
    let text = host.text("/proc/self/mounts")?.unwrap_or_default();
    Ok(mounts::at(&text, &folder).is_some())
}

/// What is moved when data are put away: their folder, or what is in it.
fn movable(host: &dyn Host, local: &Local) -> Result<String, HostError> {
    // A link to the folder stays; what it leads to is moved.
    let folder = host.resolve(&local.data)?;
    Ok(if is_disk(host, local)? { format!("{folder}/{MEMBER}") } else { folder })
}

/// Data that were put away: `<folder>.gone-<seconds>` for those that may be deleted, and nothing else.
pub(super) fn put_away(
    host: &dyn Host,
    local: &Local,
    what: &str,
) -> Result<Vec<String>, HostError> {
    let path = movable(host, local)?;
    let begin = format!("{}.{what}-", name_of(&path));
    let is_gone = |name: &String| {
        let rest = name.strip_prefix(&begin);
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let names = host.list(folder_of(&path))?.into_iter().filter(is_gone);
    Ok(names.map(|name| format!("{}/{name}", folder_of(&path).trim_end_matches('/'))).collect())
}

impl Work<'_> {
    /// Ends the member of this host.
    pub(super) fn park(&mut self) -> Result<(), Trouble> {
        local::tidy(self.host, POD)?;
        let local = self.local()?;
        if local.place == ManifestPlace::InPlace {
            static_pod::park(self.host, POD, PARKED)?;
            self.changed(format!("the manifest of etcd is parked at {PARKED}"));
        }
        // Without its member it only keeps whoever asks it waiting: the kubelet, too, which would start the member again later.
        if has_no_other(self.host, &local)? && static_pod::park(self.host, API_SERVER, PARKED)? {
            self.changed(
                "the API server, which has no other member, is down until this one starts",
            );
        }
        let what = format!("member {} of this host has ended", local.name);
        self.wait(&what, END, |work| {
            if let Some(why) = work.answers(&local)? {
                return Ok(Err(why));
            }
            match static_pod::running(work.host, POD) {
                // Where there is no runtime that tells, the member itself counts.
                Err(StaticPodError::Host(error)) => Err(error.into()),
                Ok(containers) if !containers.is_empty() => {
                    Ok(Err("its container still runs".to_owned()))
                }
                _ => Ok(Ok(())),
            }
        })
    }

    /// Refuses unless the member is parked and has ended.
    pub(super) fn ended(&self, local: &Local, what: &str) -> Result<(), Trouble> {
        if local.place == ManifestPlace::InPlace {
            return Err(Trouble::Refused(format!(
                "{what}: the manifest of etcd is in place ({}); park it first",
                local::path(local.place)
            )));
        }
        if let Some(why) = self.answers(local)? {
            return Err(Trouble::Refused(format!("{what}: the member has not ended: {why}")));
        }
        Self::has_one_folder(local, what)
    }

    /// Refuses where a part of the data is elsewhere.
    pub(super) fn has_one_folder(local: &Local, what: &str) -> Result<(), Trouble> {
        if local.program.argument("wal-dir").is_some() {
            return Err(Trouble::Refused(format!(
                "{what}: etcd has a --wal-dir of its own, which is not supported; take it out of {}, and move what is there \
                 to {}/{MEMBER}/wal",
                local::path(local.place),
                local.data
            )));
        }
        Ok(())
    }

    /// Moves the data of the parked member away.
    pub(super) fn put_data_away(&mut self, keep: bool) -> Result<(), Trouble> {
        let local = self.local()?;
        if !has_data(self.host, &local)? {
            return Ok(());
        }
        self.ended(&local, "the data are not put away")?;
        let from = movable(self.host, &local)?;
        let meta = self.host.entry(&from)?.map(|entry| entry.meta);
        if meta.as_ref().is_some_and(|meta| meta.mode != 0o700) {
            let meta = Meta { mode: 0o700, ..meta.unwrap_or_else(|| Meta::root(0o700)) };
            self.host.put(&from, &Entry { kind: Kind::Folder, meta })?;
        }
        if is_disk(self.host, &local)? {
            self.host.remove(&format!("{}/{MARK}", local.data))?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let what = if keep { KEPT } else { GONE };
        let free = (now..).map(|second| format!("{from}.{what}-{second}"));
        for to in free {
            if self.host.entry(&to)?.is_none() {
                self.host.rename(&from, &to)?;
                self.changed(format!("the data of etcd are put away at {to}"));
                break;
            }
        }
        Ok(())
    }

    /// Deletes what was put away, but for what is kept.
    pub(super) fn drop_old_data(&mut self) -> Result<(), Trouble> {
        let local = self.local()?;
        for path in put_away(self.host, &local, GONE)? {
            if (self.stop)() {
                return Err(Trouble::Stopped);
            }
            let rm = ["rm", "-rf", "--one-file-system", "--", &path];
            self.host.check(&Command::new(rm).within(ACT))?;
            self.changed(format!("old data of etcd at {path} are deleted"));
        }
        Ok(())
    }

    /// Starts the parked member.
    pub(super) fn start(
        &mut self,
        initial_cluster: &[String],
        state: ClusterState,
        limit: Duration,
    ) -> Result<(), Trouble> {
        local::tidy(self.host, POD)?;
        let local = self.local()?;
        names_itself(&local, initial_cluster)?;
        let at = local::path(local.place);
        let state = match state {
            ClusterState::New => "new",
            ClusterState::Existing => "existing",
        };
        let members = initial_cluster.join(",");
        let wish = [("initial-cluster", members.as_str()), ("initial-cluster-state", state)];
        let text = manifest::set(&local.text, POD, &wish)
            .map_err(|error| Trouble::manifest(&at, &error))?;
        // A member that answers has read its data: what it began with does not matter any more.
        let is_settled = local.place == ManifestPlace::InPlace && self.answers(&local)?.is_some();
        if text != local.text && !is_settled {
            let Some(entry) = self.host.entry(&at)? else { return Err(Trouble::Stopped) };
            self.host.put(&at, &Entry { kind: Kind::File(text.into_bytes()), ..entry })?;
            self.changed(format!("{at}: the members are {members}, the cluster is {state}"));
        }
        // The member last: where this is cut short it is started again.
        if static_pod::put_back(self.host, API_SERVER, PARKED)? {
            self.changed("the manifest of the API server is in place");
        }
        if static_pod::put_back(self.host, POD, PARKED)? {
            self.changed("the manifest of etcd is in place");
        }
        let name = &local.name;
        let what = format!("member {name} of this host takes part in the cluster");
        self.tell(EventKind::Begun, format!("starting member {name}"));
        let came = self.wait(&what, limit, |work| {
            let view = match local.connect(work.host, work.connect)?.view() {
                Ok(view) => view,
                Err(error) => return Ok(Err(error.to_string())),
            };
            // With an alarm none is healthy, however long it is waited.
            if view.healthy || view.learner || !view.alarms.is_empty() {
                return Ok(Ok(()));
            }
            Ok(Err(format!("it answers, and is not healthy: {}", view.complaints.join(", "))))
        });
        came.map_err(|trouble| match trouble {
            Trouble::Failed(why) => Trouble::Failed(format!(
                "{why}; look at the end of `crictl logs` of its container, and at `journalctl -u kubelet`"
            )),
            other => other,
        })
    }
}

/// Refuses a list without the member itself: etcd would say that it "couldn't find local name".
pub(super) fn names_itself(local: &Local, initial_cluster: &[String]) -> Result<(), Trouble> {
    let own = format!("{}={}", local.name, local.peer_url);
    if initial_cluster.contains(&own) {
        return Ok(());
    }
    Err(Trouble::Refused(format!(
        "the list of members ({}) has not this one: {own}",
        initial_cluster.join(",")
    )))
}
