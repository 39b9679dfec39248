//! The objects that a command is about: of manifests, of a set, or by their names.

use ::cli::invalid;
use anyhow::{Result, anyhow};
use futures_util::{StreamExt, TryStreamExt, stream};
use k8s_apply::apply_set::removal::{Member, members};
use k8s_apply::apply_set::{Parent, ParentError, Reach};
use k8s_apply::cluster::{Cluster, Kinds};
use k8s_apply::name::check_object;
use k8s_apply::plan;
use k8s_apply::wait::Target;

use crate::cli::Which;
use crate::intake;
use crate::session::Session;

/// Objects, and the set that they are of.
pub(super) struct Found {
    pub(super) kinds: Kinds,
    /// Every object that was meant, there or not.
    pub(super) targets: Vec<Target>,
    pub(super) parent: Option<Parent>,
}

impl Found {
    /// Those that are there.
    pub(super) fn members(&self) -> Vec<Member> {
        let member = |target: &Target| {
            Some(Member { object: target.object.clone()?, kind: target.kind.clone() })
        };
        self.targets.iter().filter_map(member).collect()
    }
}

/// Finds out which objects are meant, and reads them.
pub(super) async fn find(session: &Session, which: &Which) -> Result<Found> {
    if which.files.is_empty() && which.set.is_none() && which.objects.is_empty() {
        return Err(invalid("say which objects: KIND/NAME, -f PATH or --set NAME"));
    }
    let kinds = Kinds::discover(&session.cluster).await?;
    let mut targets: Vec<Target> = Vec::new();
    let mut parent = None;
    if let Some(name) = &which.set {
        let set = session.set(name)?;
        let found = Parent::read(&session.cluster, &set).await?;
        if !found.exists {
            return Err(ParentError::Missing(set).into());
        }
        let found_members = members(&session.cluster, &kinds, &found, &Reach::default()).await?;
        targets.extend(found_members.into_iter().map(|member| Target {
            key: member.object.key(),
            kind: member.kind,
            object: Some(member.object),
        }));
        parent = Some(found);
    }
    if !which.files.is_empty() {
        let loaded = intake::usable_aside(&which.files, true, &session.namespace).await?;
        let options = plan::Options {
            default_namespace: session.namespace.clone(),
            ..plan::Options::default()
        };
        let prepared = plan::prepare(&loaded.manifests, kinds.clone(), &options);
        intake::show(&prepared.problems, &loaded.sources);
        if !prepared.problems.is_empty() {
            return Err(invalid("these manifests cannot be used; nothing was changed"));
        }
        targets.extend(prepared.items.into_iter().map(|item| Target {
            key: item.key,
            kind: item.kind,
            object: None,
        }));
    }
    for text in &which.objects {
        targets.push(named(&kinds, text, &session.namespace)?);
    }
    let targets = stream::iter(targets)
        .map(|target| seen(&session.cluster, target))
        .buffered(session.cluster.limits().concurrency.max(1))
        .try_collect()
        .await?;
    Ok(Found { kinds, targets, parent })
}

/// An object by its name: `deployment/web`.
pub(super) fn named(kinds: &Kinds, text: &str, namespace: &str) -> Result<Target> {
    let (word, name) = text
        .split_once('/')
        .filter(|(_, name)| !name.is_empty())
        .ok_or_else(|| invalid(format!("{text}: expected KIND/NAME, such as deployment/web")))?;
    let kind = kinds
        .named(word)
        .ok_or_else(|| invalid(format!("{text}: this cluster serves no kind {word:?}")))?;
    check_object(&kind.gvk.group_kind(), name)
        .map_err(|fault| invalid(format!("{text}: {fault}")))?;
    let key = k8s_apply::ObjectKey {
        group_kind: kind.gvk.group_kind(),
        namespace: kind.namespaced.then(|| namespace.to_owned()),
        name: name.to_owned(),
    };
    Ok(Target { key, kind: kind.clone(), object: None })
}

/// The target with the object that is there.
async fn seen(cluster: &Cluster, mut target: Target) -> Result<Target> {
    if target.object.is_none() && !target.kind.from_set {
        let namespace = target.key.namespace.as_deref();
        target.object = cluster
            .get(&target.kind, namespace, &target.key.name)
            .await
            .map_err(|error| anyhow!(error))?;
    }
    Ok(target)
}
