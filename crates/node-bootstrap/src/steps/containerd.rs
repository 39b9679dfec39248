//! containerd: a version that the kubelet takes, configured for it, enabled and running.

#[cfg(test)]
mod tests;

use crate::change::{ChangeError, Enablement, Poke};
use crate::data::{kubernetes as minors, repositories};
use crate::edit::{Edit, EditError};
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::spec::{Containerd as Wished, ContainerdSource, Selinux};
use crate::text::containerd::{self, Note, Version, Wish};
use crate::text::key_value;

const FILE: &str = "/etc/containerd/config.toml";
/// What containerd 2.x takes in unless told otherwise.
const DROP_INS: &str = "/etc/containerd/conf.d/*.toml";
const CRICTL: &str = "/etc/crictl.yaml";
const SOCKET: &str = "unix:///run/containerd/containerd.sock";
/// Where the packages of Kubernetes and network plugins have their CNI programs. Debian's containerd looks elsewhere.
const CNI_PROGRAMS: &str = "/opt/cni/bin";
const IMAGES: &str = "registry.k8s.io";

/// containerd.
#[derive(Debug)]
pub(super) struct Containerd;

impl Step for Containerd {
    fn id(&self) -> &'static str {
        "containerd"
    }

    fn why(&self) -> &'static str {
        "The kubelet runs containers by containerd: with control groups of systemd, the pause image of its own version, and \
         the CRI plugin on. Settings are put where the schema of the configuration has them; all others stay."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = &planning.node.containerd else { return Ok(()) };
        let Some(version) = known_version(planning, wish)? else { return Ok(()) };
        if !is_taken(planning, wish, version) {
            return Ok(());
        }
        let settings = settings(planning, wish)?;
        let before = planning.text(FILE)?;
        let done = containerd::apply(before.as_deref(), &settings, version).map_err(wrong)?;
        if !tell(planning, &done.notes, version) {
            return Ok(());
        }
        planning.folder(&wish.registry_config_path)?;
        let before = planning.changes();
        planning.write(FILE, Edit::Containerd { wish: settings, version }, None)?;
        let is_configured = planning.changes() > before;
        let crictl = [("runtime-endpoint", SOCKET), ("image-endpoint", SOCKET)];
        let crictl = crictl.map(|(key, value)| (key.to_owned(), value.to_owned()));
        planning.write(CRICTL, Edit::Crictl(crictl.into()), None)?;
        let unit = format!("{}.service", planning.facts.distribution.services.containerd);
        let (_, is_active) = planning.unit(&unit)?;
        planning.want_unit(&unit, Some(Enablement::Enabled), Some(true))?;
        // One that comes with a package has been started by it.
        if is_configured && (is_active || package(planning)?.is_none_or(|(_, is_new)| is_new)) {
            planning.poke(Poke::Restart(unit));
        }
        Ok(())
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = &planning.node.containerd else { return Ok(()) };
        let Some(version) = known_version(planning, wish)? else { return Ok(()) };
        let settings = settings(planning, wish)?;
        let Some(text) = planning.text(FILE)? else { return Ok(()) };
        let mut patterns = containerd::imports(&text).map_err(wrong)?;
        if version.major >= 2 && !patterns.iter().any(|pattern| pattern == DROP_INS) {
            patterns.push(DROP_INS.to_owned());
        }
        for path in matching(planning, &patterns)? {
            let Some(text) = planning.text(&path)? else { continue };
            let others = containerd::overridden(&text, &settings, version).map_err(|fault| {
                ChangeError::Edit { path: path.clone(), source: EditError::new(fault) }
            })?;
            for other in others {
                planning.refuse(format!(
                    "{path} sets {other} to something else, and is read after {FILE}: take it out there"
                ));
            }
        }
        Ok(())
    }
}

fn wrong(fault: impl std::fmt::Display) -> ChangeError {
    ChangeError::Edit { path: FILE.to_owned(), source: EditError::new(fault) }
}

/// The package of containerd that is there or will be: its name, and whether it comes only now.
fn package<'h>(planning: &Planning<'h>) -> Result<Option<(&'h str, bool)>, HostError> {
    let names = &planning.facts.distribution.packages;
    let names = [names.containerd.as_deref(), Some(&*names.docker_containerd)];
    for name in names.into_iter().flatten() {
        if planning.will_have(name)? {
            return Ok(Some((name, planning.installed(name)?.is_none())));
        }
    }
    Ok(None)
}

