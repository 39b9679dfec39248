//! `/etc/fstab`, as fstab(5) describes it, changed line by line.

use super::{COMMENTED, TextError, decode_octal, encode_octal, end_line, split_ending};

/// One line of `/etc/fstab`, escapes decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is mounted: a device, `UUID=...`, `host:/path`.
    pub source: String,
    /// Where; `none` or `swap` for swap.
    pub target: String,
    /// File system, such as `ext4`, `nfs`, `swap`.
    pub kind: String,
    /// Mount options, with commas between them; `defaults` where none are given.
    pub options: String,
    /// Whether dump(8) saves it.
    pub dump: u32,
    /// When fsck(8) checks it; 0 is never.
    pub pass: u32,
}

impl Entry {
    /// Reads a line; `None` for comments, empty lines and what is no entry.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let source = fields.next().filter(|first| !first.starts_with('#'))?;
        let (target, kind) = (fields.next()?, fields.next()?);
        let options = fields.next().map_or_else(|| "defaults".to_owned(), decode_octal);
        let mut number = || fields.next().and_then(|field| field.parse().ok()).unwrap_or(0);
        Some(Self {
            source: decode_octal(source),
            target: decode_octal(target),
            kind: decode_octal(kind),
            options,
            dump: number(),
            pass: number(),
        })
    }

    /// The line, without its newline.
    #[must_use]
    pub fn render(&self) -> String {
        let field = |text: &str| encode_octal(text, true);
        format!(
            "{} {} {} {} {} {}",
            field(&self.source),
            field(&self.target),
            field(&self.kind),
            field(&self.options),
            self.dump,
            self.pass
        )
    }

    /// Whether it is swap.
    #[must_use]
    pub fn is_swap(&self) -> bool {
        self.kind == "swap"
    }

    fn is_at(&self, target: &str) -> bool {
        let trim = |path: &str| match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            rest => rest.to_owned(),
        };
        !self.is_swap() && self.target.starts_with('/') && trim(&self.target) == trim(target)
    }
}

/// All entries with their lines, from 1.
pub fn entries(text: &str) -> impl Iterator<Item = (usize, Entry)> {
    text.lines().enumerate().filter_map(|(index, line)| Some((index + 1, Entry::parse(line)?)))
}

/// The entries of swap with their lines, from 1.
pub fn swap_entries(text: &str) -> impl Iterator<Item = (usize, Entry)> {
    entries(text).filter(|(_, entry)| entry.is_swap())
}

/// Turns every line of swap into a comment, with [`COMMENTED`] before it.
///
/// ```
/// use node_bootstrap::text::fstab;
///
/// let text = "/dev/sda1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n";
/// let off = fstab::comment_swap(text);
/// assert_eq!(off, "/dev/sda1 / ext4 defaults 0 1\n#node-prep: /dev/sda2 none swap sw 0 0\n");
/// assert_eq!(fstab::uncomment_swap(&off), text);
/// ```
#[must_use]
pub fn comment_swap(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match Entry::parse(line) {
            Some(entry) if entry.is_swap() => format!("{COMMENTED}{line}"),
            _ => line.to_owned(),
        })
        .collect()
}

/// The reverse of [`comment_swap`].
#[must_use]
pub fn uncomment_swap(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_prefix(COMMENTED) {
            Some(rest) if Entry::parse(rest).is_some_and(|entry| entry.is_swap()) => rest,
            _ => line,
        })
        .collect()
}

/// Puts an entry into the place of the one with the same mount point, else at the end.
///
/// # Errors
/// If a field is empty or the mount point is no absolute path; if two lines have this mount point.
pub fn set_mount(text: &str, wish: &Entry) -> Result<String, TextError> {
    let fields = [&wish.source, &wish.target, &wish.kind, &wish.options];
    if let Some(value) = fields.into_iter().find(|field| field.is_empty() || field.contains('\0')) {
        return Err(TextError::Unfit { what: "a field of fstab", value: value.clone() });
    }
    if !wish.target.starts_with('/') || wish.is_swap() {
        return Err(TextError::Unfit {
            what: "a mount point of fstab",
            value: wish.target.clone(),
        });
    }
    let mut standing = entries(text).filter(|(_, entry)| entry.is_at(&wish.target));
    let first = standing.next();
    if let (Some((first, _)), Some((second, _))) = (&first, standing.next()) {
        let what = format!("the mount point {}", wish.target);
        return Err(TextError::Twice { what, first: *first, second });
    }
    match first {
        Some((_, entry)) if entry == *wish => Ok(text.to_owned()),
        Some((number, _)) => Ok(text
            .split_inclusive('\n')
            .enumerate()
            .map(|(index, line)| match split_ending(line) {
                (_, ending) if index + 1 == number => wish.render() + ending,
                _ => line.to_owned(),
            })
            .collect()),
        None => {
            let mut out = text.to_owned();
            end_line(&mut out);
            Ok(out + &wish.render() + "\n")
        }
    }
}

