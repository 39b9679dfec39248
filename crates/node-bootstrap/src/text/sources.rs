//! Package repositories: apt's deb822 and one-line files, yum's `.repo` files.

use serde::{Deserialize, Serialize};

use super::COMMENTED;

/// Repositories of Kubernetes that are gone since March 2024.
pub const STALE_HOSTS: [&str; 3] =
    ["packages.cloud.google.com", "apt.kubernetes.io", "yum.kubernetes.io"];

/// Where Kubernetes publishes its packages.
pub const KUBERNETES_BASE: &str = "https://pkgs.k8s.io/core:/stable:";

/// How a file lists repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `deb [options] URI suite component...`: `*.list`.
    OneLine,
    /// Stanzas of fields: `*.sources`.
    Deb822,
    /// Sections of an INI file: `*.repo`.
    Yum,
}

impl Format {
    /// The format of a file, from its name.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        match path.rsplit_once('.')?.1 {
            "list" => Some(Self::OneLine),
            "sources" => Some(Self::Deb822),
            "repo" => Some(Self::Yum),
            _ => None,
        }
    }
}

/// A repository of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Its line, from 1: the entry, the first line of the stanza, or the section's header.
    pub line: usize,
    /// All its addresses, lists of mirrors too.
    pub uris: Vec<String>,
    /// Its suites, of apt only.
    pub suites: Vec<String>,
    /// Whether it is in use.
    pub enabled: bool,
}

impl Repository {
    /// Whether one of its addresses is at this place: a host, or the beginning of an address such as
    /// `https://pkgs.k8s.io/core:`. After a blank, a word may follow that has to stand in the address or in a suite, as in
    /// `packages.cloud.google.com kubernetes`: that host has other repositories too.
    #[must_use]
    pub fn is_at(&self, place: &str) -> bool {
        self.uris.iter().any(|uri| self.fits(uri, place))
    }

    fn fits(&self, uri: &str, place: &str) -> bool {
        let (place, word) = place.split_once(' ').unwrap_or((place, ""));
        let is_there = if place.contains("://") {
            uri.starts_with(place)
        } else {
            host_of(uri).is_some_and(|host| host.eq_ignore_ascii_case(place))
        };
        is_there && (uri.contains(word) || self.suites.iter().any(|suite| suite.contains(word)))
    }

    /// Whether it has addresses, and all of them are at these places.
    fn is_only_at<S: AsRef<str>>(&self, places: &[S]) -> bool {
        let known = |uri: &String| places.iter().any(|place| self.fits(uri, place.as_ref()));
        !self.uris.is_empty() && self.uris.iter().all(known)
    }
}

fn host_of(uri: &str) -> Option<&str> {
    let authority = uri.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    })
}

/// A repository with the lines that belong to it, from 0.
struct Found {
    repository: Repository,
    lines: std::ops::Range<usize>,
    /// The line of `Enabled:` or `enabled=`.
    switch: Option<usize>,
}

/// All repositories of a file.
#[must_use]
pub fn repositories(format: Format, text: &str) -> Vec<Repository> {
    find(format, &text.split_inclusive('\n').collect::<Vec<_>>())
        .into_iter()
        .map(|found| found.repository)
        .collect()
}

/// The repositories in use at one of these places ([`Repository::is_at`]).
#[must_use]
pub fn in_use_at<S: AsRef<str>>(format: Format, text: &str, hosts: &[S]) -> Vec<Repository> {
    let mut all = repositories(format, text);
    all.retain(|repository| {
        repository.enabled && hosts.iter().any(|host| repository.is_at(host.as_ref()))
    });
    all
}

/// Switches the repositories at these places ([`Repository::is_at`]) off: a one-line entry becomes a comment, others get `Enabled: no` or
/// `enabled=0`. All else stays. One that has other addresses too is left on, as these may be needed;
/// [`in_use_at`] still names it.
///
/// ```
/// use node_bootstrap::text::sources::{Format, STALE_HOSTS, disable};
///
/// let text = "deb https://apt.kubernetes.io/ kubernetes-xenial main\n";
/// let off = disable(Format::OneLine, text, &STALE_HOSTS);
/// assert_eq!(off, "#node-prep: deb https://apt.kubernetes.io/ kubernetes-xenial main\n");
/// ```
#[must_use]
pub fn disable<S: AsRef<str>>(format: Format, text: &str, hosts: &[S]) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut out: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    for found in find(format, &lines) {
        if !found.repository.enabled || !found.repository.is_only_at(hosts) {
            continue;
        }
        let off = match format {
            Format::OneLine => {
                let line = &mut out[found.lines.start];
                line.insert_str(0, COMMENTED);
                continue;
            }
            Format::Deb822 => "Enabled: no",
            Format::Yum => "enabled=0",
        };
        if let Some(at) = found.switch {
            let (_, ending) = super::split_ending(lines[at]);
            out[at] = format!("{off}{ending}");
            // What continued the former value goes with it.
            for line in &mut out[at + 1..found.lines.end] {
                if !line.starts_with([' ', '\t']) {
                    break;
                }
                line.clear();
            }
        } else {
            // After the header of a section, before the first field of a stanza.
            let at = found.lines.start;
            let line = &mut out[at];
            if format == Format::Deb822 {
                line.insert_str(0, &format!("{off}\n"));
            } else {
                super::end_line(line);
                line.push_str(off);
                line.push('\n');
            }
        }
    }
    out.concat()
}

fn find(format: Format, lines: &[&str]) -> Vec<Found> {
    match format {
        Format::OneLine => one_line(lines),
        Format::Deb822 => deb822(lines),
        Format::Yum => yum(lines),
    }
}

