//! What `ssh` and `sudo` say when they do not let us in, and what it means.

use crate::target::{Options, Target};

/// Why we are not let in. Recognised by what OpenSSH and sudo write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The name means nothing to the resolver.
    NameNotFound,
    /// Nothing listens at the port.
    Refused,
    /// No answer, or no way to it.
    Unreachable,
    /// It is not known which key the host has.
    HostKeyUnknown,
    /// It has another key than is known.
    HostKeyChanged {
        /// Where the known one stands: `/home/ops/.ssh/known_hosts:12`.
        known: Option<String>,
    },
    /// None of our keys is taken.
    PermissionDenied,
    /// A key could not be used: the file is missing, too open, or needs a passphrase.
    Key(String),
    /// The connection was closed before we were let in.
    ClosedEarly,
    /// The two sides have no algorithm in common.
    NoCommonAlgorithm,
    /// ssh does not take its configuration.
    Configuration,
    /// The login works, and its shell does not run what we say.
    Shell,
    /// There is no sudo.
    NoSudo,
    /// The user may not use sudo.
    NotASudoer,
    /// sudo wants a password, and we have none.
    PasswordNeeded,
    /// sudo does not take the password.
    WrongPassword,
    /// sudo wants a terminal.
    TerminalNeeded,
    /// Something else.
    Other,
}

impl Trouble {
    /// What ssh's standard error means, when it has ended before a program began.
    #[must_use]
    pub fn of_ssh(text: &str) -> Self {
        let has = |part: &str| text.contains(part);
        if has("REMOTE HOST IDENTIFICATION HAS CHANGED")
            || has("Host key for") && has("has changed")
        {
            let known = text.lines().find_map(|line| {
                let (_, place) = line.split_once("ey in ")?;
                line.starts_with("Offending ").then(|| place.trim().to_owned())
            });
            return Self::HostKeyChanged { known };
        }
        if has("REVOKED HOST KEY") {
            return Self::HostKeyChanged { known: None };
        }
        if has("host key is known for") || has("Host key verification failed") {
            return Self::HostKeyUnknown;
        }
        if has("no matching") && has("Unable to negotiate") {
            return Self::NoCommonAlgorithm;
        }
        if has("Bad configuration option")
            || has("bad configuration option")
            || has("Bad owner or permissions on")
            || has("Can't open user config file")
        {
            return Self::Configuration;
        }
        if has("Permission denied (")
            || has("Too many authentication failures")
            || has("Permission denied, please try again")
        {
            // What ssh says of each key that it could not use.
            let key = text.lines().find(|line| {
                line.starts_with("Load key ")
                    || line.contains("no such identity: ")
                    || line.starts_with("Warning: Identity file ")
                    || line.contains("agent refused operation")
            });
            return key.map_or(Self::PermissionDenied, |key| Self::Key(key.trim().to_owned()));
        }
        if has("Could not resolve hostname") || has("Name or service not known") {
            return Self::NameNotFound;
        }
        if has("Connection refused") {
            return Self::Refused;
        }
        let silent = ["Connection timed out", "Operation timed out", "No route to host"];
        let away = ["Network is unreachable", "Connection to", "Host is down"];
        if silent.iter().any(|part| has(part))
            || has(away[0])
            || has(away[2])
            || has(away[1]) && has("timed out")
        {
            return Self::Unreachable;
        }
        if has("kex_exchange_identification")
            || has("Connection closed by")
            || has("Connection reset by")
            || has("banner exchange")
        {
            return Self::ClosedEarly;
        }
        Self::Other
    }

    /// What the output of `sudo` means, when it has not run what it should.
    #[must_use]
    pub fn of_sudo(text: &str) -> Self {
        let has = |part: &str| text.contains(part);
        if has("sudo: not found")
            || has("sudo: command not found")
            || has("'sudo'") && has("No such")
            || has("sudo: No such file")
        {
            Self::NoSudo
        } else if has("not in the sudoers file")
            || has("may not run sudo")
            || has("is not allowed to")
            || has("not allowed to run sudo")
        {
            Self::NotASudoer
        } else if has("incorrect password") || has("Sorry, try again") {
            Self::WrongPassword
        } else if has("must have a tty") || has("a terminal is required") && !has("password") {
            Self::TerminalNeeded
        } else if has("password is required") || has("authentication is required") {
            Self::PasswordNeeded
        } else {
            Self::Other
        }
    }

