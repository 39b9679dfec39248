//! Repositories of packages: one for the minor of Kubernetes, Docker's where containerd comes from there.

#[cfg(test)]
mod tests;

use crate::change::ChangeError;
use crate::data::distribution::PackageManager;
use crate::data::repositories as data;
use crate::edit::Edit;
use crate::facts::Facts;
use crate::fetch::Need;
use crate::host::{Host, HostError, sha256};
use crate::plan::{Planning, Step};
use crate::spec::{ContainerdSource, Node, Repository};
use crate::text::sources::{self, Format};
use crate::text::{clock, openpgp};

/// Repositories of packages.
#[derive(Debug)]
pub(super) struct Repositories;

/// A repository that shall be there.
struct Wish {
    what: &'static str,
    /// The key of `node.yaml` with the mirror.
    field: &'static str,
    /// The file that lists it.
    file: &'static str,
    content: String,
    key_file: &'static str,
    /// Where the key is: a URL, or a path.
    key: String,
    key_sha256: Option<String>,
    /// The beginnings of addresses that no other file shall have.
    places: Vec<String>,
    /// Whether it is left out where another file already has it.
    yields: bool,
}

fn wishes(node: &Node, facts: &Facts) -> Vec<Wish> {
    let distribution = facts.distribution;
    let manager = distribution.package_manager;
    let is_apt = manager == PackageManager::Apt;
    let usual = Repository::default();
    let mut wishes = Vec::new();
    if let Some(kubernetes) = node.kubernetes.as_ref().filter(|wish| !wish.packages.is_empty()) {
        let mirror = kubernetes.repository.as_ref().unwrap_or(&usual);
        let base = mirror.base_url.as_deref();
        let urls = data::kubernetes(manager, base, kubernetes.version.minor);
        let excluded = data::kubernetes_exclude().iter().map(String::as_str);
        let excluded: Vec<&str> = excluded.filter(|_| kubernetes.hold).collect();
        let (file, key_file) = if is_apt {
            ("/etc/apt/sources.list.d/kubernetes.sources", "/etc/apt/keyrings/kubernetes.asc")
        } else {
            ("/etc/yum.repos.d/kubernetes.repo", "/etc/pki/rpm-gpg/RPM-GPG-KEY-kubernetes")
        };
        let mut places = vec![data::kubernetes_place(None), data::kubernetes_place(base)];
        places.dedup();
        wishes.push(Wish {
            what: "Kubernetes",
            field: "kubernetes.repository",
            file,
            content: if is_apt {
                sources::kubernetes_sources(&urls.packages, key_file)
            } else {
                sources::kubernetes_repo(&urls.packages, key_file, &excluded)
            },
            key_file,
            key: key_place(mirror, urls.key),
            key_sha256: mirror.key_sha256.clone(),
            places,
            yields: false,
        });
    }
    let containerd = node.containerd.as_ref();
    let packed = containerd.and_then(|wish| distribution.containerd_package(wish.source));
    if let (Some(containerd), Some((_, ContainerdSource::Docker))) = (containerd, packed) {
        let mirror = containerd.repository.as_ref().unwrap_or(&usual);
        let urls = data::docker(distribution, mirror.base_url.as_deref());
        let (file, key_file) = if is_apt {
            ("/etc/apt/sources.list.d/docker.sources", "/etc/apt/keyrings/docker.asc")
        } else {
            ("/etc/yum.repos.d/docker.repo", "/etc/pki/rpm-gpg/RPM-GPG-KEY-docker")
        };
        let codename = distribution.codename.as_deref().unwrap_or_default();
        wishes.push(Wish {
            what: "Docker",
            field: "containerd.repository",
            file,
            content: if is_apt {
                sources::docker_sources(&urls.packages, codename, key_file)
            } else {
                sources::docker_repo(&urls.packages, key_file)
            },
            key_file,
            key: key_place(mirror, urls.key),
            key_sha256: mirror.key_sha256.clone(),
            places: vec![urls.packages],
            yields: true,
        });
    }
    wishes
}

