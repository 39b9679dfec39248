//! The files that OpenPAI would have put on each host: Kubernetes 1.9 without TLS. For comparison only.
//!
//! Which files a host gets is what the role definition says of its role. `haproxy.cfg` is made of its own template;
//! OpenI made it of that of `haproxy.yaml`, so that its proxy host could not work.

mod addons;
mod haproxy;
mod kubelet;
mod pods;

use std::net::IpAddr;

use diagnostics::yaml;
use serde_json::Value;
use thiserror::Error;

use crate::cluster::{Cluster, Host};

/// The templates that components may name.
pub const TEMPLATES: [&str; 8] = [
    "apiserver.yaml",
    "controller-manager.yaml",
    "etcd.yaml",
    "scheduler.yaml",
    "kubelet.sh",
    "config",
    "haproxy.yaml",
    "haproxy.cfg",
];

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its absolute path on the host; `kubelet.sh` for the script that is run once, and a name alone for what is
    /// created in the cluster.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The files of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFiles {
    /// The name of the host.
    pub host: String,
    /// Its role.
    pub role: String,
    /// Its address.
    pub address: IpAddr,
    /// Its files, in the order of the role definition.
    pub files: Vec<File>,
}

/// Everything that OpenPAI would have rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The hosts in the order of the file.
    pub hosts: Vec<HostFiles>,
    /// What is created in the cluster, once nodes are there.
    pub addons: Vec<File>,
}

/// Why nothing was rendered.
#[derive(Debug, Error)]
pub enum RenderError {
    /// A template that is not known; the check of the files would have found it.
    #[error("there is no template {0}")]
    Template(String),
    /// A file that is no YAML; a fault of this crate.
    #[error("failed to write {file}")]
    Yaml {
        /// The file.
        file: String,
        /// Why.
        source: yaml::Unwritable,
    },
}

/// Renders everything.
///
/// # Errors
/// If the role definition names a template that is not known.
pub fn render(cluster: &Cluster) -> Result<Rendered, RenderError> {
    let hosts: Result<_, RenderError> =
        cluster.hosts.iter().map(|host| host_files(cluster, host)).collect();
    let addons: Result<_, RenderError> = addons::all(cluster)
        .into_iter()
        .map(|(name, value)| Ok(File { path: name.to_owned(), text: text(name, &value)? }))
        .collect();
    Ok(Rendered { hosts: hosts?, addons: addons? })
}

fn host_files(cluster: &Cluster, host: &Host) -> Result<HostFiles, RenderError> {
    let role = cluster.roles.roles.iter().find(|role| role.name.value == host.role);
    let names = role.map(|role| &role.components[..]).unwrap_or_default();
    let components = names.iter().filter_map(|name| {
        cluster.roles.components.iter().find(|component| component.name.value == name.value)
    });
    let mut files: Vec<File> = Vec::new();
    for file in components.flat_map(|component| &component.files) {
        let template = &file.src.value;
        let folder = folder_on_host(&file.dst.value)
            .ok_or_else(|| RenderError::Template(template.clone()))?;
        let path = format!("{folder}{template}");
        // A component that is listed twice is there once.
        if !files.iter().any(|file| file.path == path) {
            files.push(File { path, text: content(cluster, host, template)? });
        }
    }
    Ok(HostFiles { host: host.name.clone(), role: host.role.clone(), address: host.address, files })
}

/// Where a folder of the package ends up on the host, with a `/` at its end; nothing for what stays in the package
/// and is run there. The package's `etc` is copied to `/`, and its `haproxy` to `/etc/kubernetes`.
pub(crate) fn folder_on_host(dst: &str) -> Option<String> {
    let inside = dst.trim_end_matches('/').strip_prefix("src")?;
    if inside.is_empty() {
        return Some(String::new());
    }
    let inside = inside.strip_prefix('/')?;
    let is_plain = |part: &str| !part.is_empty() && part != ".." && part != ".";
    if !inside.split('/').all(is_plain) || inside.chars().any(char::is_control) {
        return None;
    }
    match inside.split_once('/').unwrap_or((inside, "")) {
        ("etc", _) => Some(format!("/{inside}/")),
        ("haproxy", _) => Some(format!("/etc/kubernetes/{inside}/")),
        _ => None,
    }
}

fn content(cluster: &Cluster, host: &Host, template: &str) -> Result<String, RenderError> {
    let value = match template {
        "apiserver.yaml" => pods::apiserver(cluster, host),
        "controller-manager.yaml" => pods::controller_manager(cluster),
        "etcd.yaml" => pods::etcd(cluster, host),
        "scheduler.yaml" => pods::scheduler(cluster),
        "config" => kubelet::kubeconfig(cluster),
        "haproxy.yaml" => haproxy::pod(),
        "haproxy.cfg" => return Ok(haproxy::configuration(cluster)),
        "kubelet.sh" => return Ok(kubelet::script(cluster, host)),
        other => return Err(RenderError::Template(other.to_owned())),
    };
    text(template, &value)
}

fn text(file: &str, value: &Value) -> Result<String, RenderError> {
    yaml::write(value).map_err(|source| RenderError::Yaml { file: file.to_owned(), source })
}
