//! The hash of a CA's public key, by which a joining host knows the right cluster: `sha256:` and the SHA-256 of
//! the certificate's `SubjectPublicKeyInfo` in DER, as RFC 7469 defines it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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
    let (_, rest) =
        pem.split_once("-----BEGIN CERTIFICATE-----").ok_or(InvalidCertificate::NoPem)?;
    let (body, _) =
        rest.split_once("-----END CERTIFICATE-----").ok_or(InvalidCertificate::NoPem)?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| InvalidCertificate::Base64)?;
    let key = public_key(&der).ok_or(InvalidCertificate::Der)?;
    Ok(format!("sha256:{}", hex(&Sha256::digest(key))))
}

const SEQUENCE: u8 = 0x30;

/// The `SubjectPublicKeyInfo` of a certificate, with its own tag and length (RFC 5280, 4.1).
fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) =
        element(content(certificate)?, SEQUENCE).map(|(tbs, rest)| (content(tbs), rest))?;
    let mut at = fields.take()?;
    // The version has the tag [0] and may be missing.
    if at.first() == Some(&0xa0) {
        (_, at) = element(at, 0xa0)?;
    }
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
            let _ = public_key(&bytes);
            let _ = public_key(&[&[SEQUENCE, 0x82, 1, 0, SEQUENCE, 0x81, 0x80][..], &bytes].concat());
        }
    }
}
