//! Packages of the distribution: `apt` and `dnf`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::distribution::PackageManager;
use crate::host::{ACT, Command, Entry, Host, HostError, INSTALL, Kind, Meta};

/// A folder that Debian's base-files makes and no package lists: dpkg takes it away with the last package that has files in
/// it, as kubernetes-cni has.
const UNLISTED: &str = "/opt";

/// A package that shall be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its version, with `*` for any characters: `1.35.*`. `None` takes what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

impl Wanted {
    /// Whether an installed version is what is wanted. A pattern without the packager's part (`-1.1`) fits any.
    #[must_use]
    pub fn fits(&self, installed: &str) -> bool {
        let Some(wanted) = &self.version else { return true };
        // The epoch is the packager's as well.
        let plain = installed.split_once(':').map_or(installed, |(_, version)| version);
        let upstream = plain.rsplit_once('-').map_or(plain, |(version, _)| version);
        [installed, plain, upstream].iter().any(|version| glob(wanted, version))
    }
}

/// Whether a text fits a pattern where `*` stands for any characters.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        // The last part may stand more than once: the end counts.
        Some(part) => text.ends_with(part),
    }
}

impl PackageManager {
    /// All installed packages with their versions.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn installed(self, host: &dyn Host) -> Result<BTreeMap<String, String>, HostError> {
        self.known(host, |state| state == b'i')
    }

    /// Packages in these of dpkg's states; those that were purged are in none.
    fn known(
        self,
        host: &dyn Host,
        counts: impl Fn(u8) -> bool,
    ) -> Result<BTreeMap<String, String>, HostError> {
        let list = match self {
            Self::Apt => {
                let format = "-f=${db:Status-Abbrev}\t${Package}\t${Version}\n";
                host.check(&Command::new(["dpkg-query", "-W", format]))?
            }
            Self::Dnf => {
                let format = "ii \t%{NAME}\t%{EVR}\n";
                host.check(&Command::new(["rpm", "-qa", "--qf", format]))?
            }
        };
        let mut installed = BTreeMap::new();
        for line in list.lines() {
            let mut fields = line.split('\t');
            if let (Some(state), Some(name), Some(version)) =
                (fields.next(), fields.next(), fields.next())
                && state.as_bytes().get(1).is_some_and(|state| *state != b'n' && counts(*state))
            {
                installed.insert(name.to_owned(), version.to_owned());
            }
        }
        Ok(installed)
    }

    fn named(self, package: &Wanted) -> String {
        let Some(version) = &package.version else { return package.name.clone() };
        match self {
            // Without the packager's part a version is a pattern.
            Self::Apt if version.contains('*') || version.contains('-') => {
                format!("{}={version}", package.name)
            }
            // Not `1.35.4*`: that is 1.35.40 as well.
            Self::Apt => format!("{}={version}-*", package.name),
            Self::Dnf => format!("{}-{version}", package.name),
        }
    }

    /// All packages that are held.
    fn all_held(self, host: &dyn Host) -> Result<BTreeSet<String>, HostError> {
        let held = match self {
            Self::Apt => host.check(&Command::new(["apt-mark", "showhold"]))?,
            // There the repository's `exclude` is the hold.
            Self::Dnf => String::new(),
        };
        Ok(held.split_whitespace().map(str::to_owned).collect())
    }

    /// Holds again what was held: apt forgets it of packages that it changes.
    fn hold_again(self, host: &dyn Host, held: &BTreeSet<String>) -> Result<(), HostError> {
        let now = self.all_held(host)?;
        let installed = self.installed(host)?;
        let lost: Vec<&str> = held
            .difference(&now)
            .filter(|name| installed.contains_key(*name))
            .map(String::as_str)
            .collect();
        self.set_held(host, &lost, true)
    }

    pub(crate) fn install(
        self,
        host: &dyn Host,
        packages: &[Wanted],
        despite_excludes: &[String],
    ) -> Result<(), HostError> {
        let held = self.all_held(host)?;
        let names = packages.iter().map(|package| self.named(package));
        match self {
            Self::Apt => {
                // What a killed run left half done is finished first.
                self.finish(host)?;
                host.check(&apt(&["update", "-q"]))?;
                let mut argv = vec!["install", "--yes", "-q", "--no-install-recommends"];
                argv.extend(["--allow-downgrades", "--allow-change-held-packages", "--"]);
                let mut command = apt(&argv);
                command.argv.extend(names);
                host.check(&command)?;
            }
            Self::Dnf => {
                let mut command = Command::new(["dnf", "install", "--assumeyes", "--quiet"]);
                for repository in despite_excludes {
                    command.argv.push(format!("--disableexcludes={repository}"));
                }
                command.argv.push("--setopt=install_weak_deps=False".to_owned());
                command.argv.push("--".to_owned());
                command.argv.extend(names);
                host.check(&command.within(INSTALL))?;
            }
        }
        self.hold_again(host, &held)
    }

    /// What dpkg has half done is finished: it does nothing else before.
    fn finish(self, host: &dyn Host) -> Result<(), HostError> {
        if self != Self::Apt {
            return Ok(());
        }
        let configure = Command::new(["dpkg", "--configure", "-a"]).within(INSTALL);
        let said = host.run(&configure)?;
        if said.is_ok() {
            return Ok(());
        }
        // An apt whose caller was killed goes on by itself. dpkg does not wait for it, apt does; whatever it says then.
        host.run(&apt(&["check", "-q"]))?;
        host.check(&configure).map(|_| ())
    }

    /// What a killed run has left is made whole.
    pub(crate) fn tidy(self, host: &dyn Host) -> Result<(), HostError> {
        self.finish(host)?;
        self.unlisted(host)
    }

    /// Puts back what went with packages, and is of none of them.
    fn unlisted(self, host: &dyn Host) -> Result<(), HostError> {
        if self == Self::Apt
            && host.entry(UNLISTED)?.is_none()
            && self.installed(host)?.contains_key("base-files")
        {
            let folder = Entry { kind: Kind::Folder, meta: Meta::root(0o755) };
            host.put(UNLISTED, &folder)?;
        }
        Ok(())
    }

    /// Of each package whether it is held.
    pub(crate) fn held(
        self,
        host: &dyn Host,
        packages: &[String],
    ) -> Result<BTreeMap<String, bool>, HostError> {
        let held = self.all_held(host)?;
        Ok(packages.iter().map(|name| (name.clone(), held.contains(name))).collect())
    }

    pub(crate) fn set_held(
        self,
        host: &dyn Host,
        packages: &[&str],
        hold: bool,
    ) -> Result<(), HostError> {
        if packages.is_empty() || self == Self::Dnf {
            return Ok(());
        }
        let mut argv = vec!["apt-mark", if hold { "hold" } else { "unhold" }, "--"];
        argv.extend(packages);
        host.check(&Command::new(argv).within(ACT)).map(|_| ())
    }

    /// Takes away what came, and puts back what was there in another version.
    pub(crate) fn restore(
        self,
        host: &dyn Host,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) -> Result<(), HostError> {
        self.finish(host)?;
        let held = self.all_held(host)?;
        let now = self.installed(host)?;
        // Those that a killed run has only half taken away are known, too.
        let known = self.known(host, |_| true)?;
        let came: Vec<&str> = after
            .keys()
            .filter(|name| !before.contains_key(*name) && known.contains_key(*name))
            .map(String::as_str)
            .collect();
        let joint = if self == Self::Apt { '=' } else { '-' };
        // Changed, or gone, as one that cannot be beside what came.
        let back: Vec<String> = before
            .iter()
            .filter(|(name, old)| after.get(*name) != Some(*old) && now.get(*name) != Some(*old))
            .map(|(name, old)| format!("{name}{joint}{old}"))
            .collect();
        if !came.is_empty() {
            let command = match self {
                Self::Apt => apt(&["purge", "--yes", "-q", "--allow-change-held-packages", "--"]),
                Self::Dnf => Command::new([
                    "dnf",
                    "remove",
                    "--assumeyes",
                    "--quiet",
                    "--noautoremove",
                    "--",
                ])
                .within(INSTALL),
            };
            host.check(&with(command, came.into_iter().map(str::to_owned)))?;
            self.unlisted(host)?;
        }
        if !back.is_empty() {
            if self == Self::Apt {
                // The repositories are those from before by now.
                host.check(&apt(&["update", "-q"]))?;
            }
            let command = match self {
                Self::Apt => apt(&[
                    "install",
                    "--yes",
                    "-q",
                    "--no-install-recommends",
                    "--allow-downgrades",
                    "--allow-change-held-packages",
                    "--",
                ]),
                Self::Dnf => Command::new([
                    "dnf",
                    "downgrade",
                    "--assumeyes",
                    "--quiet",
                    "--disableexcludes=all",
                    "--",
                ])
                .within(INSTALL),
            };
            host.check(&with(command, back.into_iter()))?;
        }
        self.hold_again(host, &held)
    }
}

fn with(mut command: Command, names: impl Iterator<Item = String>) -> Command {
    command.argv.extend(names);
    command
}

fn apt(arguments: &[&str]) -> Command {
    let mut argv = vec!["apt-get"];
    // Files that the administrator changed stay as they are; another one's lock is waited for, for a while.
    argv.extend(["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]);
    argv.extend(["-o", "DPkg::Lock::Timeout=300"]);
    argv.extend(arguments);
    Command::new(argv).within(INSTALL)
}
