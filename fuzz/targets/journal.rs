//! The journal's reader. Most inputs get right lengths and checksums here, so that mutations reach the
//! records; the rest is read as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use workflow_engine::journal;

fuzz_target!(|data: &[u8]| {
    let _ = journal::check_bytes(data);
    let mut framed = b"windlass-jnl\x01\0\0\0".to_vec();
    // One byte says how long the next record is.
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (payload, after) = after.split_at(after.len().min(usize::from(length)));
        if !payload.is_empty() {
            framed.extend_from_slice(&(payload.len() as u32).to_le_bytes());
            framed.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
            framed.extend_from_slice(payload);
        }
        rest = after;
    }
    if let Ok(records) = journal::check_bytes(&framed) {
        // A cut anywhere is a torn end, never an error.
        let cut = framed.len() - (data.len() % 7).min(framed.len() - 16);
        match journal::check_bytes(&framed[..cut]) {
            Ok(fewer) => assert!(fewer <= records),
            Err(error) => panic!("a cut journal is refused: {error}"),
        }
    }
});
