//! Users of the host get the administrator's access to the cluster.

use super::found::ADMIN;
use crate::change::ChangeError;
use crate::edit::{Edit, EditError};
use crate::host::{HostError, Kind};
use crate::kubeadm::kubeconfig::{Kubeconfig, KubeconfigError};
use crate::plan::{Planning, Step};

/// The administrator's entry in the users' `~/.kube/config`. Never `super-admin.conf`: that one passes by all rules.
#[derive(Debug, Clone, Copy)]
pub struct Kubeconfigs;

/// A user of the host.
struct User {
    name: String,
    owner: (u32, u32),
    home: String,
}

impl Step for Kubeconfigs {
    fn id(&self) -> &'static str {
        "kubeconfig"
    }

    fn why(&self) -> &'static str {
        "kubectl finds the cluster by ~/.kube/config. The entry of /etc/kubernetes/admin.conf is merged into it; what is there for \
         other clusters stays."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = &planning.node.kubeconfig else { return Ok(()) };
        let Some(text) = planning.text(ADMIN)? else {
            planning.refuse(format!("there is no {ADMIN}: `node-prep init` makes it"));
            return Ok(());
        };
        let admin = Kubeconfig::read(ADMIN, &text).map_err(|error| failed(ADMIN, &error))?;
        for name in &wish.users {
            match user(planning, name)? {
                Some(user) => merge(planning, &user, &admin)?,
                None => planning.refuse(format!("kubeconfig: this host has no user {name}")),
            }
        }
        Ok(())
    }
}

fn failed(path: &str, error: &KubeconfigError) -> ChangeError {
    ChangeError::Edit { path: path.to_owned(), source: EditError::new(error) }
}

fn merge(planning: &mut Planning<'_>, user: &User, admin: &Kubeconfig) -> Result<(), ChangeError> {
    // Above the home only root makes links.
    let home = planning.resolve(&user.home)?;
    if home == "/" || !planning.exists(&home)? {
        planning.refuse(format!("kubeconfig: the user {} has no home at {home}", user.name));
        return Ok(());
    }
    let folder = format!("{}/.kube", home.trim_end_matches('/'));
    let path = format!("{folder}/config");
    if let Some(link) = others_link(planning, user.owner, &[&folder, &path])? {
        planning.refuse(format!(
            "kubeconfig: {link} is a symbolic link of the user {}, and root follows none: it may lead to files of others. Have a \
             real one there, or take the user out of `kubeconfig.users`",
            user.name
        ));
        return Ok(());
    }
    let standing = planning.text(&path)?;
    let before = Kubeconfig::read(&path, standing.as_deref().unwrap_or_default())
        .map_err(|error| failed(&path, &error))?;
    let mut after = before.clone();
    after.admit(admin).map_err(|error| failed(&path, &error))?;
    if !planning.exists(&folder)? {
        planning.folder_as(&folder, 0o700, user.owner)?;
    }
    let content = match standing {
        // Its form is its owner's.
        Some(text) if before == after => text.into(),
        _ => after.write().map_err(|error| failed(&path, &error))?,
    };
    planning.write_as(&path, Edit::Secret(content), Some(0o600), Some(user.owner))
}

/// The first of these paths that is a link which somebody else than root may have made.
fn others_link(
    planning: &Planning<'_>,
    owner: (u32, u32),
    paths: &[&str],
) -> Result<Option<String>, HostError> {
    for path in paths {
        let entry = planning.entry(path)?;
        if owner.0 != 0 && entry.is_some_and(|entry| matches!(entry.kind, Kind::Link(_))) {
            return Ok(Some((*path).to_owned()));
        }
    }
    Ok(None)
}

/// Who this is, from `/etc/passwd`, or whatever else knows the host's users.
fn user(planning: &Planning<'_>, name: &str) -> Result<Option<User>, HostError> {
    let local = planning.text("/etc/passwd")?.unwrap_or_default();
    if let Some(user) = entry(&local, name) {
        return Ok(Some(user));
    }
    match planning.look(&["getent", "passwd", name]) {
        Ok(output) => Ok(entry(&output.stdout, name)),
        Err(HostError::Run { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The line of a user, as passwd(5) describes it.
fn entry(passwd: &str, name: &str) -> Option<User> {
    let fields = |line: &str| -> Option<User> {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [known, _, uid, gid, _, home, _] if known == name && home.starts_with('/') => {
                let owner = (uid.parse().ok()?, gid.parse().ok()?);
                Some(User { name: name.to_owned(), owner, home: home.to_owned() })
            }
            _ => None,
        }
    };
    passwd.lines().find_map(fields)
}
