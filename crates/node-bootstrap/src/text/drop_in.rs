//! Folders of drop-in files, of which one masks another: `sysctl.d`, `modules-load.d`.
//!
//! The rule is that of sysctl.d(5) and modules-load.d(5): of files with the same name the one in the folder of
//! the highest rank counts, also if it is empty or a link to `/dev/null`; those that count are read in the
//! order of their names, whatever their folders.

/// The folders above `sysctl.d` and the like, the highest rank first. `/lib` is the same as `/usr/lib` on hosts
/// with a merged `/usr`.
pub const PARENTS: [&str; 5] = ["/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib"];

/// The files that count for `folder` (such as `sysctl.d`), in the order in which they are read. `files` are pairs
/// of an absolute path and its text; a masking file has an empty text. Others than `*.conf` are passed over.
#[must_use]
pub fn ordered<'a>(folder: &str, files: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut ranked: Vec<(&str, usize, (&str, &str))> = files
        .iter()
        .filter_map(|&(path, text)| {
            let (parent, name) = path.rsplit_once('/')?;
            let parent = parent.strip_suffix(folder)?.strip_suffix('/')?;
            let rank = PARENTS.iter().position(|known| *known == parent)?;
            name.strip_suffix(".conf").map(|_| (name, rank, (path, text)))
        })
        .collect();
    ranked.sort_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
    ranked.dedup_by(|later, kept| later.0 == kept.0);
    ranked.into_iter().map(|(_, _, file)| file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_masked_by_the_folder_of_higher_rank_and_names_make_the_order() {
        let files = [
            ("/usr/lib/sysctl.d/50-default.conf", "a"),
            ("/usr/lib/sysctl.d/99-last.conf", "b"),
            ("/etc/sysctl.d/50-default.conf", ""),
            ("/run/sysctl.d/10-first.conf", "c"),
            ("/etc/sysctl.d/readme.txt", "d"),
            ("/etc/modules-load.d/10-x.conf", "e"),
            ("/opt/sysctl.d/10-x.conf", "f"),
            ("/etc/mysysctl.d/10-x.conf", "g"),
            ("/usr/local/lib/sysctl.d/99-last.conf", "h"),
        ];
        assert_eq!(
            ordered("sysctl.d", &files),
            [
                ("/run/sysctl.d/10-first.conf", "c"),
                ("/etc/sysctl.d/50-default.conf", ""),
                ("/usr/local/lib/sysctl.d/99-last.conf", "h"),
            ]
        );
    }

    #[test]
    fn systemd_reads_the_same_files_in_the_same_order() {
        let files = [
            "etc/sysctl.d/50-a.conf",
            "usr/lib/sysctl.d/50-a.conf",
            "run/sysctl.d/10-b.conf",
            "usr/lib/sysctl.d/10-B.conf",
            "usr/local/lib/sysctl.d/9-c.conf",
            "usr/lib/sysctl.d/9-c.conf",
            "usr/lib/sysctl.d/99-d.conf",
            "etc/sysctl.d/notes",
        ];
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "a.b = 1\n").unwrap();
        }
        let mut analyze = std::process::Command::new("systemd-analyze");
        let said = analyze
            .arg("--root")
            .arg(root.path())
            .args(["--no-pager", "cat-config", "sysctl.d"])
            .output();
        let Ok(said) = said
            .map_err(drop)
            .and_then(|said| if said.status.success() { Ok(said) } else { Err(()) })
        else {
            println!("skipped: no systemd-analyze that can show sysctl.d of a folder");
            return;
        };
        let said = String::from_utf8(said.stdout).unwrap();
        let prefix = format!("# {}", root.path().display());
        let theirs: Vec<&str> =
            said.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        let paths: Vec<String> = files.iter().map(|file| format!("/{file}")).collect();
        let texts: Vec<(&str, &str)> =
            paths.iter().map(|path| (path.as_str(), "a.b = 1\n")).collect();
        let ours: Vec<&str> =
            ordered("sysctl.d", &texts).into_iter().map(|(path, _)| path).collect();
        assert_eq!(ours, theirs);
    }
}
