//! Data are made of a snapshot.

use std::time::Duration;

use super::data::{MARK, has_data, is_disk, names_itself};
use super::local::Local;
use super::{Trouble, Work};
use crate::agent::EventKind;
use crate::host::{Command, Entry, Kind, Meta, folder_of};

/// How long it may take.
const LIMIT: Duration = Duration::from_mins(10);

/// The name of the container that does it.
const CONTAINER: &str = "node-prep-restore";

/// A program that makes data of a snapshot.
struct Tool {
    argv: Vec<String>,
    /// What it needs to be known by.
    env: Option<(&'static str, &'static str)>,
    /// Whether it can make revisions go on from beyond those that anybody has seen.
    bumps: bool,
}

/// How far revisions go on after those of a snapshot: more than were written since it was made. Whoever watches from one of
/// those is told that it is gone, and reads all anew (etcd's manual, "Restoring with revision bump").
const BUMP: &str = "1000000000";

impl Work<'_> {
    /// Whether it could be done, as far as that is known before the member is ended.
    pub(super) fn can_restore(&self, path: &str) -> Result<(), Trouble> {
        let local = self.local()?;
        Self::has_one_folder(&local, "no data can be restored")?;
        if self.host.entry(path)?.is_none() {
            return Err(Trouble::Refused(format!("there is no snapshot {path} on this host")));
        }
        let stage = format!("{}.restoring", self.host.resolve(&local.data)?);
        let Tool { argv, env, .. } = self.tool(&local, path, &stage)?;
        let words = ["snapshot", "status", path, "--write-out", "json"].map(str::to_owned);
        let mut command = Command::new(argv.into_iter().chain(words)).within(LIMIT);
        command.env.extend(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self.host.check(&command).map(drop).map_err(|error| {
            let why = crate::check::told_whole(&error);
            Trouble::Refused(format!("{path} is no snapshot that can be restored here: {why}"))
        })
    }

    pub(super) fn restore(
        &mut self,
        path: &str,
        initial_cluster: &[String],
        token: &str,
    ) -> Result<(), Trouble> {
        let local = self.local()?;
        names_itself(&local, initial_cluster)?;
        let mark = format!("token {token}\nmembers {}\n", initial_cluster.join(","));
        let folder = self.host.resolve(&local.data)?;
        if has_data(self.host, &local)? {
            if self.host.text(&format!("{folder}/{MARK}"))?.as_ref() == Some(&mark) {
                return self.drop_folder(&format!("{folder}/restoring"));
            }
            return Err(Trouble::Refused(format!(
                "there are data of etcd at {}; put them away first",
                local.data
            )));
        }
        self.ended(&local, "no data are restored")?;
        if self.host.entry(path)?.is_none() {
            return Err(Trouble::Refused(format!("there is no snapshot {path} on this host")));
        }
        // In another folder first: half of the data never look like data.
        for left in [format!("{folder}/restoring"), format!("{folder}.restoring")] {
            self.drop_folder(&left)?;
        }
        self.host.tidy(&format!("{folder}/{MARK}"))?;
        let is_inside = is_disk(self.host, &local)? || !self.host.list(&folder)?.is_empty();
        let stage =
            if is_inside { format!("{folder}/restoring") } else { format!("{folder}.restoring") };
        let tool = self.tool(&local, path, &stage)?;
        self.tell(EventKind::Begun, format!("making data of the snapshot {path}"));
        let members = initial_cluster.join(",");
        let mut command = Command::new(
            tool.argv.into_iter().chain(
                [
                    "snapshot",
                    "restore",
                    path,
                    "--name",
                    &local.name,
                    "--initial-cluster",
                    &members,
                    "--initial-cluster-token",
                    token,
                    "--initial-advertise-peer-urls",
                    &local.peer_url,
                    "--data-dir",
                    &stage,
                ]
                .map(str::to_owned),
            ),
        )
        .within(LIMIT);
        if tool.bumps {
            command.argv.extend(["--bump-revision", BUMP, "--mark-compacted"].map(str::to_owned));
        }
        command.env.extend(tool.env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self.host.check(&command)?;
        let kind = Kind::File(mark.into_bytes());
        let mark = Entry { kind, meta: Meta::root(0o600) };
        if is_inside {
            self.host.put(&format!("{folder}/{MARK}"), &mark)?;
            self.host.rename(&format!("{stage}/member"), &format!("{folder}/member"))?;
            self.drop_folder(&stage)?;
        } else {
            self.host.put(&format!("{stage}/{MARK}"), &mark)?;
            self.host.rename(&stage, &folder)?;
        }
        self.changed(format!("the data of etcd at {} are those of {path}", local.data));
        Ok(())
    }

    /// Deletes a folder of this work's own.
    fn drop_folder(&self, path: &str) -> Result<(), Trouble> {
        if self.host.entry(path)?.is_some() {
            let rm = ["rm", "-rf", "--one-file-system", "--", path];
            self.host.check(&Command::new(rm).within(LIMIT))?;
        }
        Ok(())
    }

    /// The program to do it with: of the same minor version as the member, if that is known.
    fn tool(&self, local: &Local, snapshot: &str, stage: &str) -> Result<Tool, Trouble> {
        let image = &local.program.image;
        let wanted = minor_of_image(image);
        let mut why = Vec::new();
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (program, first) in [("etcdutl", "etcdutl version: "), ("etcdctl", "etcdctl version: ")]
        {
            let asked = Command::new([program, "version"]).env("ETCDCTL_API", "3");
            let Ok(said) = self.host.check(&asked) else {
                why.push(format!("{program} is not there"));
                continue;
            };
            let version = said.lines().find_map(|line| line.strip_prefix(first));
            let has = version.and_then(minor);
            if wanted.is_some() && has != wanted {
                let version = version.unwrap_or("of an unknown version");
                why.push(format!("{program} is {version}, and the member runs {image}"));
            } else if program == "etcdctl" && has.is_none_or(|minor| minor >= (3, 6)) {
                why.push("etcdctl cannot restore since 3.6".to_owned());
            } else {
                let bumps = has.is_some_and(can_bump);
                return Ok(Tool {
                    argv: words(&[program]),
                    env: Some(("ETCDCTL_API", "3")),
                    bumps,
                });
            }
        }
        let images = ["ctr", "-n", "k8s.io", "images", "ls", "-q"];
        match self.host.run(&Command::new(images)) {
            Ok(output) if output.stdout.lines().any(|line| line == image) => {
                // One that was killed is still known.
                let old = ["ctr", "-n", "k8s.io", "containers", "rm", CONTAINER];
                self.host.run(&Command::new(old))?;
                let mount = |path: &str, options: &str| {
                    format!("type=bind,src={path},dst={path},options=rbind:{options}")
                };
                let (data, from) = (folder_of(stage), folder_of(snapshot));
                let mut argv = words(&["ctr", "-n", "k8s.io", "run", "--rm"]);
                argv.extend(["--mount".to_owned(), mount(data, "rw")]);
                if from != data {
                    argv.extend(["--mount".to_owned(), mount(from, "ro")]);
                }
                argv.extend(words(&[image, CONTAINER, "etcdutl"]));
                let bumps = wanted.is_some_and(can_bump);
                return Ok(Tool { argv, env: None, bumps });
            }
            Ok(_) => why.push(format!("containerd has no image {image}")),
            Err(_) => why.push("ctr is not there".to_owned()),
        }
        Err(Trouble::Refused(format!(
            "nothing on this host can restore a snapshot: {}; install etcdutl of the version that the member runs",
            why.join(", ")
        )))
    }
}

/// Whether etcdutl of this version can make revisions go on from beyond.
fn can_bump(version: (u32, u32)) -> bool {
    version >= (3, 6)
}

/// Major and minor version.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The version in the tag of an image: 3.6 of `registry.k8s.io/etcd:3.6.6-0`.
fn minor_of_image(image: &str) -> Option<(u32, u32)> {
    let name = image.split('@').next()?;
    let (_, tag) = name.rsplit_once('/').unwrap_or(("", name)).1.split_once(':')?;
    minor(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_an_image_is_in_its_tag() {
        assert_eq!(minor_of_image("registry.k8s.io/etcd:3.6.6-0"), Some((3, 6)));
        assert_eq!(minor_of_image("localhost:5000/etcd:v3.5.24@sha256:00"), Some((3, 5)));
        assert_eq!(minor_of_image("localhost:5000/etcd"), None);
        assert_eq!(minor("3.4.23"), Some((3, 4)));
    }
}
