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
    /// All installed packages with their versions. One that is there in several versions, such as a kernel, has all of
    /// them, with a blank between.
    ///
    /// # Errors
    /// If that cannot be learned.
    pub fn installed(self, host: &dyn Host) -> Result<BTreeMap<String, String>, HostError> {
        self.packages(host, |state| state == b'i')
    }

    /// As [`PackageManager::installed`], with those that a killed run left half installed.
    pub(crate) fn present(self, host: &dyn Host) -> Result<BTreeMap<String, String>, HostError> {
        self.packages(host, |state| !matches!(state, b'n' | b'c'))
    }

    fn packages(
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
        let mut installed: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for line in list.lines() {
            let mut fields = line.split('\t');
            if let (Some(state), Some(name), Some(version)) =
                (fields.next(), fields.next(), fields.next())
                && state.as_bytes().get(1).is_some_and(|state| counts(*state))
                // A key that rpm trusts is no package.
                && name != "gpg-pubkey"
            {
                installed.entry(name.to_owned()).or_default().insert(version);
            }
        }
        let joined = |(name, versions): (String, BTreeSet<&str>)| {
            (name, versions.into_iter().collect::<Vec<_>>().join(" "))
        };
        Ok(installed.into_iter().map(joined).collect())
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

    /// Makes ready for an installation: what a killed run left half done is finished, and the lists are fetched. Answers
    /// the names of all packages that will come, change or go.
    pub(crate) fn prepare(
        self,
        host: &dyn Host,
        packages: &[Wanted],
        despite_excludes: &[String],
    ) -> Result<BTreeSet<String>, HostError> {
        if self == Self::Apt {
            self.finish(host)?;
            patiently(host, &apt(&["update", "-q"]))?;
        }
        // dnf ends with 1 because the answer is no; where something is wrong, the installation itself tells.
        let said = host.run(&self.installing(packages, despite_excludes, true))?.stdout;
        let named = packages.iter().map(|package| package.name.clone());
        Ok(self.touched(&said).into_iter().chain(named).collect())
    }

    /// The names of the packages of a transaction that is only shown.
    fn touched(self, said: &str) -> BTreeSet<String> {
        let name = |line: &str| match self {
            Self::Apt => apt_name(line, &["Inst ", "Remv ", "Purg "]),
            // ` name   arch   version   repository   size`
            Self::Dnf => line
                .strip_prefix(' ')
                .filter(|rest| !rest.starts_with(' '))
                .and_then(|rest| rest.split_whitespace().next())
                .map(str::to_owned),
        };
        said.lines().filter_map(name).collect()
    }

    fn installing(
        self,
        packages: &[Wanted],
        despite_excludes: &[String],
        only_shows: bool,
    ) -> Command {
        let mut command = match self {
            Self::Apt => {
                let mut argv = if only_shows { vec!["--simulate"] } else { Vec::new() };
                argv.extend(["install", "--yes", "-q", "--no-install-recommends"]);
                argv.extend(["--allow-downgrades", "--allow-change-held-packages", "--"]);
                apt(&argv)
            }
            Self::Dnf => {
                // What is shown is not shown quietly.
                let answer: &[&str] =
                    if only_shows { &["--assumeno"] } else { &["--assumeyes", "--quiet"] };
                let mut command = Command::new(["dnf", "install"].iter().chain(answer).copied());
                for repository in despite_excludes {
                    command.argv.push(format!("--disableexcludes={repository}"));
                }
                command.argv.push("--setopt=install_weak_deps=False".to_owned());
                command.argv.push("--".to_owned());
                command.within(INSTALL)
            }
        };
        command.argv.extend(packages.iter().map(|package| self.named(package)));
        command
    }

    pub(crate) fn install(
        self,
        host: &dyn Host,
        packages: &[Wanted],
        despite_excludes: &[String],
    ) -> Result<(), HostError> {
        let held = self.all_held(host)?;
        patiently(host, &self.installing(packages, despite_excludes, false))?;
        self.hold_again(host, &held)
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

    /// What dpkg has half done is finished: it does nothing else before.
    fn finish(self, host: &dyn Host) -> Result<(), HostError> {
        if self != Self::Apt {
            return Ok(());
        }
        // Until dpkg has read what it wrote there, apt does nothing, and `--audit` does not tell.
        let was_killed = !host.list("/var/lib/dpkg/updates")?.is_empty();
        if was_killed || !host.check(&Command::new(["dpkg", "--audit"]))?.trim().is_empty() {
            let configured =
                patiently(host, &Command::new(["dpkg", "--configure", "-a"]).within(INSTALL));
            return match configured {
                // apt was killed before it had unpacked what the others need. It fetches that, too.
                Err(HostError::Failed { stderr, .. }) if stderr.contains(UNMET) => {
                    let words =
                        ["--fix-broken", "install", "--yes", "-q", "--no-install-recommends"];
                    patiently(host, &apt(&words))
                }
                configured => configured,
            };
        }
        Ok(())
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
        let held = match self {
            Self::Apt => host.check(&Command::new(["apt-mark", "showhold"]))?,
            // There the repository's `exclude` is the hold.
            Self::Dnf => String::new(),
        };
        let is_held = |name: &String| held.lines().any(|line| line.trim() == name);
        Ok(packages.iter().map(|name| (name.clone(), is_held(name))).collect())
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

    /// What cannot stay where these packages go: the names of others that need them, or what the package manager says of
    /// them.
    pub(crate) fn go_along(
        self,
        host: &dyn Host,
        going: &BTreeSet<String>,
    ) -> Result<Vec<String>, HostError> {
        let names = going.iter().cloned();
        if self == Self::Apt {
            let purge = ["--simulate", "purge", "-q", "--allow-change-held-packages", "--"];
            let said = host.check(&with(apt(&purge), names))?;
            let gone = said.lines().filter_map(|line| apt_name(line, &["Remv ", "Purg "]));
            let others: BTreeSet<String> = gone.filter(|name| !going.contains(name)).collect();
            return Ok(others.into_iter().collect());
        }
        let test = Command::new(["rpm", "--erase", "--test", "--allmatches", "--"]);
        let said = host.run(&with(test, names))?;
        // `containerd.io >= 1.6 is needed by (installed) docker-ce-3:27.1-1.el9.x86_64`
        let needed = said.stderr.lines().chain(said.stdout.lines());
        let needed = needed.filter_map(|line| line.split_once("is needed by (installed) "));
        let others: BTreeSet<&str> = needed.map(|(_, package)| package.trim()).collect();
        Ok(others.into_iter().map(str::to_owned).collect())
    }

    /// Takes away what came, and puts back what was there in another version. Answers what stays, because its former
    /// version cannot be had any more.
    pub(crate) fn restore(
        self,
        host: &dyn Host,
        before: &BTreeMap<String, String>,
        after: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, HostError> {
        self.finish(host)?;
        let held = self.all_held(host)?;
        let now = self.present(host)?;
        // A killed run may have removed a package and not purged it: its files of configuration and its links are there.
        let known = self.packages(host, |state| state != b'n')?;
        let mut came: Vec<String> = after
            .keys()
            .filter(|name| !before.contains_key(*name) && known.contains_key(*name))
            .cloned()
            .collect();
        // Changed, or gone, as one that cannot be beside what came.
        let changed: Vec<(&String, &String)> = before
            .iter()
            .filter(|(name, old)| after.get(*name) != Some(*old) && now.get(*name) != Some(*old))
            .collect();
        let mut back: Vec<(&str, &str)> = Vec::new();
        for (name, old) in changed {
            let is = now.get(name).map_or("", String::as_str);
            if !old.contains(' ') && !is.contains(' ') {
                back.push((name, old));
                continue;
            }
            // Of a kernel, what came beside the others goes, and what went for it stays away.
            let left = after.get(name).map_or("", String::as_str);
            let is_ours = |version: &&str| {
                left.split(' ').any(|other| other == *version)
                    && !old.split(' ').any(|other| other == *version)
            };
            came.extend(is.split(' ').filter(is_ours).map(|version| format!("{name}-{version}")));
        }
        let (gone, other) = back.into_iter().partition(|(name, _)| !now.contains_key(*name));
        let other: Vec<(&str, &str)> = other;
        // First what stays in another version, so that it does not go with what only its newer version needs.
        let mut stays = self.put_back(host, "downgrade", other.clone())?;
        if !stays.is_empty() {
            let kept: Vec<&str> = other.into_iter().map(|(name, _)| name).collect();
            stays.extend(self.keep_needed(host, &kept, &mut came)?);
        }
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
            patiently(host, &with(command, came.into_iter()))?;
            self.unlisted(host)?;
        }
        stays.extend(self.put_back(host, "install", gone)?);
        self.hold_again(host, &held)?;
        Ok(stays)
    }

    /// Takes those off the list of what goes that these packages need. Answers which.
    fn keep_needed(
        self,
        host: &dyn Host,
        kept: &[&str],
        going: &mut Vec<String>,
    ) -> Result<Vec<String>, HostError> {
        let mut needed: Vec<String> = Vec::new();
        while let Some(at) = {
            let mut found = None;
            for (at, name) in going.iter().enumerate() {
                let along = self.go_along(host, &BTreeSet::from([name.clone()]))?;
                let stays = |other: &String| {
                    let mut all = kept.iter().copied().chain(needed.iter().map(String::as_str));
                    all.any(|kept| is_of(kept, other))
                };
                if along.iter().any(stays) {
                    found = Some(at);
                    break;
                }
            }
            found
        } {
            needed.push(going.remove(at));
        }
        Ok(needed.into_iter().map(|name| format!("{name} stays: others need it")).collect())
    }

    /// Puts packages back in a former version, `dnf` by this verb. Answers of which that cannot be had.
    fn put_back(
        self,
        host: &dyn Host,
        verb: &str,
        mut back: Vec<(&str, &str)>,
    ) -> Result<Vec<String>, HostError> {
        let mut lost = Vec::new();
        if self == Self::Apt && !back.is_empty() {
            // The repositories are those from before by now.
            patiently(host, &apt(&["update", "-q"]))?;
        }
        while !back.is_empty() {
            let (joint, command) = match self {
                Self::Apt => {
                    let mut argv = vec!["install", "--yes", "-q", "--no-install-recommends"];
                    argv.extend(["--allow-downgrades", "--allow-change-held-packages", "--"]);
                    ('=', apt(&argv))
                }
                Self::Dnf => {
                    let argv =
                        ["dnf", verb, "--assumeyes", "--quiet", "--disableexcludes=all", "--"];
                    ('-', Command::new(argv).within(INSTALL))
                }
            };
            let names = back.iter().map(|(name, old)| format!("{name}{joint}{old}"));
            let Err(error) = patiently(host, &with(command, names)) else { break };
            let HostError::Failed { stderr, .. } = &error else { return Err(error) };
            let is_lost = |(name, old): &(&str, &str)| match self {
                Self::Apt => {
                    stderr.contains(&format!("Version '{old}' for '{name}' was not found"))
                        || stderr.lines().any(|line| {
                            line.strip_prefix("E: Unable to locate package ").map(str::trim)
                                == Some(*name)
                        })
                }
                // What can be had of them has been put back.
                Self::Dnf => DNF_LOST.iter().any(|text| stderr.contains(text)),
            };
            let (gone, rest): (Vec<_>, Vec<_>) = back.into_iter().partition(is_lost);
            if gone.is_empty() {
                return Err(error);
            }
            lost.extend(gone);
            back = rest;
        }
        // dnf puts back what it can, and does not call that a failure.
        lost.extend(back);
        let now = self.present(host)?;
        let lost = lost.into_iter().filter(|(name, old)| now.get(*name).is_none_or(|is| is != old));
        let shown = lost.map(|(name, old)| match now.get(name) {
            Some(is) => format!("{name} stays at {is}: {old} cannot be had any more"),
            None => format!("{name} stays away: {old} cannot be had any more"),
        });
        Ok(shown.collect())
    }
}

/// Whether what [`PackageManager::go_along`] names is this package, as `name` or as `name-version`.
pub(crate) fn is_of(name: &str, named: &str) -> bool {
    let rest = named.strip_prefix(name);
    rest.is_some_and(|rest| {
        let version = rest.strip_prefix('-').unwrap_or("0");
        rest.is_empty()
            || rest.starts_with('-') && version.starts_with(|it: char| it.is_ascii_digit())
    })
}

/// What dnf says where none of the versions can be had.
const DNF_LOST: [&str; 4] =
    ["No packages marked for", "No match for argument", "Unable to find a match", "Nothing to do"];

/// The package of a line of `apt-get --simulate`, such as `Remv libc6:i386 [2.36-9]`.
fn apt_name(line: &str, verbs: &[&str]) -> Option<String> {
    let rest = verbs.iter().find_map(|verb| line.strip_prefix(verb))?;
    let name = rest.split_whitespace().next()?;
    Some(name.split(':').next().unwrap_or(name).to_owned())
}

/// How often a lock of another package manager is waited for, and for how many seconds each time.
const PATIENCE: (usize, &str) = (60, "5");

/// Runs it, and again while another one has the lock: `DPkg::Lock::Timeout` counts neither for dpkg itself nor for the
/// lists of apt.
fn patiently(host: &dyn Host, command: &Command) -> Result<(), HostError> {
    const LOCKED: [&str; 4] = [
        "Could not get lock",
        "was locked by another process",
        "Unable to lock directory",
        "Unable to acquire the dpkg frontend lock",
    ];
    let mut tries = 0;
    loop {
        match host.check(command) {
            Err(HostError::Failed { stderr, .. })
                if tries < PATIENCE.0 && LOCKED.iter().any(|text| stderr.contains(text)) =>
            {
                tries += 1;
                host.check(&Command::new(["sleep", PATIENCE.1]))?;
            }
            ran => return ran.map(drop),
        }
    }
}

/// What dpkg says of packages whose needs are not there.
const UNMET: &str = "dependency problems";

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

#[cfg(test)]
mod tests;
