//! The hash of a CA's public key, by which a joining host knows the right cluster: `sha256:` and the SHA-256 of
//! the certificate's `SubjectPublicKeyInfo` in DER, as RFC 7469 defines it. And until when a certificate is valid.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::host::hex;

/// A text that is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCertificate {
    /// No `BEGIN CERTIFICATE` with its end.
    #[error("no certificate in PEM form: `-----BEGIN CERTIFICATE-----` and its end are expected")]
    NoPem,
    /// Between the lines stands no base64.
    #[error("the certificate is not base64")]
    Base64,
    /// The bytes are no certificate.
    #[error("the bytes are no X.509 certificate")]
    Der,
}

/// The hash of the first certificate of a PEM text, such as `/etc/kubernetes/pki/ca.crt`, in the form that
/// `caCertHashes` takes.
///
/// # Errors
/// If there is no certificate.
pub fn of_pem(pem: &str) -> Result<String, InvalidCertificate> {
    let der = der(pem)?;
    let key = public_key(&der).ok_or(InvalidCertificate::Der)?;
    Ok(format!("sha256:{}", hex(&Sha256::digest(key))))
}

/// Until when the first certificate of a PEM text is valid.
///
/// # Errors
/// If there is no certificate.
pub fn end_of_pem(pem: &str) -> Result<Timestamp, InvalidCertificate> {
    end(&der(pem)?).ok_or(InvalidCertificate::Der)
}

/// The bytes of the first certificate of a PEM text.
fn der(pem: &str) -> Result<Vec<u8>, InvalidCertificate> {
    let (_, rest) =
        pem.split_once("-----BEGIN CERTIFICATE-----").ok_or(InvalidCertificate::NoPem)?;
    let (body, _) =
        rest.split_once("-----END CERTIFICATE-----").ok_or(InvalidCertificate::NoPem)?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).map_err(|_| InvalidCertificate::Base64)
}

const SEQUENCE: u8 = 0x30;

/// What follows the version in a certificate (RFC 5280, 4.1): serial number, algorithm, issuer, validity, subject, key.
fn fields(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) =
        element(content(certificate)?, SEQUENCE).map(|(tbs, rest)| (content(tbs), rest))?;
    let mut at = fields.take()?;
    // The version has the tag [0] and may be missing.
    if at.first() == Some(&0xa0) {
        (_, at) = element(at, 0xa0)?;
    }
    Some(at)
}

/// The end of a certificate's validity: two digits of a year are those of 1950 to 2049.
fn end(certificate: &[u8]) -> Option<Timestamp> {
    const SHORT: u8 = 0x17;
    const LONG: u8 = 0x18;
    let mut at = fields(certificate)?;
    for tag in [0x02, SEQUENCE, SEQUENCE] {
        (_, at) = element(at, tag)?;
    }
    let (validity, _) = element(at, SEQUENCE)?;
    let times = content(validity)?;
    let (_, rest) = element(times, SHORT).or_else(|| element(times, LONG))?;
    let (end, _) = element(rest, SHORT).or_else(|| element(rest, LONG))?;
    let text = std::str::from_utf8(content(end)?).ok()?;
    let text = match (end[0], text.get(..2)?) {
        (LONG, _) => text.to_owned(),
        (_, year) if year >= "50" => format!("19{year}{}", text.get(2..)?),
        (_, year) => format!("20{year}{}", text.get(2..)?),
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The `SubjectPublicKeyInfo` of a certificate, with its own tag and length.
fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let mut at = fields(certificate)?;
    // Serial number, algorithm, issuer, validity, subject.
    for tag in [0x02, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        (_, at) = element(at, tag)?;
    }
    element(at, SEQUENCE).map(|(key, _)| key)
}

/// Splits the element with this tag off, its tag and length included.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    (*bytes.first()? == tag).then_some(())?;
    let (head, length) = measure(bytes)?;
    bytes.split_at_checked(head.checked_add(length)?)
}

fn content(element: &[u8]) -> Option<&[u8]> {
    let (head, length) = measure(element)?;
    element.get(head..head.checked_add(length)?)
}

/// The lengths of an element's head and of its content.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = *bytes.get(1)?;
    if first < 0x80 {
        return Some((2, usize::from(first)));
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return None;
    }
    let length = bytes.get(2..2 + count)?;
    Some((2 + count, length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, PublicKeyData};

    use super::*;

    fn authority() -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["kubernetes".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key)
    }

    #[test]
    fn the_hash_is_that_of_the_public_key() {
        let (pem, key) = authority();
        let expected = format!("sha256:{}", hex(&Sha256::digest(key.subject_public_key_info())));
        assert_eq!(of_pem(&format!("a comment\n{pem}")).unwrap(), expected);
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let key = KeyPair::generate().unwrap();
        for year in [1999, 2030, 2049, 2050, 2126] {
            let mut params = CertificateParams::new(vec!["kubernetes".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(1998, 1, 2);
            params.not_after = rcgen::date_time_ymd(year, 3, 4);
            let end = end_of_pem(&params.self_signed(&key).unwrap().pem()).unwrap();
            assert_eq!(end.to_string(), format!("{year}-03-04T00:00:00Z"));
        }
        assert_eq!(end_of_pem("x"), Err(InvalidCertificate::NoPem));
    }

    #[test]
    fn openssl_computes_the_same_hash() {
        let run = |args: &[&str], input: &[u8]| -> Option<Vec<u8>> {
            let mut child = Command::new("openssl")
                .args(args)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            child.stdin.take().unwrap().write_all(input).unwrap();
            Some(child.wait_with_output().unwrap().stdout)
        };
        let (pem, _) = authority();
        let Some(key) = run(&["x509", "-noout", "-pubkey"], pem.as_bytes()) else {
            println!("skipped: openssl is not installed here");
            return;
        };
        let der = run(&["pkey", "-pubin", "-outform", "DER"], &key).unwrap();
        assert_eq!(of_pem(&pem).unwrap(), format!("sha256:{}", hex(&Sha256::digest(der))));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let wrap = |body: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        assert_eq!(of_pem("x"), Err(InvalidCertificate::NoPem));
        assert_eq!(of_pem(&wrap("!")), Err(InvalidCertificate::Base64));
        assert_eq!(of_pem(&wrap("MAA=")), Err(InvalidCertificate::Der));
        assert_eq!(of_pem(&wrap("")), Err(InvalidCertificate::Der));
    }

    proptest! {
        #[test]
        fn broken_bytes_never_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = (public_key(&bytes), end(&bytes));
            let _ = public_key(&[&[SEQUENCE, 0x82, 1, 0, SEQUENCE, 0x81, 0x80][..], &bytes].concat());
        }
    }
}