/// The version that will read the configuration.
fn known_version(planning: &mut Planning<'_>, wish: &Wished) -> Result<Option<Version>, HostError> {
    if let Some((name, _)) = package(planning)? {
        if let Some(version) = planning.version_of(name)?.as_deref().and_then(Version::parse) {
            return Ok(Some(version));
        }
        // A pattern such as `2.*`, or none at all.
        let packed = planning.facts.distribution.containerd_package(wish.source);
        let least = match packed {
            Some((_, ContainerdSource::Docker)) => Some(repositories::docker_containerd()),
            _ => planning.facts.distribution.containerd,
        };
        if let Some((major, minor)) = least {
            return Ok(Some(Version::new(major, minor, 0)));
        }
    }
    let said = planning.look(&["containerd", "--version"]);
    let version = said.ok().and_then(|said| Version::of_program(&said.stdout));
    if version.is_none() {
        planning.refuse(
            "there is no containerd (`containerd --version` says nothing). Install it, or say who packs it: \
             `containerd: {source: docker}`",
        );
    }
    Ok(version)
}

/// Whether the kubelet of the wished version takes this containerd.
fn is_taken(planning: &mut Planning<'_>, wish: &Wished, version: Version) -> bool {
    let Some(kubernetes) = &planning.node.kubernetes else { return true };
    let Some(known) = minors::find(kubernetes.version.minor) else { return true };
    if known.takes_containerd((version.major, version.minor)) {
        return true;
    }
    let (major, minor) = known.containerd_floor;
    let distribution = planning.facts.distribution;
    let mend = match distribution.containerd_package(wish.source) {
        None => format!("install containerd {major}.{minor} or newer"),
        Some((_, ContainerdSource::Docker)) => {
            format!("say `containerd: {{version: \"{major}\"}}`")
        }
        Some(_) => format!(
            "{} packs no newer one, Docker does: say `containerd: {{source: docker}}`",
            distribution.name
        ),
    };
    planning.refuse(format!(
        "Kubernetes {} takes containerd from {major}.{minor} on, and this one is {}.{}: {mend}",
        known.minor, version.major, version.minor
    ));
    false
}

fn settings(planning: &Planning<'_>, wish: &Wished) -> Result<Wish, HostError> {
    let node = planning.node;
    let images = node.kubeadm.as_ref().and_then(|kubeadm| kubeadm.image_repository.as_deref());
    let own = || {
        let minor = minors::find(node.kubernetes.as_ref()?.version.minor)?;
        Some(minor.pause_image(images.unwrap_or(IMAGES)))
    };
    Ok(Wish {
        systemd_cgroup: Some(wish.systemd_cgroup),
        sandbox_image: wish.sandbox_image.clone().or_else(own),
        registry_config_path: Some(wish.registry_config_path.clone()),
        enable_selinux: enforces_selinux(planning)?.then_some(true),
        cni_bin_dir: Some(CNI_PROGRAMS.to_owned()),
        enable_cri: true,
    })
}

/// Whether `SELinux` will forbid what is not allowed.
pub(super) fn enforces_selinux(planning: &Planning<'_>) -> Result<bool, HostError> {
    if !planning.facts.distribution.selinux {
        return Ok(false);
    }
    Ok(match planning.node.selinux {
        Selinux::Enforcing => true,
        Selinux::Permissive => false,
        Selinux::Ignore if planning.is_live() => {
            let enforce = planning.text("/sys/fs/selinux/enforce")?;
            enforce.is_some_and(|enforce| enforce.trim() == "1")
        }
        Selinux::Ignore => {
            let text = planning.text("/etc/selinux/config")?.unwrap_or_default();
            key_value::get(&text, "SELINUX").ok().flatten().as_deref() == Some("enforcing")
        }
    })
}

/// Says what else was found. Answers whether containerd would start.
fn tell(planning: &mut Planning<'_>, notes: &[Note], version: Version) -> bool {
    let mut would_start = true;
    for note in notes {
        match note {
            Note::Ignored { path } => planning.note(format!(
                "{FILE}: {path} is of another version of the schema: containerd {version} does not read it there"
            )),
            Note::RegistryConflict { path } => {
                would_start = false;
                planning.refuse(format!(
                    "{FILE}: containerd does not start with {path} beside `config_path`. Move it into a hosts.toml below \
                     the folder of `containerd.registryConfigPath`"
                ));
            }
            Note::TooNew { schema } => {
                would_start = false;
                planning.refuse(format!(
                    "{FILE}: `version = {}` is newer than containerd {version} knows: it does not start with it. Write \
                     the file for this containerd, or take it away",
                    schema.number()
                ));
            }
        }
    }
    would_start
}

/// The files that patterns such as `/etc/containerd/conf.d/*.toml` name, in the order in which they are read.
pub(super) fn matching(
    planning: &Planning<'_>,
    patterns: &[String],
) -> Result<Vec<String>, HostError> {
    let mut found = Vec::new();
    for pattern in patterns {
        let Some((folder, name)) = pattern.rsplit_once('/') else { continue };
        match name.split_once('*') {
            None => found.push(pattern.clone()),
            Some((first, last)) => {
                let names = planning.list(folder)?.into_iter();
                let fits = |name: &String| {
                    name.len() >= first.len() + last.len()
                        && name.starts_with(first)
                        && name.ends_with(last)
                };
                found.extend(names.filter(fits).map(|name| format!("{folder}/{name}")));
            }
        }
    }
    Ok(found)
}
