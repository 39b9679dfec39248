//! Fetches files: each whole or not at all, several at once.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use cli::{counted, note, seconds};
use futures_util::{StreamExt, stream};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::time::{Instant, interval, sleep, timeout};

use super::list::Input;

/// Files at once.
const AT_ONCE: usize = 4;
/// How files that are not whole yet begin.
const PREFIX: &str = ".wf-input-";
/// Nobody writes to a file after so long: its engine died.
const LEFT_OVER: Duration = Duration::from_mins(10);
/// How often is told how far it is.
const TELL: Duration = Duration::from_secs(30);
/// The longest that a server may ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without anything that comes.
    pub(super) stall: Duration,
    /// Before the second try; doubles.
    pub(super) first_delay: Duration,
    /// Of a file, in all.
    pub(super) tries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { stall: Duration::from_mins(1), first_delay: Duration::from_millis(500), tries: 6 }
    }
}

/// Why a try failed.
enum Fault {
    /// It may work later, at the earliest after this time.
    Again { why: String, after: Option<Duration> },
    /// It will not work.
    Never(String),
}

/// What asks the servers.
pub(super) fn client() -> Result<Client> {
    Ok(web::client(concat!("wf-run/", env!("CARGO_PKG_VERSION")))?)
}

fn broken(error: reqwest::Error) -> Fault {
    if error.is_builder() || error.is_redirect() {
        Fault::Never(web::words(error))
    } else {
        Fault::Again { why: web::words(error), after: None }
    }
}

/// Seconds, or a date. Source: RFC 9110, section 10.2.3.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(SystemTime::from(date.timestamp()).duration_since(SystemTime::now()).unwrap_or_default())
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sum_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&sum.finalize())),
            count => sum.update(&buffer[..count]),
        }
    }
}

