//! Sights of objects: a watch for each kind, and reading one by one where watching is not allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, SelectAll, Stream, StreamExt};
use tokio::time::sleep;

use super::Target;
use crate::cluster::{Cluster, Kind};
use crate::follow::{Follower, News};
use crate::object::{Object, ObjectKey};

/// How often objects are read that may not be watched.
const POLL: Duration = Duration::from_secs(2);

/// Something that was seen.
#[derive(Debug)]
pub(super) enum Sight {
    /// An object as it is now.
    Seen(Object),
    /// An object that is not there.
    Gone(ObjectKey),
    /// Nothing can be seen at the moment.
    Trouble(String),
}

type Boxed = Pin<Box<dyn Stream<Item = Sight> + Send>>;

/// Everything that is seen of some objects.
pub(super) struct Sights(SelectAll<Boxed>);

impl Sights {
    /// Begins to watch.
    pub(super) fn watch(cluster: &Cluster, targets: &[&Target], selector: Option<&str>) -> Self {
        let mut groups: BTreeMap<String, Vec<Target>> = BTreeMap::new();
        for target in targets {
            groups.entry(target.kind.gvk.to_string()).or_default().push((*target).clone());
        }
        let streams = groups.into_values().map(|targets| group(cluster, targets, selector));
        Self(streams.collect())
    }

    pub(super) async fn next(&mut self) -> Option<Sight> {
        self.0.next().await
    }
}

/// The sights of objects of one kind.
fn group(cluster: &Cluster, targets: Vec<Target>, selector: Option<&str>) -> Boxed {
    let namespaces: BTreeSet<Option<String>> =
        targets.iter().map(|target| target.key.namespace.clone()).collect();
    let one_namespace = namespaces.first().filter(|_| namespaces.len() == 1).cloned().flatten();
    let wide = namespaces.len() > 1;
    let cluster = cluster.clone();
    let selector = selector.map(str::to_owned);
    let first = one_watch(&cluster, &targets, one_namespace.as_deref(), selector.as_deref());
    let fallback = move || -> Boxed {
        if wide {
            // Who may not watch the whole cluster may still watch namespaces.
            let each = namespaces.iter().flatten().map(|namespace| {
                let here: Vec<Target> = targets
                    .iter()
                    .filter(|target| target.key.namespace.as_ref() == Some(namespace))
                    .cloned()
                    .collect();
                let watch = one_watch(&cluster, &here, Some(namespace), selector.as_deref());
                let cluster = cluster.clone();
                until_forbidden(watch, move || polled(cluster, here))
            });
            Box::pin(stream::select_all(each))
        } else {
            polled(cluster, targets)
        }
    };
    until_forbidden(first, fallback)
}

/// What a watch brings: sights, or that it is not allowed.
enum Watched {
    Sight(Sight),
    Forbidden,
}

/// One stream, and another one instead of it once it is forbidden.
fn until_forbidden(
    first: impl Stream<Item = Watched> + Send + 'static,
    fallback: impl FnOnce() -> Boxed + Send + 'static,
) -> Boxed {
    let state = (Some((Box::pin(first), fallback)), None::<Boxed>);
    Box::pin(stream::unfold(state, |(mut watching, mut instead)| async move {
        if let Some((stream, _)) = &mut watching {
            match stream.next().await {
                Some(Watched::Sight(sight)) => return Some((sight, (watching, instead))),
                Some(Watched::Forbidden) => {
                    instead = watching.take().map(|(_, fallback)| fallback());
                }
                None => return None,
            }
        }
        let sight = instead.as_mut()?.next().await?;
        Some((sight, (watching, instead)))
    }))
}

/// A watch on a kind, of one namespace or of all.
fn one_watch(
    cluster: &Cluster,
    targets: &[Target],
    namespace: Option<&str>,
    selector: Option<&str>,
) -> impl Stream<Item = Watched> + Send + use<> {
    let kind = targets.first().map_or_else(storage_classes, |target| target.kind.clone());
    let mut follower = Follower::new(cluster, kind, namespace);
    match (targets, selector) {
        ([only], _) => follower.fields = Some(format!("metadata.name={}", only.key.name)),
        (_, Some(selector)) => follower.labels = Some(selector.to_owned()),
        _ => {}
    }
    let wanted: BTreeSet<ObjectKey> = targets.iter().map(|target| target.key.clone()).collect();
    let news = stream::unfold(follower, |mut follower| async {
        let news = follower.next().await;
        Some((news, follower))
    });
    news.flat_map(move |news| {
        let sights = match news {
            News::All(objects) => {
                let seen: BTreeSet<ObjectKey> = objects.iter().map(Object::key).collect();
                // What the list did not have is not there.
                let missing = wanted.difference(&seen).cloned().map(Sight::Gone);
                objects.into_iter().map(Sight::Seen).chain(missing).map(Watched::Sight).collect()
            }
            News::Changed(object) => vec![Watched::Sight(Sight::Seen(object))],
            News::Deleted(key) => vec![Watched::Sight(Sight::Gone(key))],
            News::Trouble(text) => vec![Watched::Sight(Sight::Trouble(text))],
            News::Forbidden => vec![Watched::Forbidden],
        };
        stream::iter(sights)
    })
}

/// Reading objects again and again.
fn polled(cluster: Cluster, targets: Vec<Target>) -> Boxed {
    let state = (cluster, targets, 0);
    Box::pin(stream::unfold(state, |(cluster, targets, at)| async move {
        if targets.is_empty() {
            return None;
        }
        if at == targets.len() {
            sleep(POLL).await;
        }
        let at = at % targets.len();
        let Target { key, kind, .. } = &targets[at];
        let sight = match cluster.get(kind, key.namespace.as_deref(), &key.name).await {
            Ok(Some(object)) => Sight::Seen(object),
            Ok(None) => Sight::Gone(key.clone()),
            Err(error) => {
                sleep(POLL).await;
                Sight::Trouble(error.to_string())
            }
        };
        Some((sight, (cluster, targets, at + 1)))
    }))
}

/// The kind of storage classes, which need not be in a set.
pub(super) fn storage_classes() -> Kind {
    Kind { namespaced: false, ..Kind::of("storage.k8s.io/v1", "StorageClass", "storageclasses") }
}
