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
        let silent = [
            "Connection timed out",
            "Operation timed out",
            "No route to host",
            "Network is unreachable",
            "Host is down",
        ];
        if silent.iter().any(|part| has(part)) || has("Connection to") && has("timed out") {
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

    /// Whether nothing answered at all: it may be gone for good.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Refused | Self::Unreachable)
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
                    "{shown}{through} does not take {keys} for {user}; put the public key into the user's authorized_keys. A key with a passphrase has to be in an agent, and there are no logins with a password"
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
                "sudo on {shown} wants a password of {user}; give it with --sudo-password-file, or let the user do all without one (NOPASSWD in sudoers)"
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What OpenSSH 9.2 wrote when nobody could be asked.
    const SAID: &[(&str, &str)] = &[
        (
            "name",
            "ssh: Could not resolve hostname nohost.invalid: Temporary failure in name resolution\n",
        ),
        ("name 2", "ssh: Could not resolve hostname a: Name or service not known\n"),
        ("refused", "ssh: connect to host 10.99.0.11 port 2222: Connection refused\n"),
        ("timeout", "ssh: connect to host 10.99.0.77 port 22: Connection timed out\n"),
        ("no way", "ssh: connect to host 10.98.0.77 port 22: Network is unreachable\n"),
        ("no way 2", "ssh: connect to host 10.98.0.77 port 22: No route to host\n"),
        (
            "stopped",
            "Connection timed out during banner exchange\nConnection to 10.99.0.11 port 22 timed out\n",
        ),
        (
            "unknown key",
            "No ED25519 host key is known for 10.99.0.11 and you have requested strict checking.\nHost key verification failed.\n",
        ),
        (
            "changed key",
            "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\nIT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\nSomeone could be eavesdropping on you right now (man-in-the-middle attack)!\nIt is also possible that a host key has just been changed.\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:NnmbWLbg6dZnJ0snYmF4RotnqouER3UuHgVz9CqQD4c.\nPlease contact your system administrator.\nAdd correct host key in /home/a/.ssh/known_hosts to get rid of this message.\nOffending ED25519 key in /home/a/.ssh/known_hosts:2\n  remove with:\n  ssh-keygen -f \"/home/a/.ssh/known_hosts\" -R \"10.99.0.11\"\nHost key for 10.99.0.11 has changed and you have requested strict checking.\nHost key verification failed.\n",
        ),
        ("user or key", "nobody1@10.99.0.11: Permission denied (publickey,password).\n"),
        (
            "open key",
            "@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\nPermissions 0644 for '/k' are too open.\nIt is required that your private key files are NOT accessible by others.\nThis private key will be ignored.\nLoad key \"/k\": bad permissions\nops@10.99.0.11: Permission denied (publickey,password).\n",
        ),
        (
            "no key",
            "Warning: Identity file /k not accessible: No such file or directory.\nops@10.99.0.11: Permission denied (publickey,password).\n",
        ),
        (
            "ciphers",
            "Unable to negotiate with 10.99.0.11 port 22: no matching cipher found. Their offer: aes128-ctr\n",
        ),
        ("configuration", "command-line: line 0: Bad configuration option: foo\n"),
        (
            "behind a jump host",
            "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\nkex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535\n",
        ),
        (
            "the jump host",
            "nobody1@10.99.0.12: Permission denied (publickey,password).\nkex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535\n",
        ),
        (
            "too many",
            "kex_exchange_identification: Connection closed by remote host\nConnection closed by 10.99.0.11 port 22\n",
        ),
        ("nothing", ""),
    ];

    #[test]
    fn what_ssh_says_is_told_apart() {
        let lines: Vec<String> = SAID
            .iter()
            .map(|(name, said)| format!("{name}: {:?}", Trouble::of_ssh(said)))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        name: NameNotFound
        name 2: NameNotFound
        refused: Refused
        timeout: Unreachable
        no way: Unreachable
        no way 2: Unreachable
        stopped: Unreachable
        unknown key: HostKeyUnknown
        changed key: HostKeyChanged { known: Some("/home/a/.ssh/known_hosts:2") }
        user or key: PermissionDenied
        open key: Key("Load key \"/k\": bad permissions")
        no key: Key("Warning: Identity file /k not accessible: No such file or directory.")
        ciphers: NoCommonAlgorithm
        configuration: Configuration
        behind a jump host: Refused
        the jump host: PermissionDenied
        too many: ClosedEarly
        nothing: Other
        "#);
    }

    #[test]
    fn what_sudo_says_is_told_apart() {
        for (said, trouble) in [
            ("sudo: a password is required\n", Trouble::PasswordNeeded),
            ("sudo: interactive authentication is required\n", Trouble::PasswordNeeded),
            ("nosudo is not in the sudoers file.\n", Trouble::NotASudoer),
            (
                "Sorry, user pw is not allowed to execute '/bin/sh' as root on one.\n",
                Trouble::NotASudoer,
            ),
            (
                "Sorry, try again.\nsudo: no password was provided\nsudo: 1 incorrect password attempt\n",
                Trouble::WrongPassword,
            ),
            ("sudo: sorry, you must have a tty to run sudo\n", Trouble::TerminalNeeded),
            ("env: 'sudo': No such file or directory\n", Trouble::NoSudo),
            ("sudo: not found\n", Trouble::NoSudo),
            ("", Trouble::Other),
        ] {
            assert_eq!(Trouble::of_sudo(said), trouble, "{said}");
            assert!(trouble == Trouble::Other || !trouble.is_login());
        }
    }

    #[test]
    fn each_says_what_to_do() {
        let target = Target {
            host: "10.0.0.1".to_owned(),
            user: Some("ops".to_owned()),
            port: Some(2222),
            jump: Some("bastion".to_owned()),
            ..Target::default()
        };
        let told = |trouble: Trouble| {
            trouble.explained(&target, &Options::default(), "line one\nline two")
        };
        let known = Some("/home/a/.ssh/known_hosts:2".to_owned());
        let all = [
            Trouble::NameNotFound,
            Trouble::Refused,
            Trouble::Unreachable,
            Trouble::HostKeyUnknown,
            Trouble::HostKeyChanged { known },
            Trouble::PermissionDenied,
            Trouble::Key("Load key \"/k\": bad permissions".to_owned()),
            Trouble::ClosedEarly,
            Trouble::NoCommonAlgorithm,
            Trouble::Configuration,
            Trouble::Shell,
            Trouble::NoSudo,
            Trouble::NotASudoer,
            Trouble::PasswordNeeded,
            Trouble::WrongPassword,
            Trouble::TerminalNeeded,
            Trouble::Other,
        ];
        let lines: Vec<String> = all.into_iter().map(told).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ssh finds no host of the name 10.0.0.1 (through bastion); give its address as `ssh.host`, or have the name resolved
        nothing listens for ssh at ops@10.0.0.1:2222 (through bastion): the connection is refused; start sshd there, or give its port as `ssh.port`
        ops@10.0.0.1:2222 (through bastion) does not answer; is the host up, and is the way to it open?
        the host key of ops@10.0.0.1:2222 (through bastion) is not known; log in once by hand and compare its fingerprint: `ssh -l ops -p 2222 -J bastion 10.0.0.1 true`. With --accept-new-host-keys unknown keys are taken as they are
        the host key of ops@10.0.0.1:2222 (through bastion) is another one than /home/a/.ssh/known_hosts:2 (file and line) has: it may be another machine that answers. This is never accepted. If the host was installed anew, remove that line
        ops@10.0.0.1:2222 (through bastion) does not take any key of the agent or of ssh's configuration for the user ops; put the public key into the user's authorized_keys. A key with a passphrase has to be in an agent, and there are no logins with a password
        ops@10.0.0.1:2222 (through bastion) does not let the user ops in, and a key could not be used: Load key "/k": bad permissions. A key with a passphrase has to be in an agent
        ops@10.0.0.1:2222 (through bastion) closes the connection before the login; sshd may have too many logins at once (MaxStartups), or does not want this machine; see its log
        this machine's ssh and the sshd of ops@10.0.0.1:2222 (through bastion) have no algorithm in common; see line one
        ssh does not take its configuration: line one
        ops@10.0.0.1:2222 lets us in, and the user ops cannot run a program there; the login needs a POSIX shell that runs commands
        there is no sudo on ops@10.0.0.1:2222 and the user ops is not root; install sudo, or log in as root
        sudo on ops@10.0.0.1:2222 does not let the user ops become root; put the user into sudoers, or log in as another
        sudo on ops@10.0.0.1:2222 wants a password of the user ops; give it with --sudo-password-file, or let the user do all without one (NOPASSWD in sudoers)
        sudo on ops@10.0.0.1:2222 does not take the password for the user ops; it was tried once only, as several wrong ones may lock a user out
        sudo on ops@10.0.0.1:2222 wants a terminal; take `requiretty` out of its sudoers for the user ops
        ssh to ops@10.0.0.1:2222 (through bastion) failed: try `ssh -l ops -p 2222 -J bastion 10.0.0.1 true`
        "#);
    }
}
