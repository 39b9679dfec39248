//! A run's own certificates.
//!
//! Each run has an authority of its own, which signs two certificates: the engine's and the workers'. Then its key is
//! thrown away, so that nobody can make a third. All are valid from one day before they were made, because clocks
//! differ, for [`VALID_DAYS`] days after that. A run that is resumed later needs new ones.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, RootCertStore, ServerConfig};
use worker::protocol::SERVER_NAME;

/// For how many days after they were made certificates are valid.
pub const VALID_DAYS: u64 = 89;
/// How long before they were made they are valid already.
const BEFORE: Duration = Duration::from_hours(24);
/// Their files in the run's folder, in the order of [`Identity::texts`].
const FILES: [&str; 5] = ["ca.crt", "server.crt", "server.key", "client.crt", "client.key"];

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// They cannot be made.
    #[error("failed to make certificates for the connections of workers")]
    Make(#[from] rcgen::Error),
    /// A file cannot be read or written.
    #[error("failed to {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{0} is no certificate or key in PEM form: remove it, and new ones are made")]
    NotPem(&'static str),
    /// They were made too long ago.
    #[error(
        "the run's certificates have expired (they hold for {VALID_DAYS} days): remove them, and new ones are made"
    )]
    Expired,
    /// They are not of one authority, or a key is not the certificate's.
    #[error("the run's certificates do not belong together: remove them, and new ones are made")]
    Mismatch(#[source] rustls::Error),
}

impl IdentityError {
    /// Whether there are none yet.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// The certificates and keys of a run: of its engine and of its workers.
#[derive(Clone)]
pub struct Identity {
    ca: String,
    server_cert: String,
    server_key: String,
    client_cert: String,
    client_key: String,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl fmt::Debug for Identity {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Makes new certificates: ECDSA on P-256.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn create() -> Result<Self, IdentityError> {
        Self::create_at(SystemTime::now())
    }

    fn create_at(now: SystemTime) -> Result<Self, IdentityError> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = date_time_ymd(1970, 1, 1);
        let params = |name: &str| -> CertificateParams {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params.not_before = epoch + now.saturating_sub(BEFORE);
            params.not_after = epoch + now + Duration::from_secs(VALID_DAYS * 86_400);
            params
        };

        let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut ca = params("windlass run");
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_text = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);

        let leaf = |mut params: CertificateParams, usage| -> Result<_, IdentityError> {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![usage];
            params.use_authority_key_identifier_extension = true;
            Ok((params.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
        };
        let mut server = params("windlass engine");
        server.subject_alt_names = vec![rcgen::SanType::DnsName(SERVER_NAME.try_into()?)];
        let server = leaf(server, ExtendedKeyUsagePurpose::ServerAuth)?;
        let client = leaf(params("windlass worker"), ExtendedKeyUsagePurpose::ClientAuth)?;
        Self::of([ca_text, server.0, server.1, client.0, client.1])
    }

    /// Of the texts of [`FILES`]. They must be of each other, and valid now.
    fn of(texts: [String; 5]) -> Result<Self, IdentityError> {
        let certificate = |index: usize| {
            CertificateDer::from_pem_slice(texts[index].as_bytes())
                .map_err(|_| IdentityError::NotPem(FILES[index]))
        };
        let key = |index: usize| {
            PrivateKeyDer::from_pem_slice(texts[index].as_bytes())
                .map_err(|_| IdentityError::NotPem(FILES[index]))
        };
        let provider = provider();
        let mut roots = RootCertStore::empty();
        roots.add(certificate(0)?).map_err(verdict)?;
        let roots = Arc::new(roots);
        let (server_cert, client_cert) = (certificate(1)?, certificate(3)?);

        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| {
                    IdentityError::Mismatch(rustls::Error::General(error.to_string()))
                })?;
        verifier.verify_client_cert(&client_cert, &[], UnixTime::now()).map_err(verdict)?;
        let name = ServerName::try_from(SERVER_NAME)
            .map_err(|error| IdentityError::Mismatch(rustls::Error::General(error.to_string())))?;
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .map_err(|error| IdentityError::Mismatch(rustls::Error::General(error.to_string())))?
            .verify_server_cert(&server_cert, &[], &name, &[], UnixTime::now())
            .map_err(verdict)?;

        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(verdict)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server_cert], key(2)?)
            .map_err(verdict)?;
        // Connections last; nobody comes back with a ticket.
        server.send_tls13_tickets = 0;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(verdict)?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![client_cert], key(4)?)
            .map_err(verdict)?;
        let [ca, server_cert, server_key, client_cert, client_key] = texts;
        Ok(Self {
            ca,
            server_cert,
            server_key,
            client_cert,
            client_key,
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }

    fn texts(&self) -> [&str; 5] {
        [&self.ca, &self.server_cert, &self.server_key, &self.client_cert, &self.client_key]
    }

    /// Keeps them in a folder, as `ca.crt`, `server.crt`, `server.key`, `client.crt` and `client.key`, each for the owner
    /// only. The folder is made if it is not there. Each file is replaced in one step.
    ///
    /// # Errors
    /// If a file cannot be written. Then some may be old and some new, which [`Identity::load`] notices.
    pub fn save(&self, dir: &Path) -> Result<(), IdentityError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error("make", dir))?;
        for (name, text) in FILES.into_iter().zip(self.texts()) {
            let path = dir.join(name);
            let fresh = dir.join(format!(".new-{name}"));
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("remove", &fresh)(error));
                }
                _ => {}
            }
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&fresh)
                .and_then(|mut file| {
                    file.write_all(text.as_bytes())?;
                    file.sync_all()
                })
                .map_err(io_error("write", &fresh))?;
            fs::rename(&fresh, &path).map_err(io_error("replace", &path))?;
        }
        match File::open(dir).and_then(|dir| dir.sync_all()) {
            // Some network and FUSE file systems know no fsync of folders.
            Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                Err(io_error("sync", dir)(error))
            }
            _ => Ok(()),
        }
    }

    /// Reads what [`Identity::save`] wrote.
    ///
    /// # Errors
    /// If a file is not there ([`IdentityError::is_missing`]) or cannot be read, if they do not belong together, or if
    /// they have expired.
    pub fn load(dir: &Path) -> Result<Self, IdentityError> {
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).map_err(io_error("read", &path))
        };
        let [ca, server_cert, server_key, client_cert, client_key] = FILES;
        Self::of([
            read(ca)?,
            read(server_cert)?,
            read(server_key)?,
            read(client_cert)?,
            read(client_key)?,
        ])
    }

    /// What a worker needs, as names of files and their content: `ca.crt`, `tls.crt` and `tls.key`.
    #[must_use]
    pub fn worker_files(&self) -> [(&'static str, String); 3] {
        [
            ("ca.crt", self.ca.clone()),
            ("tls.crt", self.client_cert.clone()),
            ("tls.key", self.client_key.clone()),
        ]
    }

    /// The engine's side of connections: TLS 1.3, and only with those who have a certificate of this run.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// The worker's side of connections, for a worker in this process. The server's name is [`SERVER_NAME`].
    #[must_use]
    pub fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }
}

