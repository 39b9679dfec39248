//! How a host is logged in to, and the words of `ssh` for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secret::Secret;

/// A host, and how it is logged in to. What is left out is as ssh is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// What ssh connects to: an address, a name, or an alias of the user's configuration.
    pub host: String,
    /// The user's name.
    pub user: Option<String>,
    /// The port of sshd.
    pub port: Option<u16>,
    /// The file with the private key; a leading `~` is ssh's to resolve.
    pub identity_file: Option<String>,
    /// Hosts to go through, as `ssh -J` has them, with commas between several.
    pub jump: Option<String>,
}

/// What is the same for all hosts.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// A configuration in place of the user's.
    pub config: Option<PathBuf>,
    /// Whether keys of hosts that are not known yet are accepted, and kept. Changed ones never are.
    pub accept_new_host_keys: bool,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How often a host is asked whether it is still there. After three times without an answer the connection ends.
    pub keep_alive: Duration,
    /// The password for `sudo`, of all hosts. Used only where sudo asks.
    pub sudo_password: Option<Secret>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            program: PathBuf::from("ssh"),
            config: None,
            accept_new_host_keys: false,
            connect_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(5),
            sudo_password: None,
        }
    }
}

/// How long a connection that nobody uses stays open. It is closed sooner when its [`Sockets`](crate::Sockets) are dropped: this
/// is for programs that were killed.
const PERSIST: &str = "ControlPersist=60";

impl Target {
    /// Whom we log in as and where, for people: `ops@10.0.0.1:2222`.
    #[must_use]
    pub fn shown(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{user}{}{port}", self.host)
    }

    /// A command that logs in by hand, for people.
    #[must_use]
    pub fn by_hand(&self, options: &Options) -> String {
        let mut words = vec![options.program.display().to_string()];
        words.extend(self.words(options));
        words.extend([self.host.clone(), "true".to_owned()]);
        words.iter().map(|word| crate::wrap::quoted(word)).collect::<Vec<_>>().join(" ")
    }

    /// What tells ssh about this host.
    fn words(&self, options: &Options) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(config) = &options.config {
            words.extend(["-F".to_owned(), config.display().to_string()]);
        }
        if let Some(user) = &self.user {
            words.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        if let Some(file) = &self.identity_file {
            words.extend(["-i".to_owned(), file.clone()]);
        }
        if let Some(jump) = &self.jump {
            words.extend(["-J".to_owned(), jump.clone()]);
        }
        words
    }

    /// The words of ssh for a call, without the program: what it runs is one word, since it would join several. Without a
    /// socket the connection is of this call alone.
    #[must_use]
    pub(crate) fn call(&self, options: &Options, socket: Option<&Path>, line: &str) -> Vec<String> {
        let mut words = vec!["-T".to_owned()];
        let mut direct = self.clone();
        let jump = direct.jump.take();
        words.extend(direct.words(options));
        for setting in common(options) {
            words.extend(["-o".to_owned(), setting]);
        }
        let shared = match socket {
            Some(socket) => {
                ["ControlMaster=auto".to_owned(), control_path(socket), PERSIST.to_owned()]
            }
            None => {
                ["ControlMaster=no", "ControlPath=none", "ControlPersist=no"].map(str::to_owned)
            }
        };
        for setting in shared {
            words.extend(["-o".to_owned(), setting]);
        }
        for setting in [
            "ClearAllForwardings=yes",
            "ForwardAgent=no",
            "ForwardX11=no",
            "PermitLocalCommand=no",
            "RemoteCommand=none",
            "RequestTTY=no",
            "LogLevel=INFO",
        ] {
            words.extend(["-o".to_owned(), setting.to_owned()]);
        }
        if self.identity_file.is_some() {
            words.extend(["-o".to_owned(), "IdentitiesOnly=yes".to_owned()]);
        }
        if let Some(proxy) = jump.as_deref().and_then(|jump| through(jump, options)) {
            words.extend(["-o".to_owned(), format!("ProxyCommand={proxy}")]);
        }
        words.extend(["--".to_owned(), self.host.clone(), line.to_owned()]);
        words
    }