fn one_line(lines: &[&str]) -> Vec<Found> {
    let parse = |(index, line): (usize, &&str)| {
        let line = line.split('#').next()?.trim();
        let rest = line.strip_prefix("deb-src").or_else(|| line.strip_prefix("deb"))?;
        let rest = rest.starts_with(char::is_whitespace).then(|| rest.trim_start())?;
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']')?.1,
            None => rest,
        };
        let mut words = rest.split_whitespace().map(str::to_owned);
        let uris = vec![words.next()?];
        let suites = words.next().into_iter().collect();
        let repository = Repository { line: index + 1, uris, suites, enabled: true };
        Some(Found { repository, lines: index..index + 1, switch: None })
    };
    lines.iter().enumerate().filter_map(parse).collect()
}

fn deb822(lines: &[&str]) -> Vec<Found> {
    let mut all = Vec::new();
    let mut current: Option<Found> = None;
    let mut field = String::new();
    for (index, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            all.extend(current.take());
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let found = current.get_or_insert_with(|| Found {
            repository: Repository {
                line: index + 1,
                uris: Vec::new(),
                suites: Vec::new(),
                enabled: true,
            },
            lines: index..index,
            switch: None,
        });
        found.lines.end = index + 1;
        let value = if line.starts_with([' ', '\t']) {
            line
        } else {
            let Some((name, value)) = line.split_once(':') else { continue };
            field = name.trim().to_ascii_lowercase();
            value
        };
        match field.as_str() {
            "suites" => {
                found.repository.suites.extend(value.split_whitespace().map(str::to_owned));
            }
            "uris" => found.repository.uris.extend(value.split_whitespace().map(str::to_owned)),
            "enabled" if !line.starts_with([' ', '\t']) => {
                found.switch = Some(index);
                let value = value.trim().to_ascii_lowercase();
                found.repository.enabled =
                    !["no", "false", "without", "off", "disable"].contains(&value.as_str());
            }
            _ => {}
        }
    }
    all.extend(current);
    all
}

fn yum(lines: &[&str]) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    let mut key = String::new();
    for (index, line) in lines.iter().enumerate() {
        let body = line.trim();
        if body.is_empty() || body.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with('[') {
            let (uris, suites) = (Vec::new(), Vec::new());
            let repository = Repository { line: index + 1, uris, suites, enabled: true };
            all.push(Found { repository, lines: index..index + 1, switch: None });
            key.clear();
            continue;
        }
        let Some(found) = all.last_mut() else { continue };
        found.lines.end = index + 1;
        let value = if line.starts_with([' ', '\t']) {
            body
        } else {
            let Some((name, value)) = body.split_once(['=', ':']) else { continue };
            name.trim().to_ascii_lowercase().clone_into(&mut key);
            value
        };
        match key.as_str() {
            "baseurl" | "mirrorlist" | "metalink" => {
                let words = value.split([' ', '\t', ',']).filter(|word| !word.is_empty());
                found.repository.uris.extend(words.map(str::to_owned));
            }
            "enabled" => {
                found.switch = Some(index);
                let value = value.trim().to_ascii_lowercase();
                found.repository.enabled = !["0", "no", "false", "off"].contains(&value.as_str());
            }
            _ => {}
        }
    }
    all
}

/// The address of the deb packages of a minor, such as 35 of 1.35, under `base` ([`KUBERNETES_BASE`] or a mirror of it).
#[must_use]
pub fn deb_url(base: &str, minor: u32) -> String {
    format!("{}/v1.{minor}/deb/", base.trim_end_matches('/'))
}

/// The address of the rpm packages of a minor.
#[must_use]
pub fn rpm_url(base: &str, minor: u32) -> String {
    format!("{}/v1.{minor}/rpm/", base.trim_end_matches('/'))
}

/// `kubernetes.sources`: a flat repository, signed by the key of that file. apt reads an armoured key as it is.
#[must_use]
pub fn kubernetes_sources(url: &str, key: &str) -> String {
    format!(
        "# Written by node-prep; it is replaced as a whole.\nTypes: deb\nURIs: {url}\nSuites: /\nSigned-By: {key}\n"
    )
}

/// `kubernetes.repo`: packages and metadata are signed; `exclude` are the packages that only an explicit
/// `--disableexcludes=kubernetes` installs or updates. `key` is the absolute path of a file.
#[must_use]
pub fn kubernetes_repo(url: &str, key: &str, exclude: &[&str]) -> String {
    let exclude = exclude.join(" ");
    format!(
        "# Written by node-prep; it is replaced as a whole.\n[kubernetes]\nname=Kubernetes\nbaseurl={url}\nenabled=1\n\
         gpgcheck=1\nrepo_gpgcheck=1\ngpgkey=file://{key}\nexclude={exclude}\n"
    )
}

/// `docker.sources`: the stable packages for a release of a distribution, by its codename.
#[must_use]
pub fn docker_sources(url: &str, codename: &str, key: &str) -> String {
    format!(
        "# Written by node-prep; it is replaced as a whole.\nTypes: deb\nURIs: {url}\nSuites: {codename}\n\
         Components: stable\nSigned-By: {key}\n"
    )
}

/// `docker.repo`: the packages are signed, the metadata are not. `key` is the absolute path of a file.
#[must_use]
pub fn docker_repo(url: &str, key: &str) -> String {
    format!(
        "# Written by node-prep; it is replaced as a whole.\n[docker]\nname=Docker\nbaseurl={url}\nenabled=1\n\
         gpgcheck=1\ngpgkey=file://{key}\n"
    )
}

#[cfg(test)]
mod tests;
