//! A pod's main container as a process of this machine.
//!
//! There are no namespaces and no images: paths of the container that lie in a volume become paths of this machine, in its
//! arguments, its variables and its directory. Init containers are not run: what they would bring, the worker's program, is here.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};

use crate::api::Api;
use crate::pod::{Container, Pod, Secret};

/// The name of the program that is started from elsewhere, whatever folder the container has it in.
const WORKER: &str = "wf-worker";
/// Where a container leaves its last words, if it does not say otherwise.
const LAST_WORDS: &str = "/dev/termination-log";
/// Options of the worker with paths that stand for themselves in a pod, and the commands that have them.
const DEFAULTS: [(&str, &str, &[&str]); 2] =
    [("--identity", "/windlass-id", &["serve", "run"]), ("--message", LAST_WORDS, &["run"])];
/// The most bytes that are kept of them.
const LAST_WORDS_BYTES: usize = 4096;
/// How long a Secret that was read is taken for unchanged: pods of a pool start together.
const SECRET_KEPT: Duration = Duration::from_secs(5);

/// What processes are made from.
pub(crate) struct Workshop {
    /// The worker's program.
    pub(crate) worker: PathBuf,
    /// Folder for all that pods have.
    pub(crate) scratch: PathBuf,
    /// Folder with a folder for each claim.
    pub(crate) claims: PathBuf,
    /// Secrets of late: where their files are.
    pub(crate) secrets: Mutex<HashMap<String, (Instant, PathBuf)>>,
}