/// Takes the entry with this mount point away.
#[must_use]
pub fn remove_mount(text: &str, target: &str) -> String {
    text.split_inclusive('\n')
        .filter(|line| !Entry::parse(line).is_some_and(|entry| entry.is_at(target)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nfs(target: &str) -> Entry {
        Entry {
            source: "store:/export/my data".to_owned(),
            target: target.to_owned(),
            kind: "nfs".to_owned(),
            options: "ro,hard".to_owned(),
            dump: 0,
            pass: 0,
        }
    }

    #[test]
    fn only_lines_of_swap_are_commented() {
        let text = "# swap was on sda2\nUUID=1 none swap sw 0 0\r\n/swap.img\tswap\tswap\n  /x\\040y none swap\n\
                    LABEL=swap /swap ext4\n#/dev/b none swap sw 0 0\ntmpfs /tmp tmpfs";
        let off = comment_swap(text);
        insta::assert_snapshot!(off.replace('\r', "^M"), @r"
        # swap was on sda2
        #node-prep: UUID=1 none swap sw 0 0^M
        #node-prep: /swap.img	swap	swap
        #node-prep:   /x\040y none swap
        LABEL=swap /swap ext4
        #/dev/b none swap sw 0 0
        tmpfs /tmp tmpfs
        ");
        assert_eq!(swap_entries(text).map(|(line, _)| line).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(swap_entries(&off).count(), 0);
        assert_eq!(uncomment_swap(&off), text);
    }

    #[test]
    fn a_mount_is_added_replaced_and_removed_by_its_mount_point() {
        let added = set_mount("/dev/sda1 / ext4", &nfs("/srv/a b")).unwrap();
        assert_eq!(
            added,
            "/dev/sda1 / ext4\nstore:/export/my\\040data /srv/a\\040b nfs ro,hard 0 0\n"
        );
        let other = Entry { options: "rw".to_owned(), ..nfs("/srv/a b/") };
        let replaced = set_mount(&added, &other).unwrap();
        assert_eq!(
            replaced,
            "/dev/sda1 / ext4\nstore:/export/my\\040data /srv/a\\040b/ nfs rw 0 0\n"
        );
        assert_eq!(remove_mount(&replaced, "/srv/a b"), "/dev/sda1 / ext4\n");
    }

    #[test]
    fn an_entry_with_the_same_meaning_is_left_as_it_is_written() {
        let text = "store:/export/my\\040data\t/srv  nfs\tro,hard\n";
        assert_eq!(set_mount(text, &nfs("/srv")).unwrap(), text);
    }

    #[test]
    fn what_fstab_cannot_hold_is_refused() {
        assert!(matches!(set_mount("", &nfs("srv")), Err(TextError::Unfit { .. })));
        assert!(matches!(
            set_mount("", &Entry { kind: String::new(), ..nfs("/srv") }),
            Err(TextError::Unfit { .. })
        ));
        let twice = "a /srv ext4\nb /srv/ ext4\n";
        assert_eq!(
            set_mount(twice, &nfs("/srv")).unwrap_err().to_string(),
            "lines 1 and 2 both have the mount point /srv; leave one of them"
        );
    }

    proptest! {
        #[test]
        fn commenting_swap_is_idempotent_and_can_be_reversed(
            text in "((#node-prep: |#|)(/dev/a|UUID=b) (none|/x) (swap|ext4)( sw 0 0)?\r?\n){0,6}",
        ) {
            let once = comment_swap(&text);
            prop_assert_eq!(&comment_swap(&once), &once);
            prop_assert_eq!(swap_entries(&once).count(), 0);
            prop_assert_eq!(comment_swap(&uncomment_swap(&once)), once);
        }

        #[test]
        fn every_entry_is_read_back_as_it_was_written(
            source in "[ -~é\t]{1,8}", target in "/[ -~é\t]{0,8}", options in "[ -~]{1,8}", pass in 0..3_u32,
        ) {
            let entry = Entry { source, target, kind: "ext4".to_owned(), options, dump: 0, pass };
            prop_assert_eq!(Entry::parse(&entry.render()), Some(entry.clone()));
            let once = set_mount("# mine\n", &entry).unwrap();
            prop_assert_eq!(set_mount(&once, &entry).unwrap(), once.clone());
            prop_assert_eq!(remove_mount(&once, &entry.target), "# mine\n");
        }
    }
}
