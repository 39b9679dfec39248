//! File systems that are mounted now and at every boot.

use crate::change::{Change, ChangeError, Poke};
use crate::edit::Edit;
use crate::host::{HostError, Kind};
use crate::plan::{Planning, Step};
use crate::spec::Mount;
use crate::text::{fstab, mounts};

const FSTAB: &str = "/etc/fstab";

/// File systems that are mounted now and at every boot.
#[derive(Debug)]
pub(super) struct Mounts;

impl Step for Mounts {
    fn id(&self) -> &'static str {
        "mounts"
    }

    fn why(&self) -> &'static str {
        "Data of volumes is where pods expect it, now and, by /etc/fstab, at every boot."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        let mut fits = Vec::new();
        for wish in &node.mounts {
            if let Some(why) = refusal(planning, wish)? {
                planning.refuse(why);
            } else {
                fits.push(wish);
            }
        }
        let before = planning.text(FSTAB)?;
        for wish in &fits {
            planning.write(FSTAB, line(wish), None)?;
        }
        if planning.text(FSTAB)? != before {
            planning.poke(Poke::DaemonReload);
        }
        for wish in fits {
            planning.folder(&wish.target)?;
            if mounted_at(planning, &wish.target)?.is_none() {
                hides(planning, wish)?;
                planning.live(Change::Mount {
                    what: wish.what.clone(),
                    path: wish.target.clone(),
                    kind: wish.kind.clone(),
                    options: wish.options.clone(),
                });
            }
        }
        Ok(())
    }
}

/// The line of fstab.
fn line(wish: &Mount) -> Edit {
    let options =
        if wish.options.is_empty() { "defaults".to_owned() } else { wish.options.join(",") };
    Edit::Mount {
        source: wish.what.clone(),
        target: wish.target.clone(),
        kind: wish.kind.clone(),
        options,
    }
}

/// What is mounted at a path now; nothing of a tree.
fn mounted_at(planning: &Planning<'_>, path: &str) -> Result<Option<mounts::Mounted>, HostError> {
    if !planning.is_live() {
        return Ok(None);
    }
    let all = planning.text("/proc/self/mounts")?.unwrap_or_default();
    Ok(mounts::at(&all, path))
}

/// Why a wish cannot be fulfilled.
fn refusal(planning: &Planning<'_>, wish: &Mount) -> Result<Option<String>, ChangeError> {
    let target = &wish.target;
    let real = planning.resolve(target)?;
    if real != *target {
        return Ok(Some(format!("{target} is a link to {real}: give that in `mounts`")));
    }
    if planning.entry(target)?.is_some_and(|entry| entry.kind != Kind::Folder) {
        return Ok(Some(format!("{target} is there and no folder; nothing can be mounted there")));
    }
    let text = planning.text(FSTAB)?.unwrap_or_default();
    let other = fstab::entries(&text).find(|(_, entry)| {
        entry.target.trim_end_matches('/') == target.trim_end_matches('/')
            && entry.source != wish.what
    });
    if let Some((line, entry)) = other {
        return Ok(Some(format!(
            "{FSTAB}:{line}: {} is mounted at {target}, and {} is to be; take that line out, or the wish",
            entry.source, wish.what
        )));
    }
    if let Some(mounted) = mounted_at(planning, target)?
        && !is_same(planning, wish, &mounted)?
    {
        return Ok(Some(format!(
            "{} is mounted at {target}, and {} is to be: unmount it first",
            mounted.source, wish.what
        )));
    }
    let helper = format!("/sbin/mount.{}", wish.kind);
    let packages = &planning.facts.distribution.packages;
    if wish.kind.starts_with("nfs")
        && !planning.exists(&planning.resolve(&helper)?)?
        && !planning.will_have(&packages.nfs_client)?
    {
        return Ok(Some(format!(
            "{target}: {} needs {}; say `nfs: {{client: true}}`",
            wish.kind, packages.nfs_client
        )));
    }
    Ok(None)
}

/// Whether this is what is wished. What a name such as `UUID=` stands for is looked up.
fn is_same(
    planning: &Planning<'_>,
    wish: &Mount,
    mounted: &mounts::Mounted,
) -> Result<bool, HostError> {
    if wish.options.iter().any(|option| option == "bind" || option == "rbind") {
        // The kernel shows the device below, and nothing of the folder.
        return Ok(true);
    }
    let by_name = [
        ("UUID=", "by-uuid"),
        ("LABEL=", "by-label"),
        ("PARTUUID=", "by-partuuid"),
        ("PARTLABEL=", "by-partlabel"),
    ]
    .iter()
    .find_map(|(prefix, folder)| {
        let name = wish.what.strip_prefix(prefix)?;
        Some(format!("/dev/disk/{folder}/{}", name.trim_matches('"')))
    });
    let wished = by_name.unwrap_or_else(|| wish.what.clone());
    if wished == mounted.source {
        // What has no device may have any name.
        return Ok(wished.starts_with('/') || wished.contains(':') || wish.kind == mounted.kind);
    }
    if !wished.starts_with('/') {
        return Ok(false);
    }
    Ok(planning.resolve(&wished)? == planning.resolve(&mounted.source)?)
}

