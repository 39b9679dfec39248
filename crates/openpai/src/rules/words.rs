//! Values that become words of files and command lines.

use diagnostics::Problem;

use crate::config::{KubernetesConfiguration, Login};
use crate::fields::{Written, shown};

/// Names of users.
pub(crate) fn login(login: &Login, faults: &mut Vec<Problem>) {
    if let Some(user) = &login.username {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = !user.value.is_empty() && !user.value.starts_with('-');
        if !is_name || !user.value.chars().all(fits) {
            let message = format!("`{}` is no name of a user", shown(&user.value));
            faults.push(user.error("username", message, "use letters, digits, `-`, `_` and `.`"));
        }
    }
}

/// Versions, the registry and the store of the API server.
pub(crate) fn kubernetes(kubernetes: &KubernetesConfiguration, faults: &mut Vec<Problem>) {
    for version in [
        &kubernetes.hyperkube,
        &kubernetes.etcd,
        &kubernetes.apiserver,
        &kubernetes.scheduler,
        &kubernetes.controller_manager,
        &kubernetes.dashboard,
    ] {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        word(version.as_ref(), "version", "tag of an image", "v1.9.9", fits, faults);
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    let example = "gcr.io/google_containers";
    word(
        kubernetes.docker_registry.as_ref(),
        "registry",
        "registry of images",
        example,
        fits,
        faults,
    );
    if let Some(path) = &kubernetes.etcd_data_path
        && (!path.value.starts_with('/') || path.value.split('/').any(|part| part == ".."))
    {
        let message = format!("`{}` is no absolute path", shown(&path.value));
        faults.push(path.error("path", message, "give one such as /var/etcd"));
    }
    if let Some(backend) = &kubernetes.storage_backend
        && !matches!(backend.value.as_str(), "etcd2" | "etcd3")
    {
        let message = format!("`{}` is no store of the API server", shown(&backend.value));
        faults.push(backend.error("storage-backend", message, "give etcd3"));
    }
}

fn word(
    text: Option<&Written<String>>,
    code: &'static str,
    what: &str,
    example: &str,
    fits: impl Fn(char) -> bool,
    faults: &mut Vec<Problem>,
) {
    if let Some(text) = text
        && (!text.value.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !text.value.chars().all(fits))
    {
        let message = format!("`{}` is no {what}", shown(&text.value));
        faults.push(text.error(code, message, format!("give one such as {example}")));
    }
}
