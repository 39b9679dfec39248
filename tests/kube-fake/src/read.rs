//! Lists, page by page.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::selector::Selector;
use crate::store::Store;

/// Which objects are to be listed.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) kind: usize,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) selector: &'a Selector,
    pub(crate) limit: Option<usize>,
    pub(crate) next: Option<&'a str>,
}

/// What the keys in a namespace begin with.
pub(crate) fn prefix(namespace: Option<&str>) -> String {
    namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default()
}

impl Store {
    /// A list as Kubernetes has it. Each page is of the version of the first one.
    pub(crate) fn list(&self, what: &Listing<'_>) -> Result<Value, Failure> {
        let kind = &self.kinds[what.kind];
        let prefix = prefix(what.namespace);
        let (version, after) = match what.next.filter(|next| !next.is_empty()) {
            Some(next) => read_token(next)?,
            None => (self.version, String::new()),
        };
        if version < self.compacted {
            let message = "The provided continue parameter is too old to display a consistent list result. \
                           You can start a new list without the continue parameter.";
            return Err(Failure::expired(message));
        }
        let all = if version == self.version {
            self.range(what.kind, &prefix)
        } else {
            self.range_at(what.kind, &prefix, version)
        };
        let mut fitting =
            all.into_iter().filter(|(key, object)| *key > after && what.selector.fits(object));
        let limit = what.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let page: Vec<_> = fitting.by_ref().take(limit).collect();
        let rest = fitting.count();
        let mut meta = json!({"resourceVersion": version.to_string()});
        if let Some((last, _)) = page.last().filter(|_| rest > 0) {
            meta["continue"] = URL_SAFE_NO_PAD.encode(format!("{version}:{last}")).into();
            if what.selector.is_empty() {
                meta["remainingItemCount"] = rest.into();
            }
        }
        let items: Vec<Value> = page.iter().map(|(_, object)| headless(object)).collect();
        Ok(json!({
            "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(),
            "metadata": meta, "items": items,
        }))
    }
}

/// Items of lists do not repeat their kind.
fn headless(object: &Arc<Value>) -> Value {
    let fields = object.as_object().into_iter().flatten();
    let kept = fields.filter(|(name, _)| *name != "kind" && *name != "apiVersion");
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn read_token(token: &str) -> Result<(u64, String), Failure> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (version, key) = text.split_once(':')?;
        Some((version.parse().ok()?, key.to_owned()))
    };
    read().ok_or_else(|| Failure::bad_request("invalid continue token: continue key is not valid"))
}
