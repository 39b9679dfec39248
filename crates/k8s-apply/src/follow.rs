//! Following the objects of a kind: a list, then a watch from there on, and so again whenever that ends.
//!
//! Every part of it has a limit: a call that hangs, and a watch that brings nothing any more, are begun anew.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use kube::api::{WatchEvent, WatchParams};
use kube::core::Status;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{Backoff, CallError, Cluster, Filter, Kind, chain};
use crate::object::{Object, ObjectKey};

/// How long a watch lasts before it is begun anew, so that one which brings nothing any more is noticed.
const WATCH_SECONDS: u32 = 30;
/// How much later than that the server may end it.
const GRACE: Duration = Duration::from_secs(2);
/// How long it waits after it was told that it may not see the objects.
const FORBIDDEN: Duration = Duration::from_secs(5);
/// A watch that ends sooner, and without an event, is not begun anew at once.
const BRIEF: Duration = Duration::from_secs(1);

/// What there is to be told.
#[derive(Debug)]
pub enum News {
    /// These are all objects.
    All(Vec<Object>),
    /// An object that is new, or has changed.
    Changed(Object),
    /// An object that is gone.
    Deleted(ObjectKey),
    /// Nothing can be seen at the moment. It goes on by itself.
    Trouble(String),
    /// Lists or watches are not allowed.
    Forbidden,
}

type Events = Pin<Box<dyn Stream<Item = kube::Result<WatchEvent<Value>>> + Send>>;

/// How far it has come.
enum Place {
    /// Everything has to be listed.
    Begin,
    /// A watch has to be begun, from this version on.
    Listed(String),
    Watching {
        version: String,
        events: Events,
        began: Instant,
        is_fruitful: bool,
    },
}

/// Follows the objects of a kind: what there is first, then every change, for as long as it is asked.
pub struct Follower {
    cluster: Cluster,
    kind: Kind,
    namespace: Option<String>,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    place: Place,
    backoff: Backoff,
    /// How long to wait before the next call.
    pause: Option<Duration>,
}

impl Follower {
    /// The objects of one namespace, or of all.
    #[must_use]
    pub fn new(cluster: &Cluster, kind: Kind, namespace: Option<&str>) -> Self {
        Self {
            cluster: cluster.clone(),
            kind,
            namespace: namespace.map(str::to_owned),
            labels: None,
            fields: None,
            place: Place::Begin,
            backoff: Backoff::new(),
            pause: None,
        }
    }

    /// What happens next.
    ///
    /// Lists and watches are begun anew as often as needed; it never ends. To be dropped when no longer wanted.
    pub async fn next(&mut self) -> News {
        loop {
            if let Some(pause) = self.pause.take() {
                sleep(pause).await;
            }
            let news = match &mut self.place {
                Place::Begin => self.list().await,
                Place::Listed(version) => {
                    let version = std::mem::take(version);
                    self.watch(version).await
                }
                Place::Watching { events, .. } => {
                    let limit = Duration::from_secs(WATCH_SECONDS.into()) + GRACE;
                    let event = timeout(limit, events.next()).await.unwrap_or(None);
                    self.happened(event)
                }
            };
            if let Some(news) = news {
                return news;
            }
        }
    }

    async fn list(&mut self) -> Option<News> {
        let filter = Filter { labels: self.labels.as_deref(), fields: self.fields.as_deref() };
        Some(match self.cluster.list_at(&self.kind, self.namespace.as_deref(), &filter).await {
            Ok((objects, version)) => {
                self.place = Place::Listed(version);
                News::All(objects)
            }
            Err(error) => self.failed(error.status(), &error),
        })
    }

    async fn watch(&mut self, version: String) -> Option<News> {
        let params = WatchParams {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            ..WatchParams::default()
        };
        let path = self.kind.path(self.namespace.as_deref());
        let request = match kube::core::Request::new(path).watch(&params, &version) {
            Ok(request) => request,
            Err(error) => return Some(self.failed(None, &error)),
        };
        let started = self.cluster.client().request_events::<Value>(request);
        match timeout(self.cluster.limits().request, started).await {
            Ok(Ok(events)) => {
                let events = Box::pin(events);
                let began = Instant::now();
                self.place = Place::Watching { version, events, began, is_fruitful: false };
                None
            }
            Ok(Err(kube::Error::Api(status))) if status.code == 410 => {
                self.begin_anew();
                None
            }
            Ok(Err(error)) => {
                self.place = Place::Listed(version);
                let status =
                    if let kube::Error::Api(status) = &error { Some(&**status) } else { None };
                Some(self.failed(status, &error))
            }
            Err(late) => {
                self.place = Place::Listed(version);
                Some(self.failed(None, &late))
            }
        }
    }

    /// An event of the watch; none if it has ended or fallen silent.
    fn happened(&mut self, event: Option<kube::Result<WatchEvent<Value>>>) -> Option<News> {
        let Place::Watching { version, began, is_fruitful, .. } = &mut self.place else {
            return None;
        };
        match event {
            Some(Ok(WatchEvent::Error(status))) if status.code == 410 => {
                self.begin_anew();
                None
            }
            Some(Ok(WatchEvent::Error(status))) => {
                self.place = Place::Listed(std::mem::take(version));
                let error = CallError::Refused { status };
                Some(self.failed(error.status(), &error))
            }
            Some(Err(error)) => {
                self.place = Place::Listed(std::mem::take(version));
                Some(self.failed(None, &error))
            }
            None => {
                let is_brief = began.elapsed() < BRIEF && !*is_fruitful;
                self.place = Place::Listed(std::mem::take(version));
                self.pause = is_brief.then(|| self.backoff.next(None));
                None
            }
            Some(Ok(WatchEvent::Bookmark(bookmark))) => {
                version.clone_from(&bookmark.metadata.resource_version);
                None
            }
            Some(Ok(WatchEvent::Added(value) | WatchEvent::Modified(value))) => {
                let object = Object::try_from(value).ok()?;
                *is_fruitful = true;
                self.seen(&object);
                Some(News::Changed(object))
            }
            Some(Ok(WatchEvent::Deleted(value))) => {
                let object = Object::try_from(value).ok()?;
                *is_fruitful = true;
                self.seen(&object);
                Some(News::Deleted(object.key()))
            }
        }
    }

    fn seen(&mut self, object: &Object) {
        self.backoff = Backoff::new();
        if let (Place::Watching { version, .. }, Some(now)) =
            (&mut self.place, object.resource_version())
        {
            now.clone_into(version);
        }
    }

    /// The version is too old to go on from.
    fn begin_anew(&mut self) {
        self.place = Place::Begin;
        self.pause = Some(self.backoff.next(None));
    }

    fn failed(
        &mut self,
        status: Option<&Status>,
        error: &(dyn std::error::Error + 'static),
    ) -> News {
        // A kind without the verb answers 405.
        if status.is_some_and(|status| status.code == 403 || status.code == 405) {
            // Whoever goes on asking is not to do so at once.
            self.pause = Some(FORBIDDEN);
            return News::Forbidden;
        }
        let asked =
            status.and_then(|status| status.details.as_ref()).map(|one| one.retry_after_seconds);
        let asked =
            asked.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
        self.pause = Some(self.backoff.next(asked));
        News::Trouble(chain(error))
    }
}
