//! Until when a key of a repository counts, from the packets of RFC 9580.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// What is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it holds no OpenPGP key that can be read; write the repository's own key there")]
pub struct NoKey;

const PUBLIC_KEY: u8 = 6;
const SIGNATURE: u8 = 2;
/// Certifications of names, and signatures on the key itself.
const ON_KEY: [u8; 5] = [0x10, 0x11, 0x12, 0x13, 0x1f];
const CREATED: u8 = 2;
const EXPIRES_AFTER: u8 = 9;

/// A key that ends within this time is to be had anew, in seconds.
pub const SOON: i64 = 30 * 86_400;

/// When the first key of a file expires, in seconds since 1970; `None` where it never does. The file may be armoured.
/// Signatures are read, not verified: it is about the day alone.
///
/// # Errors
/// If there is no key of version 4 in it.
pub fn expires(file: &[u8]) -> Result<Option<i64>, NoKey> {
    let binary = match std::str::from_utf8(file) {
        Ok(text) if text.contains("-----BEGIN PGP") => unarmoured(text).ok_or(NoKey)?,
        _ => file.to_vec(),
    };
    let mut rest = binary.as_slice();
    let mut born: Option<u32> = None;
    // The newest signature on the key says how long it counts.
    let mut newest: (u32, Option<u32>) = (0, None);
    while !rest.is_empty() {
        let (kind, body) = packet(&mut rest).ok_or(NoKey)?;
        if kind == PUBLIC_KEY {
            if born.is_some() {
                break;
            }
            let &[4, a, b, c, d, ..] = body else { return Err(NoKey) };
            born = Some(u32::from_be_bytes([a, b, c, d]));
        } else if kind == SIGNATURE
            && let Some((at, after)) = lifetime(body)
            && at >= newest.0
        {
            newest = (at, after);
        }
    }
    let born = born.ok_or(NoKey)?;
    let seconds = newest.1.filter(|seconds| *seconds > 0);
    Ok(seconds.map(|seconds| i64::from(born) + i64::from(seconds)))
}

/// The data of the first armoured block.
fn unarmoured(text: &str) -> Option<Vec<u8>> {
    let (_, block) = text.split_once("-----BEGIN PGP")?;
    let (block, _) = block.split_once("-----END PGP")?;
    let mut lines = block.lines().skip(1).map(str::trim);
    // Headers, then an empty line.
    let data: String = lines
        .by_ref()
        .skip_while(|line| line.contains(':'))
        .filter(|line| !line.is_empty())
        // The checksum.
        .take_while(|line| !line.starts_with('='))
        .collect();
    STANDARD.decode(data).ok()
}

/// Takes the next packet: its kind and its body.
fn packet<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&head, after) = rest.split_first()?;
    let (kind, length, at) = if head & 0xc0 == 0xc0 {
        let (length, used) = length(after)?;
        (head & 0x3f, length, used)
    } else if head & 0x80 != 0 {
        let bytes = match head & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return None,
        };
        let length = after.get(..bytes)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        (head >> 2 & 0x0f, length, bytes)
    } else {
        return None;
    };
    let body = after.get(at..at.checked_add(length)?)?;
    *rest = &after[at + length..];
    Some((kind, body))
}

/// A length of one, two or five bytes, and how many it took.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [one @ 0..192, ..] => Some((usize::from(one), 1)),
        [one @ 192..224, two, ..] => {
            Some((((usize::from(one) - 192) << 8) + usize::from(two) + 192, 2))
        }
        [255, a, b, c, d, ..] => Some((usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?, 5)),
        _ => None,
    }
}

/// When a signature on the key was made, and for how long after its birth the key counts by it.
fn lifetime(signature: &[u8]) -> Option<(u32, Option<u32>)> {
    let &[4, kind, _, _, high, low, ..] = signature else { return None };
    if !ON_KEY.contains(&kind) {
        return None;
    }
    let hashed = usize::from(u16::from_be_bytes([high, low]));
    let mut rest = signature.get(6..6 + hashed)?;
    let (mut made, mut after) = (0, None);
    while !rest.is_empty() {
        let (length, used) = length(rest)?;
        let part = rest.get(used..used.checked_add(length)?)?;
        rest = &rest[used + length..];
        if let &[kind, a, b, c, d] = part {
            let number = u32::from_be_bytes([a, b, c, d]);
            match kind & 0x7f {
                CREATED => made = number,
                EXPIRES_AFTER => after = Some(number),
                _ => {}
            }
        }
    }
    Some((made, after))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A key that was born at 1 000 000 000 and counts for so many seconds by signatures made at these times.
    pub(crate) fn key(signatures: &[(u32, Option<u32>)]) -> Vec<u8> {
        let mut key = vec![0x99, 0, 6, 4];
        key.extend(1_000_000_000_u32.to_be_bytes());
        key.push(1);
        for (made, after) in signatures {
            let mut parts = vec![5, CREATED];
            parts.extend(made.to_be_bytes());
            if let Some(after) = after {
                parts.extend([5, EXPIRES_AFTER | 0x80]);
                parts.extend(after.to_be_bytes());
            }
            let mut body = vec![4, 0x13, 1, 8, 0, u8::try_from(parts.len()).unwrap()];
            body.extend(parts);
            key.extend([0xc2, u8::try_from(body.len()).unwrap()]);
            key.extend(body);
        }
        key
    }

    fn armoured(binary: &[u8]) -> String {
        let data = STANDARD.encode(binary);
        format!(
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: x\n\n{data}\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
        )
    }

    #[test]
    fn the_newest_signature_tells_how_long_a_key_counts() {
        assert_eq!(expires(&key(&[(5, Some(100))])), Ok(Some(1_000_000_100)));
        assert_eq!(
            expires(&key(&[(5, Some(100)), (9, Some(300)), (7, Some(200))])),
            Ok(Some(1_000_000_300))
        );
        assert_eq!(expires(&key(&[(5, Some(100)), (9, None)])), Ok(None));
        assert_eq!(expires(&key(&[(5, Some(0))])), Ok(None));
        assert_eq!(expires(armoured(&key(&[(5, Some(100))])).as_bytes()), Ok(Some(1_000_000_100)));
    }

    #[test]
    fn what_is_no_key_is_said_and_never_a_panic() {
        let whole = key(&[(5, Some(100))]);
        for end in 1..9 {
            assert_eq!(expires(&whole[..end]), Err(NoKey), "{end}");
        }
        assert_eq!(expires(b"not a key"), Err(NoKey));
        assert_eq!(expires(b"-----BEGIN PGP nothing"), Err(NoKey));
        assert_eq!(expires(b""), Err(NoKey));
        for byte in 0..whole.len() {
            let mut broken = whole.clone();
            broken[byte] = 0xff;
            // Whatever it says, it says it.
            let _ = expires(&broken);
        }
    }
}
