//! `topology.properties` and `category.properties`.

use diagnostics::nearest;
use std::collections::BTreeMap;

use super::lines::{Line, Marked, lines};
use super::{Reader, Source};
use crate::edit::{ClusterOf, Edit, parse};

const PROPERTIES: [&str; 5] = ["topology", "name", "eclagent", "eclccserver", "eclscheduler"];
/// The categories that HPCC asks for.
const CATEGORIES: [&str; 13] = [
    "conf", "data", "data2", "data3", "data4", "debug", "key", "lock", "log", "mirror", "query",
    "run", "temp",
];

/// `key=value` with the places of both.
struct Property {
    key: String,
    value: String,
    at: Source,
    value_at: Source,
}

impl Reader<'_> {
    fn property(&mut self, file: &str, line: &Line<'_>) -> Option<Property> {
        let marked = line.marked();
        if let Some(column) = line.trailing {
            self.warn(
                line.source(file, column),
                "white space at the end of the line is taken away",
            );
        }
        let at = line.source(file, line.column);
        let Some((key, value)) = marked.split_once('=') else {
            self.error(at, format!("expected KEY=VALUE, not {:?}", line.text));
            return None;
        };
        let (key, value) = (key.trimmed(), self.unquoted(file, line, value.trimmed()));
        let value_at = line.source(file, value.column(1));
        if key.text().is_empty() {
            self.error(at, "expected a key in front of =");
            return None;
        }
        Some(Property { key: key.text(), value: value.text(), at, value_at })
    }

    /// Takes quotes around a whole value away.
    pub(super) fn unquoted(&mut self, file: &str, line: &Line<'_>, mut value: Marked) -> Marked {
        let text = value.text();
        let length = text.chars().count();
        let quoted = |quote| length > 1 && text.starts_with(quote) && text.ends_with(quote);
        if quoted('"') || quoted('\'') {
            let message = "quotes around a value are taken away: write it without them";
            self.warn(line.source(file, value.column(1)), message);
            value.cut(length - 1..length);
            value.cut(0..1);
        }
        value
    }

    pub(super) fn topology(&mut self, file: &str, text: &str) {
        let mut clusters: Vec<(ClusterOf, Source)> = Vec::new();
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let mut default: Option<Source> = None;
        for line in lines(text) {
            let Some(property) = self.property(file, &line) else { continue };
            let Property { key, value, at, value_at } = property;
            if let Some(first) = seen.insert(key.clone(), line.number) {
                self.error(at, format!("{key:?} is set on line {first} already"));
                continue;
            }
            if key == "default" {
                match value.to_ascii_lowercase().as_str() {
                    "true" => default = Some(at),
                    "false" => {}
                    _ => self.error(value_at, format!("expected true or false, not {value:?}")),
                }
                continue;
            }
            let Some((cluster, name)) =
                key.rsplit_once('.').filter(|(cluster, _)| !cluster.is_empty())
            else {
                self.error(
                    at,
                    format!("expected default or CLUSTER.name and the like, not {key:?}"),
                );
                continue;
            };
            if !PROPERTIES.contains(&name) {
                let near = nearest(name, PROPERTIES);
                let near = near.map_or_else(
                    || format!("expected one of {}", PROPERTIES.join(", ")),
                    |near| format!("did you mean {near:?}?"),
                );
                let column =
                    at.column + u32::try_from(cluster.chars().count()).unwrap_or_default() + 1;
                self.error(Source { column, ..at }, format!("{name:?} is no property; {near}"));
                continue;
            }
            if value.is_empty() || value.contains(char::is_whitespace) {
                self.error(value_at, format!("expected a name, not {value:?}"));
                continue;
            }
            self.suspect(&value_at, &value);
            set(&mut clusters, cluster, name, value, at);
        }
        if let Some(source) = default {
            for (cluster, at) in clusters {
                let message = format!("{:?} is not used: default=true is set", cluster.process);
                self.warn(at, message);
            }
            self.edit(Edit::AddDefaultTopology, source);
            return;
        }
        for (cluster, source) in clusters {
            self.edit(Edit::AddClusterOf(cluster), source);
        }
        let source = Source { file: file.to_owned(), line: 1, column: 1 };
        self.edit(Edit::AddMissingClusters, source);
    }

    pub(super) fn categories(&mut self, file: &str, text: &str) {
        for line in lines(text) {
            let Some(property) = self.property(file, &line) else { continue };
            let Property { key, value, at, value_at } = property;
            self.suspect(&value_at, &value);
            let near = nearest(&key, CATEGORIES);
            if let Some(near) =
                near.filter(|near| *near != key && !CATEGORIES.contains(&key.as_str()))
            {
                let message =
                    format!("{key:?} is no category that HPCC uses; did you mean {near:?}?");
                self.warn(at.clone(), message);
            }
            let argument = format!("{key}={value}");
            match parse(&["-o", &argument], &|_| Err(String::new())) {
                Ok(edits) => {
                    for edit in edits {
                        self.edit(edit, at.clone());
                    }
                }
                Err(errors) => {
                    for error in errors {
                        let inside = error.at > key.chars().count();
                        self.error(
                            if inside { value_at.clone() } else { at.clone() },
                            error.message,
                        );
                    }
                }
            }
        }
    }
}

/// Sets one property of a cluster.
fn set(
    clusters: &mut Vec<(ClusterOf, Source)>,
    process: &str,
    name: &str,
    value: String,
    at: Source,
) {
    let index = clusters.iter().position(|(cluster, _)| cluster.process == process);
    let index = index.unwrap_or_else(|| {
        let cluster = ClusterOf {
            process: process.to_owned(),
            topology: None,
            name: None,
            eclagent: None,
            eclccserver: None,
            eclscheduler: None,
        };
        clusters.push((cluster, at));
        clusters.len() - 1
    });
    let cluster = &mut clusters[index].0;
    let slot = match name {
        "topology" => &mut cluster.topology,
        "name" => &mut cluster.name,
        "eclagent" => &mut cluster.eclagent,
        "eclccserver" => &mut cluster.eclccserver,
        _ => &mut cluster.eclscheduler,
    };
    *slot = Some(value);
}