    /// Whether the login is the trouble, and not what we may do after it.
    #[must_use]
    pub fn is_login(&self) -> bool {
        !matches!(
            self,
            Self::Shell
                | Self::NoSudo
                | Self::NotASudoer
                | Self::PasswordNeeded
                | Self::WrongPassword
                | Self::TerminalNeeded
        )
    }

    /// What it is and what to do, for people.
    #[must_use]
    pub(crate) fn explained(&self, target: &Target, options: &Options, said: &str) -> String {
        let shown = target.shown();
        let by_hand = target.by_hand(options);
        let user = target
            .user
            .as_deref()
            .map_or_else(|| String::from("the login's user"), |user| format!("the user {user}"));
        let through = target.jump.as_ref().map(|jump| format!(" (through {jump})"));
        let through = through.unwrap_or_default();
        match self {
            Self::NameNotFound => format!(
                "ssh finds no host of the name {}{through}; give its address as `ssh.host`, or have the name resolved",
                target.host
            ),
            Self::Refused => format!(
                "nothing listens for ssh at {shown}{through}: the connection is refused; start sshd there, or give its port as `ssh.port`"
            ),
            Self::Unreachable => format!(
                "{shown}{through} does not answer; is the host up, and is the way to it open?"
            ),
            Self::HostKeyUnknown => format!(
                "the host key of {shown}{through} is not known; log in once by hand and compare its fingerprint: `{by_hand}`. With --accept-new-host-keys unknown keys are taken as they are"
            ),
            Self::HostKeyChanged { known } => {
                let place = known.as_ref().map_or_else(
                    || String::from("known_hosts"),
                    |place| format!("{place} (file and line)"),
                );
                format!(
                    "the host key of {shown}{through} is another one than {place} has: it may be another machine that answers. This is never accepted. If the host was installed anew, remove that line"
                )
            }
            Self::PermissionDenied => {
                let keys = target.identity_file.as_ref().map_or_else(
                    || String::from("any key of the agent or of ssh's configuration"),
                    |file| format!("the key {file}"),
                );
                format!(
                    "{shown}{through} does not take {keys} for {user}; put the public key into the user's authorized_keys. There are no logins with a password"
                )
            }
            Self::Key(key) => format!(
                "{shown}{through} does not let {user} in, and a key could not be used: {key}. A key with a passphrase has to be in an agent"
            ),
            Self::ClosedEarly => format!(
                "{shown}{through} closes the connection before the login; sshd may have too many logins at once (MaxStartups), or does not want this machine; see its log"
            ),
            Self::NoCommonAlgorithm => format!(
                "this machine's ssh and the sshd of {shown}{through} have no algorithm in common; see {}",
                first_line(said)
            ),
            Self::Configuration => {
                format!("ssh does not take its configuration: {}", first_line(said))
            }
            Self::Shell => format!(
                "{shown} lets us in, and {user} cannot run a program there; the login needs a POSIX shell that runs commands"
            ),
            Self::NoSudo => format!(
                "there is no sudo on {shown} and {user} is not root; install sudo, or log in as root"
            ),
            Self::NotASudoer => format!(
                "sudo on {shown} does not let {user} become root; put the user into sudoers, or log in as another"
            ),
            Self::PasswordNeeded => format!(
                "sudo on {shown} wants a password of {user}; give it with --ask-sudo-password, or let the user do all without one (NOPASSWD in sudoers)"
            ),
            Self::WrongPassword => format!(
                "sudo on {shown} does not take the password for {user}; it was tried once only, as several wrong ones may lock a user out"
            ),
            Self::TerminalNeeded => format!(
                "sudo on {shown} wants a terminal; take `requiretty` out of its sudoers for {user}"
            ),
            Self::Other => format!("ssh to {shown}{through} failed: try `{by_hand}`"),
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing")
}
