//! Watches.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::Inner;
use crate::failure::Failure;
use crate::read::prefix;
use crate::selector::Selector;
use crate::store::{Change, Store};

/// How long before its end a watch has a bookmark, as with Kubernetes.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

/// What there is to look at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Signal {
    pub(crate) version: u64,
    /// How often all watches were given a bookmark.
    pub(crate) bookmarks: u64,
    /// How often all watches were ended.
    pub(crate) ends: u64,
}

/// What to watch.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) kind: usize,
    pub(crate) namespace: Option<String>,
    pub(crate) selector: Selector,
    /// After which version. None: what there is comes first.
    pub(crate) after: Option<u64>,
    pub(crate) has_bookmarks: bool,
    /// Whether a bookmark says that what there was has come.
    pub(crate) marks_start: bool,
    pub(crate) timeout: Option<Duration>,
}

/// A watch that runs.
#[derive(Debug)]
pub(crate) struct Watch {
    inner: Arc<Inner>,
    what: Watching,
    prefix: String,
    cursor: u64,
    seen: Signal,
    signal: watch::Receiver<Signal>,
    bookmark_at: Option<Instant>,
    end_at: Option<Instant>,
    /// What is to be sent first.
    first: Option<String>,
    is_over: bool,
}

impl Watch {
    pub(crate) fn new(inner: &Arc<Inner>, what: Watching) -> Self {
        let mut signal = inner.signal.subscribe();
        let seen = *signal.borrow_and_update();
        let prefix = prefix(what.namespace.as_deref());
        let end_at = what.timeout.map(|timeout| Instant::now() + timeout);
        let bookmark_at = what.timeout.filter(|_| what.has_bookmarks);
        let bookmark_at =
            bookmark_at.map(|timeout| Instant::now() + timeout.saturating_sub(BOOKMARK_BEFORE_END));
        let mut watch = Self {
            inner: Arc::clone(inner),
            what,
            prefix,
            cursor: 0,
            seen,
            signal,
            bookmark_at,
            end_at,
            first: None,
            is_over: false,
        };
        let store = inner.store();
        watch.cursor = watch.what.after.unwrap_or(store.version);
        watch.first = watch.begin(&store);
        watch
    }

    /// What is there, or that it cannot go on from where it was.
    fn begin(&mut self, store: &Store) -> Option<String> {
        if let Some(after) = self.what.after {
            let Err(failure) = store.knows(after) else { return None };
            self.is_over = true;
            return Some(line("ERROR", &Failure::status(&failure)));
        }
        let mut lines = String::new();
        for (_, object) in store.range(self.what.kind, &self.prefix) {
            if self.what.selector.fits(&object) {
                lines += &line("ADDED", &object);
            }
        }
        if self.what.marks_start {
            lines += &self.bookmark(store, true);
        }
        (!lines.is_empty()).then_some(lines)
    }

    /// The next events. None: it has ended.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first.into());
        }
        while !self.is_over {
            if let Some(lines) = self.news() {
                return Some(lines.into());
            }
            if self.is_over {
                break;
            }
            tokio::select! {
                changed = self.signal.changed() => self.is_over = changed.is_err(),
                () = until(self.bookmark_at) => {
                    self.bookmark_at = None;
                    return Some(self.bookmark(&self.inner.store(), false).into());
                }
                () = until(self.end_at) => self.is_over = true,
            }
        }
        None
    }

    /// What happened since the last time.
    fn news(&mut self) -> Option<String> {
        let now = *self.signal.borrow_and_update();
        if now.ends != self.seen.ends {
            self.is_over = true;
            return None;
        }
        let mut lines = String::new();
        let store = self.inner.store();
        for change in store.since(self.cursor) {
            lines += &self.event(change).unwrap_or_default();
        }
        self.cursor = self.cursor.max(store.version);
        if now.bookmarks != self.seen.bookmarks && self.what.has_bookmarks {
            lines += &self.bookmark(&store, false);
        }
        self.seen = now;
        (!lines.is_empty()).then_some(lines)
    }

    /// A change as this watch sees it: what begins to fit is added, what no longer fits is deleted.
    fn event(&self, change: &Change) -> Option<String> {
        if change.place.0 != self.what.kind || !change.place.1.starts_with(&self.prefix) {
            return None;
        }
        let fitting = |object: &Option<Arc<Value>>| {
            object.clone().filter(|object| self.what.selector.fits(object))
        };
        match (fitting(&change.old), fitting(&change.new)) {
            (None, None) => None,
            (None, Some(new)) => Some(line("ADDED", &new)),
            (Some(_), Some(new)) => Some(line("MODIFIED", &new)),
            (Some(old), None) => {
                // As it was, at the version at which it went.
                let mut old = Value::clone(&old);
                old["metadata"]["resourceVersion"] = change.version.to_string().into();
                Some(line("DELETED", &old))
            }
        }
    }

    fn bookmark(&self, store: &Store, is_start: bool) -> String {
        let kind = &store.kinds[self.what.kind];
        let mut meta =
            json!({"resourceVersion": store.version.to_string(), "creationTimestamp": null});
        if is_start {
            meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": meta});
        line("BOOKMARK", &object)
    }
}

fn line(of: &str, object: &Value) -> String {
    format!("{{\"type\":\"{of}\",\"object\":{object}}}\n")
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
