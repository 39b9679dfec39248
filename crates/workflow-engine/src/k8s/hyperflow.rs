//! HyperFlow's configuration for clusters: `jobAgglomerations`, `executionModels`, `jobvars`.
//!
//! They lie beside the workflow, as `workflow.config.NAME.json`, and keep their meaning. Unlike HyperFlow, which throws at
//! the first fault or goes on without the file, all faults are told, with their places.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use diagnostics::yaml::Places;
use diagnostics::{DataPath, Place, Problem, nearest};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::check::write_lines;

/// The file of [`agglomerations`].
pub const AGGLOMERATIONS_FILE: &str = "workflow.config.jobAgglomerations.json";
/// The file of [`execution_models`].
pub const EXECUTION_MODELS_FILE: &str = "workflow.config.executionModels.json";
/// The file of [`job_vars`].
pub const JOB_VARS_FILE: &str = "workflow.config.jobvars.json";

/// The file of [`job_vars`] for tasks of a partition (`executor.partition`).
#[must_use]
pub fn job_vars_file(partition: &str) -> String {
    format!("workflow.config.jobvars{partition}.json")
}

/// Why a file cannot be used: all that is wrong with it, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// What is wrong. Warnings may be among it.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_lines(f, &self.problems)
    }
}

impl std::error::Error for Faults {}

/// What was read, and what its author should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted<T> {
    /// What was read.
    pub value: T,
    /// Warnings.
    pub notes: Vec<Problem>,
}

/// A rule of `jobAgglomerations`: tasks of these types share Jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agglomeration {
    /// Types of tasks.
    pub types: Vec<String>,
    /// How many tasks share a Job.
    pub size: u32,
    /// A group that is not full is sent when for so long no task joined it.
    pub idle: Duration,
    /// Into how many parts (by `executor.partition`) tasks are told apart; 1: not at all.
    pub partitions: u32,
}

/// The rules of `jobAgglomerations`, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agglomerations(pub Vec<Agglomeration>);

impl Agglomerations {
    /// The rule for a type: the first that names it.
    #[must_use]
    pub fn rule(&self, type_name: &str) -> Option<&Agglomeration> {
        self.0.iter().find(|rule| rule.types.iter().any(|name| name == type_name))
    }
}

/// An entry of `executionModels`: tasks of this type are for a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecutionModel {
    /// The type.
    pub type_name: String,
    /// HyperFlow's queue. There are none here: types that share a queue share nothing but its name.
    pub queue: Option<String>,
}

/// The entries of `executionModels`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ExecutionModels(pub Vec<ExecutionModel>);

impl ExecutionModels {
    /// Whether a type is for a pool.
    #[must_use]
    pub fn has(&self, type_name: &str) -> bool {
        self.0.iter().any(|model| model.type_name == type_name)
    }
}

/// `jobvars`: values for templates of Jobs, and three keys with a meaning of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JobVars {
    /// `kubeConfigPath`: the kubeconfig.
    pub kube_config: Option<String>,
    /// `jobTemplatePath`: the template.
    pub template: Option<String>,
    /// `k8sNamespace`: the namespace.
    pub namespace: Option<String>,
    /// All others: `${NAME}` in the template.
    pub variables: BTreeMap<String, String>,
}

impl JobVars {
    /// These, overridden by those of a partition. HyperFlow changes the common ones with that, so that they leak into
    /// tasks of others; here they do not.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        let either =
            |one: &Option<String>, other: &Option<String>| other.as_ref().or(one.as_ref()).cloned();
        let mut variables = self.variables.clone();
        variables.extend(other.variables.clone());
        Self {
            kube_config: either(&self.kube_config, &other.kube_config),
            template: either(&self.template, &other.template),
            namespace: either(&self.namespace, &other.namespace),
            variables,
        }
    }
}

