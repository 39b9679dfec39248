//! Names that are made of parts and must not become too long.

use sha2::{Digest, Sha256};

/// The longest DNS label, label value, and name part of a label key, in bytes.
pub const LABEL_LIMIT: usize = 63;

/// The longest name of most objects, in bytes.
pub const SUBDOMAIN_LIMIT: usize = 253;

/// How many letters of the checksum stand at the end of a shortened name: about 38 bits.
const SUFFIX: usize = 8;

/// Letters of a checksum: without vowels, so that no words come about.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The parts joined by `-`, at most `limit` bytes long.
///
/// A text that fits stays as it is. Of a longer one the begin is kept and eight letters of its checksum follow, so
/// the same parts always give the same name, and names with a long begin in common stay apart. Parts that are DNS
/// labels give a DNS label, parts of a subdomain a subdomain; other characters are not looked at.
///
/// `limit` is [`LABEL_LIMIT`] or [`SUBDOMAIN_LIMIT`], or less where something else will be appended. Below nine only
/// letters of the checksum are left.
///
/// ```
/// use k8s_apply::name::shortened;
///
/// assert_eq!(shortened(&["web", "config"], 63), "web-config");
/// let long = shortened(&["the-frontend-of-the-shop", "config"], 24);
/// assert_eq!(long, "the-frontend-of-hlll69p9");
/// ```
#[must_use]
pub fn shortened(parts: &[&str], limit: usize) -> String {
    let whole = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("-");
    if whole.len() <= limit {
        return whole;
    }
    let suffix = letters(&whole);
    let mut end = limit.saturating_sub(SUFFIX + 1);
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    let begin = whole[..end].trim_end_matches(['-', '.', '_']);
    let name = if begin.is_empty() { suffix } else { format!("{begin}-{suffix}") };
    name.chars().take(limit).collect()
}

/// Letters of the checksum of a text. The first is never a digit, so that it can stand alone as a label.
fn letters(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut rest = digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut out = String::with_capacity(SUFFIX);
    for at in 0..SUFFIX {
        let many = if at == 0 { 20 } else { LETTERS.len() as u64 };
        out.push(char::from(LETTERS[(rest % many) as usize]));
        rest /= many;
    }
    out
}
