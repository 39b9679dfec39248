//! `/proc/self/mounts`: what is mounted, in the form of fstab(5).

use super::decode_octal;

/// Something that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// What: a device, `server:/path`.
    pub source: String,
    /// Where.
    pub target: String,
    /// Its type.
    pub kind: String,
}

/// All that is mounted, in the order of mounting.
pub fn entries(text: &str) -> impl Iterator<Item = Mounted> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(' ').map(decode_octal);
        Some(Mounted { source: fields.next()?, target: fields.next()?, kind: fields.next()? })
    })
}

/// What is seen at a path: the last that was mounted there.
#[must_use]
pub fn at(text: &str, path: &str) -> Option<Mounted> {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    entries(text).filter(|mounted| mounted.target == path).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_mount_at_a_path_counts_and_blanks_are_escaped() {
        let text = "/dev/a / ext4 rw 0 0\nnas:/x /mnt/a\\040b nfs4 rw 0 0\ntmpfs /mnt/a\\040b tmpfs rw 0 0\n";
        assert_eq!(at(text, "/mnt/a b/").map(|it| it.kind).as_deref(), Some("tmpfs"));
        assert_eq!(at(text, "/").map(|it| it.source).as_deref(), Some("/dev/a"));
        assert_eq!(at(text, "/mnt"), None);
    }
}