/// The same cryptography everywhere, whatever other crates may have made the default of the process.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn verdict(error: rustls::Error) -> IdentityError {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => IdentityError::Expired,
        error => IdentityError::Mismatch(error),
    }
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    move |source| IdentityError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_comes_back_from_its_files_which_only_the_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("identity");
        let made = Identity::create().unwrap();
        made.save(&dir).unwrap();
        assert_eq!(Identity::load(&dir).unwrap().texts(), made.texts());
        let mut names: Vec<String> = Vec::new();
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["ca.crt", "client.crt", "client.key", "server.crt", "server.key"]);
        // Again, over files that are there and over what a crash left.
        fs::write(dir.join(".new-ca.crt"), "half").unwrap();
        let other = Identity::create().unwrap();
        other.save(&dir).unwrap();
        assert_eq!(Identity::load(&dir).unwrap().texts(), other.texts());
        assert!(!dir.join(".new-ca.crt").exists());
    }

    #[test]
    fn the_key_of_the_authority_is_nowhere() {
        let made = Identity::create().unwrap();
        let keys = made.texts().iter().filter(|text| text.contains("PRIVATE KEY")).count();
        assert_eq!(keys, 2);
        assert!(made.texts()[0].starts_with("-----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(format!("{:?}", Identity::create().unwrap()), "Identity { .. }");
    }

    #[test]
    fn what_is_missing_mixed_or_no_pem_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert!(Identity::load(dir).unwrap_err().is_missing());
        Identity::create().unwrap().save(dir).unwrap();
        let other = Identity::create().unwrap();
        for (index, name) in FILES.into_iter().enumerate() {
            let former = fs::read_to_string(dir.join(name)).unwrap();
            fs::write(dir.join(name), other.texts()[index]).unwrap();
            let error = Identity::load(dir).unwrap_err();
            assert!(matches!(error, IdentityError::Mismatch(_)), "{name}: {error:?}");
            fs::write(dir.join(name), "hello").unwrap();
            let error = Identity::load(dir).unwrap_err();
            assert!(matches!(error, IdentityError::NotPem(file) if file == name), "{error:?}");
            fs::remove_file(dir.join(name)).unwrap();
            assert!(Identity::load(dir).unwrap_err().is_missing());
            fs::write(dir.join(name), former).unwrap();
        }
        Identity::load(dir).unwrap();
    }

    #[test]
    fn certificates_hold_from_a_day_ago_for_ninety_days() {
        let day = Duration::from_hours(24);
        let now = SystemTime::now();
        let at = |time| Identity::create_at(time).map(|_| ());
        at(now).unwrap();
        // Made by a clock that is 23 hours ahead of ours.
        at(now + day / 24 * 23).unwrap();
        assert!(matches!(at(now + day / 24 * 25), Err(IdentityError::Mismatch(_))));
        at(now - day * 88).unwrap();
        assert!(matches!(at(now - day * 90), Err(IdentityError::Expired)));
    }
}