/// Reads `jobAgglomerations`: an array of `{"matchTask": [types], "size": N, "timeoutMs": N, "partitions": K}`.
///
/// # Errors
/// With everything that is wrong, and where.
pub fn agglomerations(file: &str, text: &str) -> Result<Noted<Agglomerations>, Faults> {
    let mut reader = Reader::new(file, text)?;
    let mut rules = Vec::new();
    let mut first_of: BTreeMap<String, usize> = BTreeMap::new();
    for (path, rule) in reader.objects("a list of rules") {
        reader.known(&path, &rule, &["matchTask", "size", "timeoutMs", "partitions"]);
        let types = reader
            .required(&path, &rule, "matchTask")
            .map(|types| reader.names(&path.join("matchTask"), types));
        let size = reader
            .required(&path, &rule, "size")
            .and_then(|value| reader.number(&path.join("size"), value, 1));
        let idle = reader
            .required(&path, &rule, "timeoutMs")
            .and_then(|value| reader.number(&path.join("timeoutMs"), value, 0));
        let partitions = match rule.get("partitions") {
            None => Some(1),
            Some(value) => reader.number(&path.join("partitions"), value, 1),
        };
        for (index, name) in types.iter().flatten().enumerate() {
            let number = rules.len() + 1;
            let first = *first_of.entry(name.clone()).or_insert(number);
            if first != number {
                reader.problems.push(
                    Problem::warning(
                        "matched-twice",
                        format!("rule {first} has the type `{name}` already: this one is of no effect for it"),
                    )
                    .at(path.join("matchTask").join(index)),
                );
            }
        }
        // The number of a rule counts those with faults too.
        rules.push(Agglomeration {
            types: types.unwrap_or_default(),
            size: size.unwrap_or(1),
            idle: Duration::from_millis(idle.unwrap_or(0).into()),
            partitions: partitions.unwrap_or(1),
        });
    }
    reader.finish(Agglomerations(rules))
}

/// Reads `executionModels`: an array of `{"name": type, "queue": "name"}`.
///
/// # Errors
/// With everything that is wrong, and where.
pub fn execution_models(file: &str, text: &str) -> Result<Noted<ExecutionModels>, Faults> {
    let mut reader = Reader::new(file, text)?;
    let mut models: Vec<ExecutionModel> = Vec::new();
    for (path, model) in reader.objects("a list of models") {
        reader.known(&path, &model, &["name", "queue"]);
        let name = reader
            .required(&path, &model, "name")
            .and_then(|name| reader.name(&path.join("name"), name));
        let queue = model.get("queue").and_then(|queue| reader.name(&path.join("queue"), queue));
        let Some(type_name) = name else { continue };
        if models.iter().any(|known| known.type_name == type_name) {
            let problem =
                Problem::warning("listed-twice", format!("`{type_name}` is listed already"));
            reader.problems.push(problem.at(path.join("name")));
        }
        models.push(ExecutionModel { type_name, queue });
    }
    reader.finish(ExecutionModels(models))
}

/// Reads `jobvars`: an object of texts, numbers and booleans.
///
/// # Errors
/// With everything that is wrong, and where.
pub fn job_vars(file: &str, text: &str) -> Result<Noted<JobVars>, Faults> {
    let mut reader = Reader::new(file, text)?;
    let mut vars = JobVars::default();
    let Value::Object(map) = reader.value.take() else {
        let problem = Problem::error("type", "an object of variables is expected");
        reader.problems.push(problem);
        return reader.finish(vars);
    };
    for (key, value) in map {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                reader.problems.push(
                    Problem::error("type", "text, a number, true or false is expected")
                        .at(DataPath::root().join(key)),
                );
                continue;
            }
        };
        let special = match key.as_str() {
            "kubeConfigPath" => &mut vars.kube_config,
            "jobTemplatePath" => &mut vars.template,
            "k8sNamespace" => &mut vars.namespace,
            _ => {
                if !is_word(&key) {
                    reader.problems.push(
                        Problem::warning(
                            "no-variable",
                            "a template cannot name this: `${...}` takes letters, digits and `_`",
                        )
                        .at(DataPath::root().join(key.as_str())),
                    );
                }
                vars.variables.insert(key, text);
                continue;
            }
        };
        *special = Some(text);
    }
    reader.finish(vars)
}

/// Whether a template can name it.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A file that is read, and what was found.
struct Reader {
    places: Places,
    value: Value,
    problems: Vec<Problem>,
}