/// Files in the folder cannot be seen while something is mounted over them.
fn hides(planning: &mut Planning<'_>, wish: &Mount) -> Result<(), HostError> {
    let count = planning.list(&wish.target)?.len();
    if count > 0 {
        planning.note(format!(
            "{} is not empty: what is in it ({count}) is hidden once {} is mounted there",
            wish.target, wish.what
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;
    use crate::spec::Node;
    use crate::steps::testing::{debian, lives, plan_of, rocky, shown};

    fn node(mounts: &[(&str, &str, &str, &[&str])]) -> Node {
        let mount = |(what, target, kind, options): &(&str, &str, &str, &[&str])| Mount {
            what: (*what).to_owned(),
            target: (*target).to_owned(),
            kind: (*kind).to_owned(),
            options: options.iter().map(ToString::to_string).collect(),
        };
        Node { mounts: mounts.iter().map(mount).collect(), ..Node::default() }
    }

    fn with_nfs(host: FakeHost, package: &str) -> FakeHost {
        host.set("/etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n");
        host.with(|world| drop(world.packages.insert(package.to_owned(), "1".to_owned())));
        host
    }

    #[test]
    fn a_share_is_mounted_now_and_at_every_boot() {
        let wish = node(&[
            ("nas:/share", "/srv/share", "nfs4", &["ro", "noatime"]),
            ("tmpfs", "/srv/fast", "tmpfs", &[]),
        ]);
        insta::allow_duplicates! {
            for (prepare, package) in [(debian as fn() -> FakeHost, "nfs-common"), (rocky, "nfs-utils")] {
                insta::assert_snapshot!(lives(|| with_nfs(prepare(), package), &wish, &Mounts), @r"
                edit /etc/fstab
                  +nas:/share /srv/share nfs4 ro,noatime 0 0
                edit /etc/fstab
                  +tmpfs /srv/fast tmpfs defaults 0 0
                have systemd read its units
                make folder /srv (mode 0755)
                make folder /srv/share (mode 0755)
                mount nas:/share at /srv/share (nfs4)
                make folder /srv/fast (mode 0755)
                mount tmpfs at /srv/fast (tmpfs)
                ");
            }
        }
    }

    #[test]
    fn what_is_mounted_already_by_another_name_is_left() {
        let host = debian();
        host.set("/etc/fstab", "UUID=abc /data xfs defaults 0 0\n");
        host.set("/proc/self/mounts", "/dev/vda1 / ext4 rw 0 0\n/dev/vdb /data xfs rw 0 0\n");
        host.set_folder("/data");
        host.set("/dev/vdb", "");
        host.set_link("/dev/disk/by-uuid/abc", "../../vdb");
        let wish = node(&[("UUID=abc", "/data", "xfs", &[])]);
        assert_eq!(plan_of(&host, &wish, &Mounts), crate::plan::Plan::default());
    }

    #[test]
    fn what_is_in_the_way_is_refused_or_told() {
        let host = debian();
        host.set("/etc/fstab", "/dev/vdb /a xfs defaults 0 0\n");
        host.set("/proc/self/mounts", "/dev/vdc /b\\040c xfs rw 0 0\n");
        host.set("/d/file", "");
        host.set("/e", "");
        host.set_folder("/f");
        host.set_link("/g", "f");
        let wish = node(&[
            ("/dev/vdx", "/a", "xfs", &[]),
            ("/dev/vdx", "/b c", "xfs", &[]),
            ("/dev/vdx", "/d", "xfs", &[]),
            ("/dev/vdx", "/e", "xfs", &[]),
            ("/dev/vdx", "/g", "xfs", &[]),
            ("nas:/x", "/h", "nfs", &[]),
        ]);
        insta::assert_snapshot!(shown(&plan_of(&host, &wish, &Mounts)), @r"
        edit /etc/fstab
          +/dev/vdx /d xfs defaults 0 0
        have systemd read its units
        mount /dev/vdx at /d (xfs)
        note: /d is not empty: what is in it (1) is hidden once /dev/vdx is mounted there
        refused: /etc/fstab:1: /dev/vdb is mounted at /a, and /dev/vdx is to be; take that line out, or the wish
        refused: /dev/vdc is mounted at /b c, and /dev/vdx is to be: unmount it first
        refused: /e is there and no folder; nothing can be mounted there
        refused: /g is a link to /f: give that in `mounts`
        refused: /h: nfs needs nfs-common; say `nfs: {client: true}`
        ");
    }
}