fn key_place(mirror: &Repository, usual: String) -> String {
    mirror.key_file.clone().or_else(|| mirror.key_url.clone()).unwrap_or(usual)
}

/// What has to be fetched before this step can be planned: keys. What is on the host and fits is not fetched again, so a
/// second run needs no network.
///
/// # Errors
/// If the host cannot be looked at.
pub(super) fn needs(host: &dyn Host, node: &Node, facts: &Facts) -> Result<Vec<Need>, HostError> {
    let planning = Planning::new(host, node, facts);
    let mut needs = Vec::new();
    for wish in wishes(node, facts) {
        if wish.yields && elsewhere(&planning, &wish)?.is_some() {
            continue;
        }
        let is_there = key_stands(&planning, &wish)?
            && key_ends(&planning, &wish)?.is_none()
            && planning.text(wish.file)?.as_deref() == Some(&wish.content);
        let need = Need {
            what: format!("the key of the repository of {}", wish.what),
            place: wish.key,
            sha256: wish.key_sha256,
        };
        if need.is_file() || !is_there {
            needs.push(need);
        }
    }
    Ok(needs)
}

/// Whether a key is on the host, and is the one that is wished as far as that is known.
fn key_stands(planning: &Planning<'_>, wish: &Wish) -> Result<bool, HostError> {
    let Some(key) = planning.text(wish.key_file)? else { return Ok(false) };
    Ok(wish.key_sha256.as_ref().is_none_or(|sum| is_sum(sum, key.as_bytes())))
}

/// What there is to say of a key that has ended or ends soon. One that is named by its checksum stays what it is.
fn key_ends(planning: &Planning<'_>, wish: &Wish) -> Result<Option<String>, HostError> {
    if wish.key_sha256.is_some() {
        return Ok(None);
    }
    let text = |path| Ok(planning.text(path)?.unwrap_or_default());
    let now = clock::now(&text("/proc/stat")?, &text("/proc/uptime")?);
    let key = text(wish.key_file)?;
    let (Some(now), Ok(Some(end))) = (now, openpgp::expires(key.as_bytes())) else {
        return Ok(None);
    };
    let day = jiff::Timestamp::from_second(end)
        .map_or_else(|_| end.to_string(), |end| end.to_string()[..10].to_owned());
    let said = if end <= now { "is expired since" } else { "expires on" };
    Ok((end - now < openpgp::SOON).then(|| format!("the key {} {said} {day}", wish.key_file)))
}

fn is_sum(wanted: &str, content: &[u8]) -> bool {
    sha256(content).eq_ignore_ascii_case(wanted)
}

/// All files that list repositories, with their formats and texts.
fn files(planning: &Planning<'_>) -> Result<Vec<(String, Format, String)>, HostError> {
    let mut paths = Vec::new();
    for folder in ["/etc/apt/sources.list.d", "/etc/yum.repos.d"] {
        paths.extend(planning.list(folder)?.into_iter().map(|name| format!("{folder}/{name}")));
    }
    paths.push("/etc/apt/sources.list".to_owned());
    let mut files = Vec::new();
    for path in paths {
        if let Some(format) = Format::of(&path)
            && let Some(text) = planning.text(&path)?
        {
            files.push((path, format, text));
        }
    }
    Ok(files)
}

/// The file of someone else that has a repository already, where ours is not there.
fn elsewhere(planning: &Planning<'_>, wish: &Wish) -> Result<Option<String>, HostError> {
    if planning.exists(wish.file)? {
        return Ok(None);
    }
    let all = files(planning)?;
    let mut others = all.into_iter().filter(|(path, _, _)| path != wish.file);
    Ok(others
        .find(|(_, format, text)| !sources::in_use_at(*format, text, &wish.places).is_empty())
        .map(|(path, _, _)| path))
}