impl Reader {
    fn new(file: &str, text: &str) -> Result<Self, Faults> {
        let text = text.trim_start_matches('\u{feff}');
        let value = serde_json::from_str(text).map_err(|error| {
            let full = error.to_string();
            let message = full.rfind(" at line ").map_or(full.as_str(), |at| &full[..at]);
            let place =
                Place { file: file.to_owned(), line: error.line(), column: error.column().max(1) };
            Faults { problems: vec![Problem::error("syntax", message).placed(place)] }
        })?;
        // JSON is YAML; here it is only asked for places, and tells of keys that stand twice.
        let places = Places::of(file, text)
            .map_err(|unreadable| Faults { problems: vec![*unreadable.problem] })?;
        Ok(Self { places, value, problems: Vec::new() })
    }

    /// The objects of the list that the file is.
    fn objects(&mut self, expected: &str) -> Vec<(DataPath, Map<String, Value>)> {
        let Value::Array(items) = self.value.take() else {
            self.problems.push(Problem::error("type", format!("{expected} is expected, in [...]")));
            return Vec::new();
        };
        let mut objects = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = DataPath::root().join(index);
            if let Value::Object(map) = item {
                objects.push((path, map));
            } else {
                self.problems.push(Problem::error("type", "an object is expected").at(path));
            }
        }
        objects
    }

    /// Warns of keys that mean nothing.
    fn known(&mut self, path: &DataPath, map: &Map<String, Value>, keys: &[&str]) {
        for key in map.keys().filter(|key| !keys.contains(&key.as_str())) {
            let mut problem =
                Problem::warning("unknown-key", format!("`{key}` means nothing here"));
            if let Some(near) = nearest(key, keys.iter().copied()) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            self.problems.push(problem.at(path.join(key.as_str())));
        }
    }

    fn required<'v>(
        &mut self,
        path: &DataPath,
        map: &'v Map<String, Value>,
        key: &str,
    ) -> Option<&'v Value> {
        let value = map.get(key);
        if value.is_none() {
            let problem = Problem::error("missing-key", format!("`{key}` is missing"));
            self.problems.push(problem.at(path.clone()));
        }
        value
    }

    /// A whole number. JavaScript takes `"5"` for one.
    fn number(&mut self, path: &DataPath, value: &Value, least: u32) -> Option<u32> {
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => {
                // 5.0 is 5.
                #[expect(clippy::cast_sign_loss, reason = "known to be from 0 to the largest")]
                let whole = |n: f64| {
                    (n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&n))
                        .then_some(n as u32)
                };
                number.as_f64().and_then(whole)
            }
            _ => None,
        };
        let number = number.filter(|&number| number >= least);
        if number.is_none() {
            let message = format!("a whole number from {least} is expected");
            self.problems.push(Problem::error("type", message).at(path.clone()));
        }
        number
    }

    fn name(&mut self, path: &DataPath, value: &Value) -> Option<String> {
        let name = value.as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        if name.is_none() {
            self.problems.push(Problem::error("type", "a name is expected").at(path.clone()));
        }
        name
    }

    fn names(&mut self, path: &DataPath, value: &Value) -> Vec<String> {
        let Value::Array(items) = value else {
            let mut problem = Problem::error("type", "a list of task types is expected");
            if let Some(name) = value.as_str() {
                problem = problem.help(format!("write [{name:?}]"));
            }
            self.problems.push(problem.at(path.clone()));
            return Vec::new();
        };
        if items.is_empty() {
            let problem =
                Problem::warning("empty", "no task type is named: the rule is of no effect");
            self.problems.push(problem.at(path.clone()));
        }
        items.iter().enumerate().filter_map(|(at, item)| self.name(&path.join(at), item)).collect()
    }

    fn finish<T>(mut self, value: T) -> Result<Noted<T>, Faults> {
        self.places.settle(&mut self.problems);
        if self.problems.iter().any(Problem::is_error) {
            Err(Faults { problems: self.problems })
        } else {
            Ok(Noted { value, notes: self.problems })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(problems: &[Problem]) -> String {
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn rules_are_read_and_the_first_wins() {
        let text = r#"[
  {"matchTask": ["mProject"], "size": 2, "timeoutMs": 3000},
  {"matchTask": ["mDiffFit", "mProject"], "size": "6", "timeoutMs": 500.0, "partitions": 2, "sise": 1}
]"#;
        let read = agglomerations("a.json", text).unwrap();
        let rule = read.value.rule("mProject").unwrap();
        assert_eq!((rule.size, rule.idle, rule.partitions), (2, Duration::from_secs(3), 1));
        let rule = read.value.rule("mDiffFit").unwrap();
        assert_eq!((rule.size, rule.idle, rule.partitions), (6, Duration::from_millis(500), 2));
        assert_eq!(read.value.rule("mAdd"), None);
        insta::assert_snapshot!(shown(&read.notes), @r"
        a.json:3:30: warning: [1].matchTask[1]: rule 1 has the type `mProject` already: this one is of no effect for it [matched-twice]
        a.json:3:93: warning: [1].sise: `sise` means nothing here [unknown-key] (did you mean `size`?)
        ");
    }

    #[test]
    fn all_faults_of_rules_are_told_with_places() {
        let text = r#"[
  {"matchTask": "mAdd", "size": 0},
  7,
  {"matchTask": [1], "size": 2.5, "timeoutMs": -1}
]"#;
        let faults = agglomerations("a.json", text).unwrap_err();
        insta::assert_snapshot!(faults, @r#"
        a.json:2:3: error: [0]: `timeoutMs` is missing [missing-key]
        a.json:2:4: error: [0].matchTask: a list of task types is expected [type] (write ["mAdd"])
        a.json:2:25: error: [0].size: a whole number from 1 is expected [type]
        a.json:3:3: error: [1]: an object is expected [type]
        a.json:4:18: error: [2].matchTask[0]: a name is expected [type]
        a.json:4:22: error: [2].size: a whole number from 1 is expected [type]
        a.json:4:35: error: [2].timeoutMs: a whole number from 0 is expected [type]
        "#);
        insta::assert_snapshot!(agglomerations("a.json", "{}").unwrap_err(), @"a.json:1:1: error: a list of rules is expected, in [...] [type]");
        insta::assert_snapshot!(agglomerations("a.json", "[\n{,}]").unwrap_err(), @"a.json:2:2: error: key must be a string [syntax]");
    }

    #[test]
    fn models_name_types_for_pools() {
        let text =
            r#"[{"name": "mProject"}, {"name": "mDiffFit", "queue": "q"}, {"name": "mProject"}]"#;
        let read = execution_models("e.json", text).unwrap();
        assert!(read.value.has("mDiffFit") && !read.value.has("mAdd"));
        insta::assert_snapshot!(shown(&read.notes), @"e.json:1:61: warning: [2].name: `mProject` is listed already [listed-twice]");
        let faults = execution_models("e.json", r#"[{"queue": 1}]"#).unwrap_err();
        assert_eq!(faults.problems.len(), 2, "{faults}");
    }

    #[test]
    fn variables_of_a_partition_override_and_do_not_leak() {
        let common = job_vars(
            "j.json",
            r#"{"kubeConfigPath": "/k", "k8sNamespace": "n", "jobTemplatePath": "t.yaml", "a": 1, "b": true, "c-d": "x"}"#,
        )
        .unwrap();
        assert_eq!(common.notes.len(), 1, "{:?}", common.notes);
        let common = common.value;
        assert_eq!(common.kube_config.as_deref(), Some("/k"));
        assert_eq!(common.template.as_deref(), Some("t.yaml"));
        assert_eq!(common.variables["b"], "true");
        let of_two =
            job_vars(&job_vars_file("2"), r#"{"k8sNamespace": "m", "a": "z"}"#).unwrap().value;
        let both = common.overridden_by(&of_two);
        assert_eq!(both.namespace.as_deref(), Some("m"));
        assert_eq!((both.variables["a"].as_str(), both.variables["b"].as_str()), ("z", "true"));
        assert_eq!(common.variables["a"], "1");
        let faults = job_vars("j.json", "{\"a\": 1,\n \"b\": {}, \"a\": 2}").unwrap_err();
        assert!(faults.to_string().contains("`a` stands twice"), "{faults}");
        let faults = job_vars("j.json", "{\"a\": 1,\n \"b\": null}").unwrap_err();
        insta::assert_snapshot!(faults, @"j.json:2:2: error: b: text, a number, true or false is expected [type]");
    }
}