/// A process, ready to be started.
pub(crate) struct Plan {
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    dir: PathBuf,
    last_words: PathBuf,
    log: PathBuf,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct End {
    /// As the kubelet counts it: 128 and the signal's number if that ended it.
    pub(crate) code: i32,
    /// What it left as its last words.
    pub(crate) message: String,
}

impl Workshop {
    /// Makes ready what the pod's main container needs.
    ///
    /// # Errors
    /// When it asks for what is not there (yet), or not played here.
    pub(crate) async fn plan(&self, api: &Api, pod: &Pod, ip: &str) -> anyhow::Result<Plan> {
        let Some(container) = pod.spec.containers.first() else {
            bail!("the pod has no container")
        };
        let own = self.scratch.join(&pod.metadata.uid);
        make_folder(&own)?;
        let mut paths = self.mounts(api, pod, container, &own).await?;
        let last_words = own.join("last-words");
        let inside = container.termination_message_path.as_deref().unwrap_or(LAST_WORDS);
        paths.push((inside.to_owned(), last_words.display().to_string()));
        paths.push((LAST_WORDS.to_owned(), last_words.display().to_string()));
        // The longest first: a volume may lie in another.
        paths.sort_by_key(|(inside, _)| std::cmp::Reverse(inside.len()));

        let mut env = BTreeMap::new();
        for variable in &container.env {
            let value = match &variable.value_from {
                None => variable.value.clone(),
                Some(from) => match (&from.field_ref, &from.secret_key_ref) {
                    (Some(field), _) => pod.field(&field.field_path, ip).with_context(|| {
                        format!("the field {} is not played here", field.field_path)
                    })?,
                    (_, Some(key)) => {
                        let folder = self.secret(api, &pod.metadata.namespace, &key.name).await?;
                        fs::read_to_string(folder.join(&key.key))?
                    }
                    _ => bail!("the source of variable {} is not played here", variable.name),
                },
            };
            env.insert(variable.name.clone(), expanded(&value, &env));
        }
        let words = container.command.iter().chain(&container.args);
        let mut argv: Vec<String> =
            words.map(|word| moved(&expanded(word, &env), &paths)).collect();
        let Some(program) = argv.first_mut() else {
            bail!("the container has no command, and there are no images here")
        };
        if Path::new(&*program).file_name().is_some_and(|name| name == WORKER) {
            *program = self.worker.display().to_string();
            for (option, path, commands) in DEFAULTS {
                if argv.get(1).is_some_and(|command| commands.contains(&command.as_str()))
                    && !argv.iter().any(|word| word.split('=').next() == Some(option))
                {
                    argv.extend([option.to_owned(), moved(path, &paths)]);
                }
            }
        }
        for value in env.values_mut() {
            *value = moved(value, &paths);
        }
        env.entry("HOSTNAME".to_owned()).or_insert_with(|| pod.metadata.name.clone());
        env.entry("PATH".to_owned()).or_insert_with(|| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let dir = match &container.working_dir {
            Some(dir) => PathBuf::from(moved(dir, &paths)),
            None => own.clone(),
        };
        let log = self.scratch.join(format!("{}.log", pod.metadata.name));
        Ok(Plan { argv, env, dir, last_words, log })
    }

    /// Where the container's mounts are on this machine.
    async fn mounts(
        &self,
        api: &Api,
        pod: &Pod,
        container: &Container,
        own: &Path,
    ) -> anyhow::Result<Vec<(String, String)>> {
        let mut paths = Vec::new();
        for mount in &container.volume_mounts {
            let Some(volume) = pod.spec.volumes.iter().find(|volume| volume.name == mount.name)
            else {
                bail!("there is no volume {}", mount.name)
            };
            let folder = if let Some(secret) = &volume.secret {
                self.secret(api, &pod.metadata.namespace, &secret.secret_name).await?
            } else if let Some(host) = &volume.host_path {
                PathBuf::from(&host.path)
            } else if let Some(claim) = &volume.persistent_volume_claim {
                let folder = self.claims.join(&claim.claim_name);
                make_folder(&folder)?;
                folder
            } else if volume.empty_dir.is_some() {
                let folder = own.join("volumes").join(&volume.name);
                make_folder(&folder)?;
                folder
            } else if volume.name.starts_with("kube-api-access") {
                // The account's token: nothing here asks for it.
                continue;
            } else {
                bail!("the kind of volume {} is not played here", volume.name)
            };
            let folder =
                if mount.sub_path.is_empty() { folder } else { folder.join(&mount.sub_path) };
            paths.push((mount.path.trim_end_matches('/').to_owned(), folder.display().to_string()));
        }
        Ok(paths)
    }

    /// A folder with a Secret's files.
    async fn secret(&self, api: &Api, namespace: &str, name: &str) -> anyhow::Result<PathBuf> {
        let key = format!("{namespace}.{name}");
        let known = self.secrets.lock().map(|known| known.get(&key).cloned()).unwrap_or_default();
        if let Some((since, folder)) = known
            && since.elapsed() < SECRET_KEPT
        {
            return Ok(folder);
        }
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let secret: Secret = api.get(&path).await.with_context(|| format!("no Secret {name}"))?;
        let folder = self.scratch.join("secrets").join(&key);
        make_folder(&folder)?;
        for (file, data) in &secret.data {
            let bytes =
                STANDARD.decode(data).with_context(|| format!("{file} of Secret {name}"))?;
            let partial = folder.join(format!(".{file}.{}", std::process::id()));
            let mut options = File::options();
            options.write(true).create(true).truncate(true).mode(0o600);
            std::io::Write::write_all(&mut options.open(&partial)?, &bytes)?;
            fs::rename(&partial, folder.join(file))?;
        }
        if let Ok(mut known) = self.secrets.lock() {
            known.insert(key, (Instant::now(), folder.clone()));
        }
        Ok(folder)
    }
}

impl Plan {
    /// Starts it, in a process group of its own.
    pub(crate) fn start(&self) -> anyhow::Result<Child> {
        // Both streams into one file, as a container's log has them.
        let log = File::options().create(true).append(true).open(&self.log)?;
        let program = OsString::from(&self.argv[0]);
        let mut command = Command::new(&program);
        command
            .args(&self.argv[1..])
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        command.spawn().with_context(|| format!("{} cannot be started", self.argv[0]))
    }