/// Whether the file is there as it is wanted.
fn is_there(path: &Path, sha256: Option<&str>) -> Result<bool, String> {
    let failed = |error: io::Error| format!("cannot read what is there: {error}");
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err("a folder is in its place".to_owned()),
        Ok(_) => sha256.map_or(Ok(true), |sum| Ok(sum_of(path).map_err(failed)? == sum)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// Removes what killed engines have left.
fn tidy(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let age = entry.metadata().and_then(|found| found.modified()).ok();
            if age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > LEFT_OVER) {
                // Another engine may have been faster.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    Ok(())
}

/// Work with files that may take long.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}

/// Fetches to one directory.
pub(super) struct Fetcher {
    client: Client,
    patience: Patience,
    dir: PathBuf,
    bytes: AtomicU64,
    fetched: AtomicUsize,
    kept: AtomicUsize,
}

impl Fetcher {
    pub(super) fn new(client: Client, patience: Patience, dir: &Path) -> Self {
        Self {
            client,
            patience,
            dir: dir.to_owned(),
            bytes: AtomicU64::new(0),
            fetched: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
        }
    }

    fn progress(&self, total: usize) -> String {
        let fetched = self.fetched.load(Ordering::Relaxed);
        let kept = self.kept.load(Ordering::Relaxed);
        let bytes = cli::bytes(self.bytes.load(Ordering::Relaxed));
        format!(
            "input: {fetched} of {} fetched ({bytes}), {kept} there before",
            counted(total, "file")
        )
    }

    /// Brings all that is not there. Every failure is told.
    pub(super) async fn all(&self, inputs: &[Input]) -> Result<(), Vec<String>> {
        let begun = Instant::now();
        let work = stream::iter(inputs)
            .map(async |input| {
                let brought = self.one(input).await;
                brought.map_err(|why| format!("{}: {why}", input.path.display()))
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(async |brought| brought.err())
            .collect::<Vec<String>>();
        let mut work = std::pin::pin!(work);
        let mut ticks = interval(TELL);
        ticks.tick().await;
        let mut failures = loop {
            tokio::select! {
                failures = &mut work => break failures,
                _ = ticks.tick() => note(&self.progress(inputs.len())),
            }
        };
        let took = seconds(begun.elapsed().as_secs_f64());
        note(&format!("{}, in {took}", self.progress(inputs.len())));
        failures.sort();
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    async fn one(&self, input: &Input) -> Result<(), String> {
        let target = self.dir.join(&input.path);
        let folder = target.parent().unwrap_or(&self.dir).to_owned();
        let (path, sum) = (target.clone(), input.sha256.clone());
        if aside(move || is_there(&path, sum.as_deref())).await? {
            self.kept.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        fs::create_dir_all(&folder)
            .and_then(|()| tidy(&folder))
            .map_err(|error| format!("cannot use {}: {error}", folder.display()))?;
        let mut delay = self.patience.first_delay;
        let mut tries = 1;
        loop {
            let (why, after) = match self.attempt(input, &folder, &target).await {
                Ok(()) => {
                    self.fetched.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(Fault::Never(why)) => return Err(why),
                Err(Fault::Again { why, after }) => (why, after.unwrap_or_default()),
            };
            if tries >= self.patience.tries {
                return Err(format!("{why} (tried {tries} times)"));
            }
            if after > LONGEST_WAIT {
                let asked = seconds(after.as_secs_f64());
                return Err(format!("{why}; the server says to try again in {asked}"));
            }
            let wait = delay.max(after);
            let name = input.path.display();
            note(&format!("input: {name}: {why}; tries again in {}", seconds(wait.as_secs_f64())));
            sleep(wait).await;
            delay *= 2;
            tries += 1;
        }
    }

    /// What comes in time.
    async fn in_time<T>(
        &self,
        what: impl Future<Output = reqwest::Result<T>>,
        name: impl FnOnce() -> String,
    ) -> Result<T, Fault> {
        let stall = self.patience.stall;
        match timeout(stall, what).await {
            Ok(came) => came.map_err(broken),
            Err(_) => Err(Fault::Never(format!(
                "nothing came for {}; it waited for {}",
                seconds(stall.as_secs_f64()),
                name()
            ))),
        }
    }

    async fn attempt(&self, input: &Input, folder: &Path, target: &Path) -> Result<(), Fault> {
        let request = self.client.get(input.url.clone()).send();
        let host = || format!("the answer of {}", input.url.host_str().unwrap_or("the server"));
        let mut answer = self.in_time(request, host).await?;
        let status = answer.status();
        if !status.is_success() {
            let why = format!("HTTP {status}");
            let later = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err(if later {
                Fault::Again { why, after: retry_after(answer.headers()) }
            } else {
                Fault::Never(why)
            });
        }
        let unwritten = |error: io::Error| Fault::Never(format!("cannot be written: {error}"));
        // Gone when it is dropped. Tasks may be other users: readable as any new file.
        let mut file = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(unwritten)?;
        let mut sum = Sha256::new();
        let mut count = 0_u64;
        loop {
            let more = || format!("more of the file after {}", cli::bytes(count));
            let Some(part) = self.in_time(answer.chunk(), more).await? else { break };
            file.write_all(&part).map_err(unwritten)?;
            if input.sha256.is_some() {
                sum.update(&part);
            }
            count += part.len() as u64;
        }
        if let Some(wanted) = &input.sha256 {
            let found = hex(&sum.finalize());
            if found != *wanted {
                return Err(Fault::Never(format!("its sha256 is {found}, expected {wanted}")));
            }
        }
        let target = target.to_owned();
        let kept = aside(move || keep(file, &target).map_err(|error| error.to_string()));
        kept.await.map_err(|error| Fault::Never(format!("cannot be written: {error}")))?;
        self.bytes.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

/// Gives a whole file its name. That it has a name says that it is whole, after a crash too.
fn keep(file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(target).map(drop).map_err(|failed| failed.error)
}

#[cfg(test)]
mod tests;
