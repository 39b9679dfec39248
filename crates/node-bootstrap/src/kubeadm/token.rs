//! Tokens that hosts join with, and the key that encrypts certificates for other control planes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::secret::Secret;

/// A text that is no token or key. The text itself is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSecret {
    /// Not a bootstrap token.
    #[error("a bootstrap token is 6 characters, a dot and 16 characters, all of a-z and 0-9")]
    Token,
    /// Not a certificate key.
    #[error("a certificate key is 64 characters of 0-9 and a-f: 32 bytes in hexadecimal")]
    CertificateKey,
    /// The bytes to make a token from ran out, which does not happen with random ones.
    #[error(
        "the random bytes do not suffice for a token; give at least 64 from the system's random source"
    )]
    Randomness,
}

/// A bootstrap token: a public id of 6 characters, and a secret of 16.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: String,
    secret: Secret,
}

impl Token {
    /// How many random bytes are enough for [`Token::generate`].
    pub const RANDOM_BYTES: usize = 64;

    /// Makes a token from random bytes, [`Token::RANDOM_BYTES`] of them. Bytes that would favour some characters
    /// are passed over.
    ///
    /// # Errors
    /// If too many bytes had to be passed over.
    pub fn generate(random: &[u8]) -> Result<Self, InvalidSecret> {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        // 252 is the last multiple of 36 that a byte holds.
        let usable = random.iter().filter(|byte| **byte < 252);
        let text: String =
            usable.map(|byte| char::from(ALPHABET[usize::from(byte % 36)])).take(22).collect();
        match text.split_at_checked(6) {
            Some((id, secret)) if secret.len() == 16 => {
                Ok(Self { id: id.to_owned(), secret: Secret::new(secret) })
            }
            _ => Err(InvalidSecret::Randomness),
        }
    }

    /// The public part, by which the cluster lists it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole token. Who calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> Secret {
        Secret::new(format!("{}.{}", self.id, self.secret.expose()))
    }
}

impl FromStr for Token {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let fits = |part: &str, length: usize| {
            part.len() == length
                && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        match text.split_once('.') {
            Some((id, secret)) if fits(id, 6) && fits(secret, 16) => {
                Ok(Self { id: id.to_owned(), secret: Secret::new(secret) })
            }
            _ => Err(InvalidSecret::Token),
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.expose().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer)?.expose().parse().map_err(de::Error::custom)
    }
}

/// The key that encrypts the certificates for other control planes: 32 bytes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CertificateKey(Secret);

impl CertificateKey {
    /// A key from random bytes.
    #[must_use]
    pub fn from_bytes(random: &[u8; 32]) -> Self {
        Self(Secret::new(crate::host::hex(random)))
    }

    /// The key. Who calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl<'de> Deserialize<'de> for CertificateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Secret::deserialize(deserializer)?.expose().parse().map_err(de::Error::custom)
    }
}

impl FromStr for CertificateKey {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let fits =
            text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if fits { Ok(Self(Secret::new(text))) } else { Err(InvalidSecret::CertificateKey) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_form_of_kubernetes_is_a_token() {
        let text = "abcdef.0123456789abcdef";
        let token: Token = text.parse().unwrap();
        assert_eq!((token.id(), token.expose().expose()), ("abcdef", text));
        assert_eq!(format!("{token} {token:?}"), "abcdef.<secret> Token(abcdef.<secret>)");
        assert_eq!(serde_json::to_string(&token).unwrap(), "\"<secret>\"");
        for bad in [
            "",
            "abcdef",
            "abcdef.0123456789abcde",
            "ABCDEF.0123456789abcdef",
            "abcdef.0123456789abcdef\n",
            "abcde.f0123456789abcdef",
        ] {
            assert_eq!(bad.parse::<Token>(), Err(InvalidSecret::Token), "{bad}");
        }
    }

    #[test]
    fn a_certificate_key_is_32_bytes_in_hexadecimal() {
        let key = CertificateKey::from_bytes(&[0xab; 32]);
        assert_eq!(key.expose(), "ab".repeat(32));
        assert_eq!(key.expose().parse::<CertificateKey>(), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "CertificateKey(<secret>)");
        assert_eq!("ab".parse::<CertificateKey>(), Err(InvalidSecret::CertificateKey));
        assert_eq!("zz".repeat(32).parse::<CertificateKey>(), Err(InvalidSecret::CertificateKey));
    }

    #[test]
    fn bytes_that_do_not_suffice_make_no_token() {
        assert_eq!(Token::generate(&[255; 64]), Err(InvalidSecret::Randomness));
        assert_eq!(Token::generate(&[]), Err(InvalidSecret::Randomness));
    }

    proptest! {
        #[test]
        fn every_generated_token_is_read_back(random in prop::collection::vec(0..252_u8, 22..64)) {
            let token = Token::generate(&random).unwrap();
            prop_assert_eq!(token.expose().expose().parse::<Token>(), Ok(token.clone()));
        }
    }
}
