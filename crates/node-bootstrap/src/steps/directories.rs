//! Folders that are there.

use crate::change::ChangeError;
use crate::host::{HostError, Kind};
use crate::plan::{Planning, Step};

/// Folders that are there.
#[derive(Debug)]
pub(super) struct Directories;

impl Step for Directories {
    fn id(&self) -> &'static str {
        "directories"
    }

    fn why(&self) -> &'static str {
        "Folders that volumes and exports need, with their owner and mode."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        for wish in &node.directories {
            let path = planning.resolve(&wish.path)?;
            let standing = planning.entry(&path)?;
            let meta = match &standing {
                Some(entry) if entry.kind != Kind::Folder => {
                    planning.refuse(format!(
                        "{path} is there and no folder; move it away, or take it out of `directories`"
                    ));
                    continue;
                }
                Some(entry) => (entry.meta.mode, entry.meta.uid, entry.meta.gid),
                None => (0o755, 0, 0),
            };
            let owner = number(planning, wish.owner.as_deref(), "/etc/passwd", "user")?;
            let group = number(planning, wish.group.as_deref(), "/etc/group", "group")?;
            let (Ok(owner), Ok(group)) = (&owner, &group) else {
                for fault in [owner, group].into_iter().filter_map(Result::err) {
                    planning.refuse(format!("{}: {fault}", wish.path));
                }
                continue;
            };
            let mode = wish.mode.map_or(meta.0, |mode| mode.0);
            planning.folder_as(&path, mode, (owner.unwrap_or(meta.1), group.unwrap_or(meta.2)))?;
        }
        Ok(())
    }
}

/// The number of a user or a group, from the host's own list. The inner error says that it is not in it.
fn number(
    planning: &Planning<'_>,
    name: Option<&str>,
    file: &str,
    what: &str,
) -> Result<Result<Option<u32>, String>, HostError> {
    let Some(name) = name else { return Ok(Ok(None)) };
    if let Ok(number) = name.parse() {
        return Ok(Ok(Some(number)));
    }
    let text = planning.text(file)?.unwrap_or_default();
    let found = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    Ok(found.map(Some).ok_or_else(|| {
        format!("{file} has no {what} {name}; make that {what} first, or give its number")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Directory, FileMode, Node};
    use crate::steps::testing::{debian, lives, plan_of, rocky, shown};

    fn wish(path: &str, mode: Option<u32>, owner: Option<&str>, group: Option<&str>) -> Directory {
        Directory {
            path: path.to_owned(),
            mode: mode.map(FileMode),
            owner: owner.map(str::to_owned),
            group: group.map(str::to_owned),
        }
    }

    fn node<const N: usize>(directories: [Directory; N]) -> Node {
        Node { directories: directories.into(), ..Node::default() }
    }

    #[test]
    fn folders_are_made_with_owner_and_mode() {
        let node = node([
            wish("/srv/data/in", Some(0o2775), Some("ann"), Some("users")),
            wish("/srv/data", None, Some("65534"), None),
        ]);
        insta::allow_duplicates! {
            for prepare in [debian, rocky] {
            insta::assert_snapshot!(lives(prepare, &node, &Directories), @r"
            make folder /srv (mode 0755)
            make folder /srv/data (mode 0755)
            make folder /srv/data/in (mode 2775)
            make folder /srv/data (mode 0755)
            ");
            }
        }
    }

    #[test]
    fn a_folder_keeps_what_is_not_wished_and_a_link_to_it_stays() {
        let prepare = || {
            let host = debian();
            host.set_folder("/disk/data");
            host.with(|world| {
                let entry = world.files.get_mut("/disk/data").unwrap();
                (entry.meta.mode, entry.meta.uid, entry.meta.gid) = (0o700, 5, 6);
            });
            host.set_link("/data", "disk/data");
            host
        };
        let wanted = node([wish("/data", None, None, Some("ann"))]);
        insta::assert_snapshot!(lives(prepare, &wanted, &Directories), @"make folder /disk/data (mode 0700)");
        assert!(
            plan_of(&prepare(), &node([wish("/data", None, None, None)]), &Directories).is_empty()
        );
    }

    #[test]
    fn unknown_owners_and_what_is_no_folder_are_refused() {
        let wanted = node([
            wish("/srv/a", None, Some("bob"), Some("staff")),
            wish("/etc/hosts", None, None, None),
        ]);
        insta::assert_snapshot!(shown(&plan_of(&debian(), &wanted, &Directories)), @r"
        refused: /srv/a: /etc/passwd has no user bob; make that user first, or give its number
        refused: /srv/a: /etc/group has no group staff; make that group first, or give its number
        refused: /etc/hosts is there and no folder; move it away, or take it out of `directories`
        ");
    }
}