    /// Its end, and what it left behind.
    pub(crate) fn end(&self, status: std::process::ExitStatus) -> End {
        use std::os::unix::process::ExitStatusExt as _;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        let mut bytes = fs::read(&self.last_words).unwrap_or_default();
        bytes.truncate(LAST_WORDS_BYTES);
        End { code, message: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// Takes away what the pod had.
    pub(crate) fn clean_up(&self) {
        if let Some(own) = self.last_words.parent() {
            // What stays is in a scratch folder.
            let _ = fs::remove_dir_all(own);
        }
    }
}

/// Asks a process to end.
pub(crate) fn ask_to_end(child: &Child) {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
}

/// Ends what a process that has just ended left behind in its group, as the end of a container does.
pub(crate) fn sweep(group: Option<u32>) {
    // The number is not used again while the group has a member, and is not used again this soon where it has none.
    if let Some(group) = group.and_then(|id| Pid::from_raw(id.cast_signed())) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
}

/// Ends a process and all that descend from it, as the end of a container does.
pub(crate) fn make_end(child: &Child) {
    let Some(id) = child.id() else { return };
    for id in descendants(id).into_iter().chain([id]) {
        if let Some(pid) = Pid::from_raw(id.cast_signed()) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// The processes that a process started, and those that they started, as far as their parents live.
fn descendants(of: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut next = vec![of];
    while let Some(id) = next.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace().filter_map(|word| word.parse::<u32>().ok());
            for child in children {
                found.push(child);
                next.push(child);
            }
        }
    }
    found
}

/// Makes a folder, and those above it, that only we may enter.
pub(crate) fn make_folder(path: &Path) -> anyhow::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("failed to create {}", path.display()))
}

/// Puts in variables as Kubernetes does: `$(NAME)` if there is one, `$$` for a dollar sign.
pub(crate) fn expanded(text: &str, env: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) =
            rest.strip_prefix('(').and_then(|rest| rest.split_once(')'))
        {
            if let Some(value) = env.get(name) {
                out.push_str(value);
            } else {
                out.extend(["$(", name, ")"]);
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// A text in which paths of the container are paths of this machine. A path begins the text or follows `=`, `:` or `,`, and
/// ends with it or goes on with `/`, `:` or `,`.
fn moved(text: &str, paths: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let begins = out.is_empty() || out.ends_with(['=', ':', ',']);
        let found = paths.iter().filter(|_| begins).find_map(|(inside, here)| {
            let after = rest.strip_prefix(inside.as_str())?;
            (after.is_empty() || after.starts_with(['/', ':', ','])).then_some((here, after))
        });
        if let Some((here, after)) = found {
            out.push_str(here);
            rest = after;
            // The rest of this path belongs to it.
            continue;
        }
        let mut chars = rest.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_as_kubernetes_does() {
        let env = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        assert_eq!(expanded("x$(A)y $$(A) $(B) $A $", &env), "x1y $(A) $(B) $A $");
    }

    #[test]
    fn only_whole_paths_of_the_container_are_moved() {
        let paths = [
            ("/windlass-id".to_owned(), "/s/id".to_owned()),
            ("/windlass".to_owned(), "/s/w".to_owned()),
        ];
        assert_eq!(moved("/windlass/wf-worker", &paths), "/s/w/wf-worker");
        assert_eq!(moved("--id=/windlass-id", &paths), "--id=/s/id");
        assert_eq!(moved("/bin:/windlass", &paths), "/bin:/s/w");
        assert_eq!(moved("/windlassed /windlass", &paths), "/windlassed /windlass");
    }

    #[tokio::test]
    async fn a_process_ends_with_all_that_it_started() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & setsid sleep 600 & wait"])
            .spawn()
            .expect("sh starts");
        let id = child.id().expect("it runs");
        let deadline = Instant::now() + Duration::from_secs(10);
        while descendants(id).len() < 2 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let all = descendants(id);
        assert_eq!(all.len(), 2);
        make_end(&child);
        child.wait().await.expect("it ends");
        let lives = |id: &u32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
        };
        while all.iter().any(lives) && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!all.iter().any(lives));
    }
}
