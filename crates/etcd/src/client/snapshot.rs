//! A snapshot as it comes: lines of JSON, each with a part in base64. The last 32 bytes are the SHA-256 of all before.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::wire::Fault;
use crate::api::EtcdError;
use crate::snapshot::CHECKSUM;

/// A line is not longer, in bytes. etcd sends parts of 32 KiB.
const LONGEST: usize = 16 << 20;

#[derive(Deserialize)]
struct Line {
    result: Option<Part>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    blob: String,
}

/// Writes the parts of a snapshot.
pub(super) struct Blobs<'a> {
    to: &'a mut dyn Write,
    line: Vec<u8>,
    /// The last bytes, which may be the checksum.
    tail: Vec<u8>,
    /// Of all before the tail.
    checked: Sha256,
    whole: Sha256,
    bytes: u64,
}

impl<'a> Blobs<'a> {
    pub(super) fn new(to: &'a mut dyn Write) -> Self {
        Self {
            to,
            line: Vec::new(),
            tail: Vec::new(),
            checked: Sha256::new(),
            whole: Sha256::new(),
            bytes: 0,
        }
    }

    /// Takes bytes of the answer, wherever it was cut.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), EtcdError> {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.end_line()?;
        }
        self.line.extend_from_slice(bytes);
        if self.line.len() > LONGEST {
            return Err(EtcdError::Damaged("a part of it has no end".to_owned()));
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), EtcdError> {
        let line = std::mem::take(&mut self.line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let damaged = |error: &dyn std::fmt::Display| {
            EtcdError::Damaged(format!("a part of it cannot be understood: {error}"))
        };
        let line: Line = serde_json::from_slice(&line).map_err(|error| damaged(&error))?;
        if let Some(error) = line.error {
            return Err(EtcdError::of_message(&error.message));
        }
        let part = line.result.ok_or_else(|| damaged(&"there is nothing in it"))?;
        let blob = STANDARD.decode(&part.blob).map_err(|error| damaged(&error))?;
        self.to.write_all(&blob)?;
        self.whole.update(&blob);
        self.bytes += blob.len() as u64;
        self.tail.extend_from_slice(&blob);
        let sure = self.tail.len().saturating_sub(CHECKSUM);
        self.checked.update(&self.tail[..sure]);
        self.tail.drain(..sure);
        Ok(())
    }

    /// Checks the whole. Answers its length and its SHA-256.
    pub(super) fn end(mut self) -> Result<(u64, String), EtcdError> {
        self.end_line()?;
        // A file of etcd has whole pages before its checksum.
        if self.tail.len() < CHECKSUM || self.bytes % 512 != CHECKSUM as u64 {
            return Err(EtcdError::Damaged(format!(
                "it broke off after {} bytes; try again",
                self.bytes
            )));
        }
        if self.checked.finalize().as_slice() != self.tail.as_slice() {
            return Err(EtcdError::Damaged(
                "its SHA-256 is not the one that etcd sent at its end; try again".to_owned(),
            ));
        }
        self.to.flush()?;
        Ok((self.bytes, format!("{:x}", self.whole.finalize())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream(content: &[u8], part: usize) -> Vec<u8> {
        let mut all = content.to_vec();
        all.extend_from_slice(&Sha256::digest(content));
        let line =
            |part: &[u8]| format!("{{\"result\":{{\"blob\":\"{}\"}}}}\n", STANDARD.encode(part));
        all.chunks(part).map(line).collect::<String>().into_bytes()
    }

    fn read(stream: &[u8], cut: usize) -> Result<(u64, Vec<u8>), EtcdError> {
        let mut to = Vec::new();
        let mut blobs = Blobs::new(&mut to);
        for part in stream.chunks(cut) {
            blobs.take(part)?;
        }
        let (bytes, _) = blobs.end()?;
        Ok((bytes, to))
    }

    proptest! {
        #[test]
        fn a_snapshot_comes_whole_wherever_it_is_cut(pages in 1_usize..5, byte: u8, part in 1_usize..700, cut in 1_usize..900) {
            let content = vec![byte; pages * 512];
            let (bytes, read) = read(&stream(&content, part), cut).unwrap();
            prop_assert_eq!(bytes as usize, content.len() + 32);
            prop_assert_eq!(&read[..content.len()], &content[..]);
        }

        #[test]
        fn a_part_of_a_snapshot_is_no_snapshot(end in 0_usize..5, part in 1_usize..700) {
            let whole = stream(&vec![7; 2048], part);
            let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
            let kept = lines[..end.min(lines.len() - 1)].concat();
            prop_assert!(read(&kept, 100).is_err());
        }
    }

    #[test]
    fn a_changed_byte_and_a_fault_in_the_middle_are_found() {
        let mut content = vec![1; 512];
        content.extend_from_slice(&Sha256::digest(vec![2; 512]));
        let line = format!("{{\"result\":{{\"blob\":\"{}\"}}}}\n", STANDARD.encode(&content));
        let error = read(line.as_bytes(), 64).unwrap_err();
        assert!(error.to_string().contains("SHA-256"), "{error}");
        let error = read(b"{\"error\":{\"message\":\"etcdserver: no leader\"}}\n", 9).unwrap_err();
        assert!(matches!(error, EtcdError::NoQuorum(_)), "{error}");
    }
}
