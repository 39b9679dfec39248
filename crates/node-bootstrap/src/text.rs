//! Formats of files on a host: pure functions from text to text.
//!
//! Every function that changes a text is idempotent, and leaves all that it does not mean byte for byte.

pub mod arguments;
pub mod block;
pub mod clock;
pub mod containerd;
pub mod crictl;
pub mod drop_in;
pub mod exports;
pub mod firewall;
pub mod fstab;
pub mod haproxy;
pub mod hosts;
pub mod kernel_command_line;
pub mod key_value;
pub mod manifest;
pub mod modules;
pub mod mounts;
pub mod nft;
pub mod openpgp;
pub mod os_release;
pub mod ports;
pub mod resolv;
pub mod sources;
pub mod swaps;
pub mod sysctl;
pub mod zone;

use thiserror::Error;

/// What we put before a line of others that shall not count any more. Taking it away restores the line.
pub const COMMENTED: &str = "#node-prep: ";

/// A text that cannot be read or changed safely.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TextError {
    /// A marker block has no end.
    #[error(
        "line {line}: `# BEGIN node-prep` has no `# END node-prep`; write the missing line, or remove the block"
    )]
    UnterminatedBlock {
        /// Line of the beginning, from 1.
        line: usize,
    },
    /// An end without a beginning, or a beginning inside a block.
    #[error(
        "line {line}: a marker of node-prep that does not fit the others; leave one block, from `# BEGIN node-prep` to `# END node-prep`"
    )]
    StrayMarker {
        /// Its line, from 1.
        line: usize,
    },
    /// What shall go into a block looks like a marker.
    #[error("the content of a block must not hold the line `{line}`")]
    MarkerInside {
        /// The line.
        line: String,
    },
    /// A quote that does not end on its line.
    #[error("line {line}: a quote is not closed; close it on the same line")]
    UnclosedQuote {
        /// Its line, from 1.
        line: usize,
    },
    /// A manifest of a static pod that does not say what it has to.
    #[error("{why}")]
    Manifest {
        /// What is wrong.
        why: String,
    },
    /// A value that the format cannot hold.
    #[error("{what} cannot hold {value:?}")]
    Unfit {
        /// What should hold it.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// Two lines have what only one should have.
    #[error("lines {first} and {second} both have {what}; leave one of them")]
    Twice {
        /// What stands twice.
        what: String,
        /// Line of the first, from 1.
        first: usize,
        /// Line of the second, from 1.
        second: usize,
    },
    /// TOML that is none.
    #[error("not TOML: {0}")]
    Toml(String),
    /// A version of a schema that is not known.
    #[error("`version = {0}` of containerd's configuration is not known; known are 1 to 4")]
    Schema(i64),
    /// A key is of another kind than expected.
    #[error("`{path}` is {found}, expected {expected}")]
    Kind {
        /// Path of the key, with dots.
        path: String,
        /// What is expected.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
}

/// Appends a newline if a text does not end with one. An empty text stays empty.
fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// A line without its `\n` or `\r\n`, and that ending.
fn split_ending(line: &str) -> (&str, &str) {
    let body = line.strip_suffix('\n').unwrap_or(line);
    let body = body.strip_suffix('\r').unwrap_or(body);
    (body, &line[body.len()..])
}

/// Decodes `\040` and the like, as the kernel and fstab write blanks.
fn decode_octal(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if let [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] = &bytes[at..] {
            out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            at += 4;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// The reverse of [`decode_octal`]: blanks, tabs, newlines and backslashes are escaped; `#` too, where `hash`.
fn encode_octal(text: &str, hash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' => out.push_str("\\040"),
            '\t' => out.push_str("\\011"),
            '\n' => out.push_str("\\012"),
            '\r' => out.push_str("\\015"),
            '\\' => out.push_str("\\134"),
            '#' if hash => out.push_str("\\043"),
            _ => out.push(c),
        }
    }
    out
}
