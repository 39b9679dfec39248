use std::fs;

use proptest::prelude::*;

use super::*;
use crate::exec::Failure;
use crate::run::Status;

fn closed(status: Status) -> Record {
    Record::Closed(Closed { at_micros: 7, status })
}

fn records() -> Vec<Record> {
    let ended = |result| {
        Record::Ended(Ended {
            process: 1,
            firing: 2,
            attempt: 3,
            queued_micros: 4,
            started_micros: 5,
            ended_micros: 6,
            cpu_micros: 7,
            peak_kib: 8,
            result,
            files: vec![(3, Some(9)), (4, None)],
        })
    };
    let failed = |failure| ended(Verdict::Failed { failure, last: true });
    vec![
        Record::Started(Started { process: 1, firing: 1, attempt: 1, pid: 77, boot_micros: 9 }),
        ended(Verdict::Done),
        ended(Verdict::DoneWith("null".to_owned())),
        ended(Verdict::Exit),
        ended(Verdict::Stopped),
        failed(Failure::Exit(1)),
        failed(Failure::Signal(9)),
        failed(Failure::TimedOut(1500)),
        failed(Failure::NotStarted("no".to_owned())),
        failed(Failure::MissingOutputs(vec!["a".to_owned()])),
        failed(Failure::Lost("gone".to_owned())),
        closed(Status::Finished),
        closed(Status::Idle),
        closed(Status::Waiting { signals: vec!["x".to_owned()] }),
        closed(Status::Interrupted),
    ]
}

fn written(path: &Path, records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::create(path).unwrap();
    for record in records {
        writer.push(record).unwrap();
    }
    writer.flush().unwrap();
    fs::read(path).unwrap()
}

fn read_all(bytes: &[u8]) -> Result<(Vec<Record>, u64, bool), JournalError> {
    let mut reader = Reader::new(bytes, Path::new("journal"))?;
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(record);
    }
    Ok((records, reader.valid(), reader.is_torn()))
}

#[test]
fn every_record_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = written(&dir.path().join("journal"), &records());
    let (read, valid, torn) = read_all(&bytes).unwrap();
    assert_eq!(read, records());
    assert_eq!((valid, torn), (bytes.len() as u64, false));
}

#[test]
fn a_journal_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let before = written(&path, &records());
    assert!(matches!(Writer::create(&path), Err(JournalError::Write { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_journal_cut_anywhere_is_a_journal_with_a_torn_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let bytes = written(&path, &records());
    let mut whole = 0;
    for length in HEADER as usize..bytes.len() {
        let (read, valid, torn) = read_all(&bytes[..length]).unwrap();
        assert!(read.len() >= whole && read.len() <= whole + 1);
        whole = read.len();
        assert_eq!(read, records()[..whole]);
        assert_eq!(torn, valid != length as u64);
    }
    for length in 0..HEADER as usize {
        assert!(matches!(read_all(&bytes[..length]), Err(JournalError::Foreign { .. })));
    }
}

#[test]
fn a_torn_end_is_kept_beside_the_journal_and_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let bytes = written(&path, &records());
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let (read, valid, _) = read_all(&bytes[..bytes.len() - 3]).unwrap();
    let mut writer = Writer::append(&path, valid).unwrap();
    writer.push(&closed(Status::Failed)).unwrap();
    writer.flush().unwrap();
    assert_eq!(
        fs::read(dir.path().join("journal.torn")).unwrap(),
        &bytes[valid as usize..bytes.len() - 3]
    );
    let (after, _, torn) = read_all(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(after.len(), read.len() + 1);
    assert_eq!((after.last(), torn), (Some(&closed(Status::Failed)), false));
}

#[test]
fn another_version_and_another_file_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = written(&dir.path().join("journal"), &records());
    bytes[12] = 99;
    assert!(matches!(read_all(&bytes), Err(JournalError::Version { found: 99, .. })));
    bytes[0] = b'W';
    assert!(matches!(read_all(&bytes), Err(JournalError::Foreign { .. })));
}

#[test]
fn a_whole_record_of_an_unknown_kind_is_not_taken_for_a_torn_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = written(&dir.path().join("journal"), &[]);
    let payload = [250_u8, 1, 2];
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(crc32fast::hash(&payload).to_le_bytes());
    bytes.extend(payload);
    assert!(matches!(read_all(&bytes), Err(JournalError::Unknown { number: 1, .. })));
}

proptest! {
    #[test]
    fn a_flipped_bit_ends_the_reading_there_and_nothing_else(at in 0_usize..1000, bit in 0_u8..8) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = written(&dir.path().join("journal"), &records());
        let at = HEADER as usize + at % (bytes.len() - HEADER as usize);
        bytes[at] ^= 1 << bit;
        let (read, valid, torn) = read_all(&bytes).unwrap();
        prop_assert!(torn);
        prop_assert!(valid as usize <= at);
        prop_assert_eq!(&read[..], &records()[..read.len()]);
    }
}