    /// The words that close the connection.
    #[must_use]
    pub(crate) fn close(socket: &Path) -> Vec<String> {
        let mut words = vec!["-F".to_owned(), "none".to_owned()];
        words.extend(["-o".to_owned(), control_path(socket), "-O".to_owned(), "exit".to_owned()]);
        words.extend(["--".to_owned(), "any".to_owned()]);
        words
    }
}

/// What holds for hosts and for those on the way to them. Nobody is there to be asked anything.
fn common(options: &Options) -> Vec<String> {
    let known = if options.accept_new_host_keys { "accept-new" } else { "yes" };
    vec![
        "BatchMode=yes".to_owned(),
        format!("StrictHostKeyChecking={known}"),
        format!("ConnectTimeout={}", options.connect_timeout.as_secs().max(1)),
        "ConnectionAttempts=1".to_owned(),
        format!("ServerAliveInterval={}", options.keep_alive.as_secs().max(1)),
        "ServerAliveCountMax=3".to_owned(),
    ]
}

/// What `-J` does, as a command: with `-J` our settings would not hold for the hosts on the way, and those would ask at
/// the terminal.
fn through(jump: &str, options: &Options) -> Option<String> {
    let (before, last) = match jump.rsplit_once(',') {
        Some((before, last)) => (Some(before), last),
        None => (None, jump),
    };
    let last = last.trim();
    if last.is_empty() || last.eq_ignore_ascii_case("none") {
        return None;
    }
    let mut words = vec![options.program.display().to_string()];
    if let Some(config) = &options.config {
        words.extend(["-F".to_owned(), config.display().to_string()]);
    }
    for setting in common(options) {
        words.extend(["-o".to_owned(), setting]);
    }
    if let Some(proxy) = before.and_then(|before| through(before, options)) {
        words.extend(["-o".to_owned(), format!("ProxyCommand={proxy}")]);
    }
    // A percent sign means something to ssh in this setting, once for each level.
    let mut words: Vec<String> = words.iter().map(|word| escaped(word)).collect();
    words.extend(["-W".to_owned(), "[%h]:%p".to_owned(), "--".to_owned()]);
    let uri = if last.starts_with("ssh://") { last.to_owned() } else { format!("ssh://{last}") };
    words.push(escaped(&uri));
    Some(words.iter().map(|word| crate::wrap::quoted(word)).collect::<Vec<_>>().join(" "))
}

/// In quotes: the path may have spaces.
fn control_path(socket: &Path) -> String {
    format!("ControlPath=\"{}\"", escaped(&socket.display().to_string()))
}

