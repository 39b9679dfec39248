//! Whether the kernel has ended processes for want of memory.

use std::fs;
use std::path::{Path, PathBuf};

/// The counter of the processes that the kernel ended in the worker's own control group.
#[derive(Debug, Clone, Default)]
pub(crate) struct OomCounter(Option<PathBuf>);

impl OomCounter {
    /// The one of this process, where there is one.
    pub(crate) fn find() -> Self {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::find_in(&groups, Path::new("/sys/fs/cgroup"))
    }

    /// `groups`: what `/proc/self/cgroup` says. A container that sees its own group as the root of the tree may still
    /// be told its path on the node, so the root is tried too.
    fn find_in(groups: &str, root: &Path) -> Self {
        let mut candidates = Vec::new();
        for line in groups.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            let path = path.trim_start_matches('/');
            if controllers.is_empty() {
                candidates.push(root.join(path).join("memory.events"));
                candidates.push(root.join("memory.events"));
            } else if controllers.split(',').any(|controller| controller == "memory") {
                candidates.push(root.join("memory").join(path).join("memory.oom_control"));
                candidates.push(root.join("memory/memory.oom_control"));
            }
        }
        Self(candidates.into_iter().find(|path| Self::count_in(path).is_some()))
    }

    fn count_in(path: &Path) -> Option<u64> {
        let text = fs::read_to_string(path).ok()?;
        // Both versions of control groups have a line of this name.
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
    }

    /// Processes ended so far; 0 where nothing counts them.
    pub(crate) fn count(&self) -> u64 {
        self.0.as_deref().and_then(Self::count_in).unwrap_or(0)
    }

    #[cfg(test)]
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(Some(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_in_both_versions_of_control_groups() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(OomCounter::find_in("0::/\n", root.path()).count(), 0);
        write("a/b/memory.events", "low 0\noom 9\noom_kill 3\noom_group_kill 1\n");
        assert_eq!(OomCounter::find_in("0::/a/b\n", root.path()).count(), 3);
        // The path on the node does not exist in the container.
        write("memory.events", "oom 9\noom_kill 4\n");
        assert_eq!(OomCounter::find_in("0::/../kubepods/x\n", root.path()).count(), 4);
        write("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n");
        let groups = "12:cpu,cpuacct:/x\n11:memory:/kubepods/x\n";
        assert_eq!(OomCounter::find_in(groups, root.path()).count(), 5);
    }
}