impl Step for Repositories {
    fn id(&self) -> &'static str {
        "repositories"
    }

    fn why(&self) -> &'static str {
        "Kubernetes has a repository of its own for each minor. Its packages are signed, and only its own key counts for \
         them. The repositories at Google are gone since 2024 and make every update fail, so they are switched off."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let wishes = wishes(planning.node, planning.facts);
        if wishes.is_empty() {
            return Ok(());
        }
        let mut off: Vec<String> =
            data::stale_hosts().iter().map(|host| format!("{host} kubernetes")).collect();
        for wish in wishes.iter().filter(|wish| !wish.yields) {
            off.extend(wish.places.iter().cloned());
        }
        for (path, format, text) in files(planning)? {
            if wishes.iter().any(|wish| wish.file == path)
                || sources::in_use_at(format, &text, &off).is_empty()
            {
                continue;
            }
            planning.write(&path, Edit::RepositoriesOff { format, places: off.clone() }, None)?;
            let left = planning.text(&path)?.unwrap_or_default();
            if let Some(left) = sources::in_use_at(format, &left, &off).first() {
                planning.refuse(format!(
                    "{path}:{}: a former repository of Kubernetes stands beside other addresses ({}). Take it out there",
                    left.line,
                    left.uris.join(" ")
                ));
            }
        }
        for wish in &wishes {
            plan_one(planning, wish)?;
        }
        Ok(())
    }
}

fn plan_one(planning: &mut Planning<'_>, wish: &Wish) -> Result<(), ChangeError> {
    if wish.yields
        && let Some(path) = elsewhere(planning, wish)?
    {
        planning.note(format!("{path} has the repository of {} already: it is used", wish.what));
        return Ok(());
    }
    // A file of that name may have more in it than the repository that it is named for.
    if let (Some(format), Some(text)) = (Format::of(wish.file), planning.text(wish.file)?) {
        let stale = data::stale_hosts().iter().map(|host| format!("{host} kubernetes"));
        let ours: Vec<String> = wish.places.iter().cloned().chain(stale).collect();
        let all = sources::repositories(format, &text);
        let other = all.iter().find(|repository| {
            repository.enabled && !ours.iter().any(|place| repository.is_at(place))
        });
        // One that we wrote may be of a mirror that is not wished any more.
        if let Some(other) = other
            && !text.starts_with("# Written by node-prep;")
        {
            planning.refuse(format!(
                "{}:{}: another repository ({}) is in the file of the one of {}. Move it to a file of its own",
                wish.file,
                other.line,
                other.uris.join(" "),
                wish.what
            ));
            return Ok(());
        }
    }
    if !plan_key(planning, wish)? {
        return Ok(());
    }
    planning.write(wish.file, Edit::Content(wish.content.clone()), Some(0o644))
}

/// The key, from where it was fetched; the one that stands there where it fits. Answers whether there is one.
fn plan_key(planning: &mut Planning<'_>, wish: &Wish) -> Result<bool, ChangeError> {
    let Wish { what, field, key, key_file, .. } = wish;
    let Some(content) = planning.fetched(key) else {
        if key_stands(planning, wish)? {
            if let Some(ends) = key_ends(planning, wish)? {
                planning.note(format!("{ends}; `node-prep apply` fetches it again from {key}"));
            }
            return Ok(true);
        }
        if !planning.has_fetched() {
            planning.refuse(format!(
                "left to do: fetch the key of the repository of {what} from {key}; `node-prep apply` does it"
            ));
            return Ok(true);
        }
        planning.refuse(format!(
            "the key of the repository of {what} could not be had from {key}. For a host without network, copy it into a \
             file and name that: `{field}.keyFile`"
        ));
        return Ok(false);
    };
    if let Some(wanted) = &wish.key_sha256
        && !is_sum(wanted, content)
    {
        planning.refuse(format!(
            "the key at {key} has the SHA-256 {}, and `{field}.keySha256` says {wanted}: find out which is right before \
             anything is trusted",
            sha256(content)
        ));
        return Ok(false);
    }
    let text = std::str::from_utf8(content).ok();
    let Some(text) = text.filter(|text| text.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----"))
    else {
        planning.refuse(format!(
            "what is at {key} is no armoured OpenPGP key (-----BEGIN PGP PUBLIC KEY BLOCK-----). Binary keys become so by \
             `gpg --enarmor`"
        ));
        return Ok(false);
    };
    planning.write(key_file, Edit::Content(text.to_owned()), Some(0o644))?;
    Ok(true)
}