fn escaped(word: &str) -> String {
    word.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target { host: "10.0.0.1".to_owned(), ..Target::default() }
    }

    fn call(target: &Target, options: &Options) -> String {
        target.call(options, Some(Path::new("/tmp/w-1/0")), "sh -c 'exit 0'").join("\n")
    }

    #[test]
    fn what_is_not_given_is_left_to_the_configuration() {
        insta::assert_snapshot!(call(&target(), &Options::default()), @r#"
        -T
        -o
        BatchMode=yes
        -o
        StrictHostKeyChecking=yes
        -o
        ConnectTimeout=10
        -o
        ConnectionAttempts=1
        -o
        ServerAliveInterval=5
        -o
        ServerAliveCountMax=3
        -o
        ControlMaster=auto
        -o
        ControlPath="/tmp/w-1/0"
        -o
        ControlPersist=60
        -o
        ClearAllForwardings=yes
        -o
        ForwardAgent=no
        -o
        ForwardX11=no
        -o
        PermitLocalCommand=no
        -o
        RemoteCommand=none
        -o
        RequestTTY=no
        -o
        LogLevel=INFO
        --
        10.0.0.1
        sh -c 'exit 0'
        "#);
    }

    #[test]
    fn all_that_is_given_is_told() {
        let target = Target {
            user: Some("ops".to_owned()),
            port: Some(2222),
            identity_file: Some("~/.ssh/cluster".to_owned()),
            ..target()
        };
        let options = Options {
            config: Some("/tmp/my config".into()),
            accept_new_host_keys: true,
            ..Options::default()
        };
        let said = call(&target, &options);
        for words in [
            "-F\n/tmp/my config",
            "-l\nops",
            "-p\n2222",
            "-i\n~/.ssh/cluster",
            "StrictHostKeyChecking=accept-new",
            "IdentitiesOnly=yes",
        ] {
            assert!(said.contains(words), "{words} is not in {said}");
        }
        assert_eq!(target.shown(), "ops@10.0.0.1:2222");
        assert_eq!(
            target.by_hand(&options),
            "ssh -F '/tmp/my config' -l ops -p 2222 -i '~/.ssh/cluster' 10.0.0.1 true"
        );
    }

    #[test]
    fn hosts_on_the_way_are_checked_as_strictly() {
        let options = Options { config: Some("/100%/c".into()), ..Options::default() };
        insta::assert_snapshot!(through("ops@bastion:2200", &options).unwrap(), @"ssh -F '/100%%/c' -o 'BatchMode=yes' -o 'StrictHostKeyChecking=yes' -o 'ConnectTimeout=10' -o 'ConnectionAttempts=1' -o 'ServerAliveInterval=5' -o 'ServerAliveCountMax=3' -W '[%h]:%p' -- ssh://ops@bastion:2200");
        let two = through("first,ops@second", &options).unwrap();
        assert!(two.ends_with("-W '[%h]:%p' -- ssh://ops@second"), "{two}");
        // What the outer ssh and then the shell leave of it is what the inner one gets.
        let inner = shlex::split(&two.replace("%%", "%")).unwrap();
        let proxy = inner.iter().find_map(|word| word.strip_prefix("ProxyCommand=")).unwrap();
        assert!(proxy.ends_with("-W '[%h]:%p' -- ssh://first"), "{proxy}");
        assert!(proxy.starts_with("ssh -F '/100%%/c' "), "{proxy}");
        assert_eq!(through("none", &options), None);
    }

    /// All ways in which a host is called.
    fn all_calls(options: &Options) -> Vec<Vec<String>> {
        let named = Target {
            user: Some("ops".to_owned()),
            identity_file: Some("~/.ssh/cluster".to_owned()),
            jump: Some("ops@bastion".to_owned()),
            ..target()
        };
        let line = crate::wrap::line(crate::wrap::Sudo::Asking, &["node-prep", "agent"]);
        let socket = Some(Path::new("/tmp/w-1/0"));
        [target(), named]
            .iter()
            .flat_map(|target| {
                [target.call(options, socket, &line), target.call(options, None, &line)]
            })
            .collect()
    }

    #[test]
    fn op_b6_06_no_terminal_is_asked_for() {
        for words in all_calls(&Options::default()) {
            assert_eq!(words[0], "-T");
            assert!(!words.iter().any(|word| word.starts_with("-t")), "{words:?}");
            assert!(words.contains(&"RequestTTY=no".to_owned()), "{words:?}");
        }
    }

    #[test]
    fn op_b6_12_a_password_is_no_word_and_no_host_key_is_taken_unseen() {
        let password = Some(Secret::new("s3cret-sudo"));
        for accept_new_host_keys in [false, true] {
            let options = Options {
                accept_new_host_keys,
                sudo_password: password.clone(),
                ..Options::default()
            };
            assert!(!format!("{options:?}").contains("s3cret"));
            assert!(!target().by_hand(&options).contains("s3cret"));
            for words in all_calls(&options) {
                let all = words.join("\n");
                assert!(!all.contains("s3cret"), "{all}");
                // Also on the way there.
                let keys = if accept_new_host_keys { "accept-new" } else { "yes" };
                for checked in all.split("StrictHostKeyChecking=").skip(1) {
                    assert!(checked.starts_with(keys), "{all}");
                }
                assert!(
                    all.contains("StrictHostKeyChecking=") && !all.contains("UserKnownHostsFile")
                );
            }
        }
    }
}
