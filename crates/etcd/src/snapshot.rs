//! What a file has to be to be a snapshot.

use sha2::{Digest, Sha256};

use crate::api::EtcdError;

/// Bytes of the SHA-256 that etcd sends after the pages of a snapshot.
pub(crate) const CHECKSUM: usize = 32;
/// The length of what comes before is a multiple of this: the smallest page of bbolt, in bytes.
pub(crate) const PAGE: usize = 512;

/// Checks that this is a whole snapshot, as `etcdctl snapshot save` writes it: pages, and their SHA-256 at the end. What
/// restores it checks the same, but only once the members have ended.
///
/// # Errors
/// If it is not.
pub fn check_snapshot(content: &[u8]) -> Result<(), EtcdError> {
    let pages = content.len().saturating_sub(CHECKSUM);
    if pages == 0 || !pages.is_multiple_of(PAGE) {
        return Err(EtcdError::Damaged(format!(
            "of its {} bytes the last {CHECKSUM} have to be a SHA-256, after whole pages of {PAGE}: it broke off, or is a copy of a \
             member's own file",
            content.len()
        )));
    }
    let (pages, checksum) = content.split_at(pages);
    if Sha256::digest(pages).as_slice() != checksum {
        return Err(EtcdError::Damaged(
            "the SHA-256 at its end is not that of the rest".to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_whole_pages_and_their_checksum() {
        let mut whole = vec![7; 3 * PAGE];
        whole.extend_from_slice(&Sha256::digest(&whole));
        assert!(check_snapshot(&whole).is_ok());
        let mut other = whole.clone();
        other[600] = 8;
        let bare = &whole[..3 * PAGE];
        for wrong in [&other[..], bare, &whole[..whole.len() - 1], &whole[PAGE..], b""] {
            assert!(matches!(check_snapshot(wrong), Err(EtcdError::Damaged(_))));
        }
    }
}
