//! Sights of objects: a watch for each kind, and reading one by one where watching is not allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, SelectAll, Stream, StreamExt};
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind as KubeKind};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use tokio::time::sleep;

use super::Target;
use crate::cluster::{Cluster, Kind};
use crate::object::{GroupKind, GroupVersionKind, Object, ObjectKey};

/// How long a watch lasts before it is begun anew, so that one which brings nothing any more is noticed.
const WATCH_SECONDS: u32 = 30;
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
    let kind = targets.first().map(|target| target.kind.clone());
    let resource = kind.as_ref().map_or_else(|| api_resource(&storage_classes()), api_resource);
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(cluster.client().clone(), namespace, &resource),
        None => Api::all_with(cluster.client().clone(), &resource),
    };
    let mut config = watcher::Config::default().timeout(WATCH_SECONDS);
    match (targets, selector) {
        ([only], _) => config = config.fields(&format!("metadata.name={}", only.key.name)),
        (_, Some(selector)) => config = config.labels(selector),
        _ => {}
    }
    let wanted: BTreeSet<ObjectKey> = targets.iter().map(|target| target.key.clone()).collect();
    let mut seen: BTreeSet<ObjectKey> = BTreeSet::new();
    watcher::watcher(api, config).default_backoff().flat_map(move |event| {
        let sights = match event {
            Ok(Event::Init) => {
                seen.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => match sight(object, kind.as_ref()) {
                Some(object) => {
                    seen.insert(object.key());
                    vec![Watched::Sight(Sight::Seen(object))]
                }
                None => Vec::new(),
            },
            // What the list did not have is not there.
            Ok(Event::InitDone) => {
                let missing = wanted.difference(&seen).cloned();
                missing.map(|key| Watched::Sight(Sight::Gone(key))).collect()
            }
            Ok(Event::Apply(object)) => sight(object, kind.as_ref())
                .map(|object| Watched::Sight(Sight::Seen(object)))
                .into_iter()
                .collect(),
            Ok(Event::Delete(object)) => sight(object, kind.as_ref())
                .map(|object| Watched::Sight(Sight::Gone(object.key())))
                .into_iter()
                .collect(),
            Err(error) if is_forbidden(&error) => vec![Watched::Forbidden],
            Err(error) => {
                vec![Watched::Sight(Sight::Trouble(crate::cluster::chain(&error)))]
            }
        };
        stream::iter(sights)
    })
}

fn is_forbidden(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(kube::Error::Api(status))
    | watcher::Error::WatchStartFailed(kube::Error::Api(status))
    | watcher::Error::WatchError(status)) = error
    else {
        return false;
    };
    // A kind without the verb `watch` answers 405.
    status.code == 403 || status.code == 405
}

/// An object as it came, with what items of lists leave out.
fn sight(object: DynamicObject, kind: Option<&Kind>) -> Option<Object> {
    let mut value = serde_json::to_value(object).ok()?;
    let gvk = &kind?.gvk;
    let members = value.as_object_mut()?;
    members.insert("apiVersion".into(), gvk.api_version().into());
    members.insert("kind".into(), gvk.kind.as_str().into());
    Object::try_from(value).ok()
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

fn api_resource(kind: &Kind) -> ApiResource {
    let GroupVersionKind { group, version, kind: name } = &kind.gvk;
    ApiResource::from_gvk_with_plural(&KubeKind::gvk(group, version, name), &kind.plural)
}

/// The kind of storage classes, which need not be in a set.
pub(super) fn storage_classes() -> Kind {
    builtin("storage.k8s.io/v1", "StorageClass", "storageclasses", false)
}

/// A kind of Kubernetes' own, which every cluster serves.
pub(super) fn builtin(api_version: &str, kind: &str, plural: &str, namespaced: bool) -> Kind {
    let gvk = GroupVersionKind::of(api_version, kind);
    debug_assert!(gvk.group_kind() != GroupKind::new("", ""));
    Kind {
        gvk,
        plural: plural.to_owned(),
        short_names: Vec::new(),
        namespaced,
        scalable: false,
        verbs: Vec::new(),
        from_set: false,
    }
}
