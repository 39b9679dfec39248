//! Kubeconfig files: one cluster's access merged into a file that has others, found there, and taken out.

use std::collections::BTreeSet;

use diagnostics::yaml;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::secret::Secret;

/// A kubeconfig that cannot be read or written. Nothing of its content is shown.
#[derive(Debug, Error)]
pub enum KubeconfigError {
    /// Not YAML, or not a kubeconfig.
    #[error("{file} is no kubeconfig: {reason}")]
    Unreadable {
        /// What was read, for people.
        file: String,
        /// Why, with its line.
        reason: String,
    },
    /// What is to be merged has no current context.
    #[error("{file} has no usable current context; name one with its cluster and user")]
    NoContext {
        /// What was read, for people.
        file: String,
    },
    /// The result cannot be written.
    #[error(transparent)]
    Unwritable(#[from] yaml::Unwritable),
}

const LISTS: [(&str, &str); 3] =
    [("clusters", "cluster"), ("users", "user"), ("contexts", "context")];

/// A kubeconfig. `Debug` shows nothing of it.
#[derive(Clone, PartialEq)]
pub struct Kubeconfig(Map<String, Value>);

impl std::fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kubeconfig(<secret>)")
    }
}

impl Kubeconfig {
    /// Reads a kubeconfig; `file` is its name for errors. An empty text is an empty kubeconfig.
    ///
    /// # Errors
    /// If it is no YAML, no mapping, or its lists are none or have entries without a name.
    pub fn read(file: &str, text: &str) -> Result<Self, KubeconfigError> {
        let unreadable =
            |reason: String| KubeconfigError::Unreadable { file: file.to_owned(), reason };
        if text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
            return Ok(Self(Map::new()));
        }
        let mut map: Map<String, Value> =
            yaml::read(file, text).map_err(|error| unreadable(error.problem.message.clone()))?;
        for (list, _) in LISTS {
            match map.get(list) {
                None => {}
                Some(Value::Null) => {
                    map.remove(list);
                }
                Some(Value::Array(items)) if items.iter().all(|item| name(item).is_some()) => {}
                Some(_) => {
                    return Err(unreadable(format!(
                        "`{list}` must be a list of things with a name"
                    )));
                }
            }
        }
        Ok(Self(map))
    }

    /// The text.
    ///
    /// # Errors
    /// If YAML cannot hold it.
    pub fn write(&self) -> Result<Secret, KubeconfigError> {
        Ok(Secret::new(yaml::write(&self.0)?))
    }

    /// The name of the current context.
    #[must_use]
    pub fn current_context(&self) -> Option<&str> {
        self.0.get("current-context")?.as_str().filter(|name| !name.is_empty())
    }

    fn list(&self, list: &str) -> &[Value] {
        self.0.get(list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn find(&self, list: &str, wanted: &str) -> Option<&Value> {
        self.list(list).iter().find(|item| name(item) == Some(wanted))
    }

    fn push(&mut self, list: &str, item: Value) {
        if let Value::Array(items) = self.0.entry(list).or_insert_with(|| json!([])) {
            items.push(item);
        }
    }

    /// The server and CA of the current context's cluster.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        let context = self.find("contexts", self.current_context()?)?;
        endpoint(self.find("clusters", context["context"]["cluster"].as_str()?)?)
    }

    /// The servers and CAs of all its clusters.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.list("clusters").iter().filter_map(endpoint).collect()
    }

    /// Whether one of its clusters is this one: the same server and the same CA.
    #[must_use]
    pub fn points_to(&self, cluster: &Endpoint) -> bool {
        self.list("clusters").iter().any(|item| endpoint(item).as_ref() == Some(cluster))
    }

    /// Takes the current context of `other` in, with its cluster and user. One with the same content is not
    /// repeated; what has the same name and other content keeps it, and the new one is renamed: `-2` after its name.
    /// The current context stays, unless there is none or `make_current` says so. Gives the name of the context.
    ///
    /// # Errors
    /// If `other` has no current context with a cluster and a user.
    pub fn merge(&mut self, other: &Self, make_current: bool) -> Result<String, KubeconfigError> {
        let missing = || KubeconfigError::NoContext { file: "the new kubeconfig".to_owned() };
        let context = other
            .current_context()
            .and_then(|current| other.find("contexts", current))
            .ok_or_else(missing)?;
        let referred = |list: &str, key: &str| {
            context["context"][key]
                .as_str()
                .and_then(|wanted| other.find(list, wanted))
                .ok_or_else(missing)
        };
        let (cluster, user) =
            (referred("clusters", "cluster")?.clone(), referred("users", "user")?.clone());
        let cluster = self.add("clusters", "cluster", cluster);
        let user = self.add("users", "user", user);
        let mut context = context.clone();
        context["context"]["cluster"] = json!(cluster);
        context["context"]["user"] = json!(user);
        let context = self.add("contexts", "context", context);
        self.0.entry("apiVersion").or_insert_with(|| json!("v1"));
        self.0.entry("kind").or_insert_with(|| json!("Config"));
        if make_current || self.current_context().is_none() {
            self.0.insert("current-context".to_owned(), json!(context));
        }
        Ok(context)
    }

    /// Takes the access to a cluster in, as [`Kubeconfig::merge`] does. A cluster that was at its address before is no more: its
    /// entries go. Gives the name of the context.
    ///
    /// # Errors
    /// If `other` has no current context with a cluster and a user.
    pub fn admit(&mut self, other: &Self) -> Result<String, KubeconfigError> {
        if let Some(cluster) = other.endpoint() {
            for former in self.endpoints() {
                if former.server == cluster.server && former.authority != cluster.authority {
                    self.remove(&former);
                }
            }
        }
        self.merge(other, false)
    }

    /// Adds an entry under its name, or a free one; gives the name. The same content is found under any name that
    /// it would have got.
    fn add(&mut self, list: &str, key: &str, mut item: Value) -> String {
        let wanted = name(&item).unwrap_or_default().to_owned();
        let mut candidate = wanted.clone();
        let mut count = 1_u32;
        while let Some(standing) = self.find(list, &candidate) {
            if standing[key] == item[key] {
                return candidate;
            }
            count += 1;
            candidate = format!("{wanted}-{count}");
        }
        item["name"] = json!(candidate);
        self.push(list, item);
        candidate
    }

    /// Takes a cluster out: its entries, the contexts that lead to it, and their users unless other contexts have
    /// them too. A current context that is gone becomes empty. Says whether there was anything.
    pub fn remove(&mut self, cluster: &Endpoint) -> bool {
        let names = |items: Vec<&Value>| -> BTreeSet<String> {
            items.into_iter().filter_map(name).map(str::to_owned).collect()
        };
        let clusters = names(
            self.list("clusters")
                .iter()
                .filter(|item| endpoint(item).as_ref() == Some(cluster))
                .collect(),
        );
        if clusters.is_empty() {
            return false;
        }
        let leads = |item: &Value| {
            item["context"]["cluster"].as_str().is_some_and(|name| clusters.contains(name))
        };
        let user = |item: &Value| item["context"]["user"].as_str().map(str::to_owned);
        let (gone, kept): (Vec<&Value>, Vec<&Value>) =
            self.list("contexts").iter().partition(|item| leads(item));
        let kept_users: BTreeSet<String> = kept.into_iter().filter_map(user).collect();
        let mut users: BTreeSet<String> = gone.iter().copied().filter_map(user).collect();
        users.retain(|user| !kept_users.contains(user));
        let contexts = names(gone);
        if self.current_context().is_some_and(|current| contexts.contains(current)) {
            self.0.insert("current-context".to_owned(), json!(""));
        }
        for (list, gone) in [("clusters", clusters), ("users", users), ("contexts", contexts)] {
            if let Some(Value::Array(items)) = self.0.get_mut(list) {
                items.retain(|item| !name(item).is_some_and(|name| gone.contains(name)));
            }
        }
        true
    }

    /// Whether no cluster is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        LISTS.iter().all(|(list, _)| self.list(list).is_empty())
    }
}

/// Which cluster an entry leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Address of the API server.
    pub server: String,
    /// The CA: its data in base64, or the path of its file.
    pub authority: String,
}

fn endpoint(item: &Value) -> Option<Endpoint> {
    let cluster = &item["cluster"];
    let text =
        |key: &str| cluster[key].as_str().map(|text| text.split_whitespace().collect::<String>());
    let authority = text("certificate-authority-data").or_else(|| text("certificate-authority"))?;
    let server = cluster["server"].as_str()?.trim_end_matches('/').to_owned();
    Some(Endpoint { server, authority })
}

fn name(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

#[cfg(test)]
mod tests;
