//! `/etc/os-release`, as os-release(5) describes it.

use serde::Serialize;

use super::key_value;

/// Which distribution a host runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OsRelease {
    /// `ID`, such as `debian`; `linux` where nothing is said.
    pub id: String,
    /// `ID_LIKE`: what it is derived from, the nearest first.
    pub id_like: Vec<String>,
    /// `VERSION_ID`, such as `12` or `9.4`; rolling releases have none.
    pub version_id: Option<String>,
    /// `VERSION_CODENAME`, such as `bookworm`.
    pub codename: Option<String>,
    /// `PRETTY_NAME`, for people.
    pub pretty_name: String,
}

impl OsRelease {
    /// Reads the text. Lines that are no assignments are passed over, as others do.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        // A value whose quote is not closed counts as none: nothing can be told from it.
        let value =
            |key: &str| key_value::get(text, key).ok().flatten().filter(|value| !value.is_empty());
        let id = value("ID").unwrap_or_else(|| "linux".to_owned());
        let like = value("ID_LIKE").unwrap_or_default();
        Self {
            id_like: like.split_whitespace().map(str::to_owned).collect(),
            version_id: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
            pretty_name: value("PRETTY_NAME").unwrap_or_else(|| id.clone()),
            id,
        }
    }

    /// The part of `VERSION_ID` before the first dot, as a number: 9 of `9.4`.
    #[must_use]
    pub fn major(&self) -> Option<u32> {
        self.version_id.as_deref()?.split('.').next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_escapes_and_comments_are_understood() {
        let text = "# who\n\nPRETTY_NAME=\"A \\\"B\\\" \\$5 \\`x\\` \\\\\"\nID='rocky'\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\nnonsense\n";
        assert_eq!(
            OsRelease::parse(text),
            OsRelease {
                id: "rocky".to_owned(),
                id_like: vec!["rhel".to_owned(), "centos".to_owned(), "fedora".to_owned()],
                version_id: Some("9.4".to_owned()),
                codename: None,
                pretty_name: "A \"B\" $5 `x` \\".to_owned(),
            }
        );
    }

    #[test]
    fn the_major_version_is_what_stands_before_the_dot() {
        let cases = [
            (
                "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n",
                Some(12),
                Some("bookworm"),
            ),
            ("ID=ubuntu\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n", Some(24), Some("noble")),
            ("ID=\"centos\"\nVERSION_ID=\"10\"\n", Some(10), None),
            ("ID=debian\nVERSION_CODENAME=sid\n", None, Some("sid")),
            ("ID=x\nVERSION_ID=\"\"\n", None, None),
        ];
        for (text, major, codename) in cases {
            let release = OsRelease::parse(text);
            assert_eq!((release.major(), release.codename.as_deref()), (major, codename), "{text}");
        }
        assert_eq!(OsRelease::parse("").id, "linux");
    }
}
