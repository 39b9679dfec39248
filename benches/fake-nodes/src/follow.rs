//! One list and one watch of all pods that have a node.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use http::Request;
use kube::core::WatchEvent;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{sleep, timeout};

use crate::api::Api;
use crate::pod::{Pod, PodList};

/// Pods with a node, of whatever namespace.
const PODS: &str = "/api/v1/pods?fieldSelector=spec.nodeName%21%3D";
/// How long a watch lasts before it is begun anew.
const WATCH_SECONDS: u64 = 300;

/// What happened.
pub(crate) enum News {
    /// A pod is there, or has changed.
    Seen(Box<Pod>),
    /// The pod of this uid is gone.
    Gone(String),
    /// Only the pods of these uids are left.
    Left(HashSet<String>),
}

/// Follows the pods until nobody listens any more.
pub(crate) async fn follow(api: &Api, news: &UnboundedSender<News>) {
    loop {
        match list(api, news).await {
            Ok(version) => watch(api, version, news).await,
            Err(error) => crate::say(&format!("pods cannot be listed: {error}")),
        }
        if news.is_closed() {
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn list(api: &Api, news: &UnboundedSender<News>) -> kube::Result<String> {
    let list: PodList = api.get(&format!("{PODS}&resourceVersion=0")).await?;
    let uids = list.items.iter().map(|pod| pod.metadata.uid.clone()).collect();
    let _ = news.send(News::Left(uids));
    for pod in list.items {
        let _ = news.send(News::Seen(Box::new(pod)));
    }
    Ok(list.metadata.resource_version)
}

/// Watches from a version on, again and again, until only a list helps.
async fn watch(api: &Api, mut version: String, news: &UnboundedSender<News>) {
    loop {
        let path = format!(
            "{PODS}&watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
        );
        let Ok(request) = Request::get(path).body(Vec::new()) else { return };
        let Ok(events) = api.client().request_events::<Pod>(request).await else { return };
        let mut events = std::pin::pin!(events);
        let limit = Duration::from_secs(WATCH_SECONDS + 5);
        loop {
            let event = match timeout(limit, events.try_next()).await {
                Ok(Ok(Some(event))) => event,
                Ok(Ok(None)) | Err(_) => break,
                Ok(Err(error)) => {
                    crate::say(&format!("the watch of pods broke: {error}"));
                    break;
                }
            };
            let sent = match event {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                    version.clone_from(&pod.metadata.resource_version);
                    news.send(News::Seen(Box::new(pod)))
                }
                WatchEvent::Deleted(pod) => {
                    version.clone_from(&pod.metadata.resource_version);
                    news.send(News::Gone(pod.metadata.uid))
                }
                WatchEvent::Bookmark(mark) => {
                    version = mark.metadata.resource_version;
                    Ok(())
                }
                WatchEvent::Error(_) => return,
            };
            if sent.is_err() {
                return;
            }
        }
    }
}
