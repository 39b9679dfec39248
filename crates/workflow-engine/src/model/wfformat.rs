//! WfFormat (WfCommons, schema 1.4-1.6): recorded workflows, turned into the same model.
//!
//! One process a task, one signal a file. A parent that shares no file with its child gets a token
//! signal, so that every edge of the instance is an edge of the graph.

use std::borrow::Cow;

use hashbrown::{HashMap, HashSet};

use super::Kind;
use super::builder::{Builder, NewProcess, NewSignal, RawRef, RefList};
use super::command::Str;

/// The `workflow` object of an instance.
#[derive(serde::Deserialize)]
pub(crate) struct Document<'a> {
    /// Since 1.5: what the tasks are.
    #[serde(borrow)]
    specification: Option<Specification<'a>>,
    /// Since 1.5: how they ran.
    #[serde(borrow, default)]
    execution: Execution<'a>,
    /// Up to 1.4: both in one.
    #[serde(borrow)]
    tasks: Option<Vec<FlatTask<'a>>>,
}

/// A task of 1.4: it names its relatives by name, and its files with their direction.
#[derive(serde::Deserialize)]
struct FlatTask<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    category: Option<Str<'a>>,
    #[serde(borrow, default)]
    parents: Vec<Str<'a>>,
    #[serde(borrow, default)]
    children: Vec<Str<'a>>,
    #[serde(borrow, default)]
    files: Vec<FlatFile<'a>>,
    #[serde(rename = "runtimeInSeconds")]
    runtime: Option<f64>,
    #[serde(borrow)]
    command: Option<&'a serde_json::value::RawValue>,
}

#[derive(serde::Deserialize)]
struct FlatFile<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    path: Option<Str<'a>>,
    #[serde(borrow)]
    link: Str<'a>,
}

#[derive(serde::Deserialize, Default)]
struct Specification<'a> {
    #[serde(borrow)]
    tasks: Vec<Task<'a>>,
    #[serde(borrow, default)]
    files: Vec<File<'a>>,
}

#[derive(serde::Deserialize)]
struct Task<'a> {
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(borrow, default)]
    parents: Vec<Str<'a>>,
    #[serde(borrow, default)]
    children: Vec<Str<'a>>,
    #[serde(borrow, default, rename = "inputFiles")]
    inputs: Vec<Str<'a>>,
    #[serde(borrow, default, rename = "outputFiles")]
    outputs: Vec<Str<'a>>,
}

#[derive(serde::Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    id: Str<'a>,
}

#[derive(serde::Deserialize, Default)]
struct Execution<'a> {
    #[serde(borrow, default)]
    tasks: Vec<Executed<'a>>,
}

#[derive(serde::Deserialize)]
struct Executed<'a> {
    #[serde(borrow)]
    id: Str<'a>,
    #[serde(rename = "runtimeInSeconds")]
    runtime: f64,
    #[serde(borrow)]
    command: Option<&'a serde_json::value::RawValue>,
}

/// The task type: a name without the `_ID0000001` that generators append.
fn type_of(name: &str) -> &str {
    match name.rfind("_ID") {
        Some(at) if at > 0 && at + 3 < name.len() => {
            let digits = &name[at + 3..];
            if digits.bytes().all(|byte| byte.is_ascii_digit()) { &name[..at] } else { name }
        }
        _ => name,
    }
}

/// Turns tasks of 1.4 into the form of 1.5. Ids become unique: the name, with the id unless the name holds it.
/// Source: the WfCommons project's description of how instances are migrated.
fn from_flat<'a>(tasks: Vec<FlatTask<'a>>) -> (Specification<'a>, Execution<'a>) {
    let id_of = |at: usize, task: &FlatTask<'a>| match &task.id {
        None => format!("{}_{at}", task.name.0),
        Some(Str(id)) if task.name.0.contains(&**id) => task.name.0.clone().into_owned(),
        Some(Str(id)) => format!("{}_{id}", task.name.0),
    };
    let ids: Vec<String> = tasks.iter().enumerate().map(|(at, task)| id_of(at, task)).collect();
    let mut known: HashMap<String, String> = HashMap::with_capacity(2 * tasks.len());
    for (task, id) in tasks.iter().zip(&ids) {
        for name in task.id.iter().chain([&task.name]) {
            known.entry(name.0.clone().into_owned()).or_insert_with(|| id.clone());
        }
    }
    let mut specification = Specification::default();
    let mut execution = Execution::default();
    let mut seen = HashSet::new();
    let owned = |text: String| Str(Cow::Owned(text));
    for (task, id) in tasks.into_iter().zip(ids) {
        let mut inputs = Vec::new();
        let mut outputs = Vec::new();
        for file in task.files {
            let path = file.path.map(|Str(path)| path).unwrap_or_default();
            let name = format!("{path}{}", file.name.0);
            if seen.insert(name.clone()) {
                specification.files.push(File { id: owned(name.clone()) });
            }
            let is_input = file.link.0.eq_ignore_ascii_case("input");
            if is_input { inputs.push(owned(name)) } else { outputs.push(owned(name)) }
        }
        // A relative that is not known keeps its name, and is reported as unknown.
        let relative = |Str(name): Str<'a>| match known.get(&*name) {
            Some(id) => owned(id.clone()),
            None => Str(name),
        };
        execution.tasks.push(Executed {
            id: owned(id.clone()),
            runtime: task.runtime.unwrap_or(0.0),
            command: task.command,
        });
        specification.tasks.push(Task {
            name: task.category.unwrap_or(task.name),
            id: owned(id),
            parents: task.parents.into_iter().map(relative).collect(),
            children: task.children.into_iter().map(relative).collect(),
            inputs,
            outputs,
        });
    }
    (specification, execution)
}

impl Document<'_> {
    /// Turns the instance into processes and signals; the error names the first inconsistency.
    pub(crate) fn build(self, builder: &mut Builder<'_>) -> Result<(), String> {
        let (specification, execution) = match (self.specification, self.tasks) {
            (Some(specification), _) => (specification, self.execution),
            (None, Some(tasks)) => from_flat(tasks),
            (None, None) => {
                return Err(
                    "`workflow` has neither `specification` (WfFormat since 1.5) nor `tasks` (1.4)"
                        .to_owned(),
                );
            }
        };
        let tasks = &specification.tasks;
        let mut task_index: HashMap<&str, u32> = HashMap::with_capacity(tasks.len());
        for (at, task) in tasks.iter().enumerate() {
            if task_index.insert(&task.id.0, at as u32).is_some() {
                return Err(format!("two tasks have the id `{}`", task.id.0));
            }
        }
        let mut signals: HashMap<&str, u32> = HashMap::new();
        for file in &specification.files {
            let next = signals.len() as u32;
            if signals.insert(&file.id.0, next).is_some() {
                return Err(format!("two files have the id `{}`", file.id.0));
            }
        }
        let mut names: Vec<&str> = specification.files.iter().map(|file| &*file.id.0).collect();
        let mut ins: Vec<Vec<u32>> = Vec::with_capacity(tasks.len());
        let mut outs: Vec<Vec<u32>> = Vec::with_capacity(tasks.len());
        for task in tasks {
            let ids = |files: &[Str<'_>]| -> Result<Vec<u32>, String> {
                files
                    .iter()
                    .map(|Str(file)| {
                        signals.get(&**file).copied().ok_or_else(|| {
                            format!("task `{}` uses the unknown file `{file}`", task.id.0)
                        })
                    })
                    .collect()
            };
            ins.push(ids(&task.inputs)?);
            outs.push(ids(&task.outputs)?);
        }

        let mut producer = vec![u32::MAX; names.len()];
        for (at, files) in outs.iter().enumerate() {
            for &file in files {
                producer[file as usize] = at as u32;
            }
        }
        let mut edges = Vec::new();
        for (at, task) in tasks.iter().enumerate() {
            let known = |Str(id): &Str<'_>| {
                task_index
                    .get(&**id)
                    .copied()
                    .ok_or_else(|| format!("task `{}` names the unknown task `{id}`", task.id.0))
            };
            for parent in &task.parents {
                edges.push((known(parent)?, at as u32));
            }
            for child in &task.children {
                edges.push((at as u32, known(child)?));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let mut tokens = Vec::new();
        for (parent, child) in edges {
            // What lies past the files is a token of an earlier edge.
            let shared = ins[child as usize]
                .iter()
                .any(|&file| producer.get(file as usize).is_some_and(|&made_by| made_by == parent));
            if !shared {
                let signal = (names.len() + tokens.len()) as u32;
                tokens.push(format!(
                    "{}->{}",
                    tasks[parent as usize].id.0, tasks[child as usize].id.0
                ));
                outs[parent as usize].push(signal);
                ins[child as usize].push(signal);
            }
        }

        let mut consumed = vec![false; names.len()];
        ins.iter().flatten().for_each(|&file| {
            if let Some(flag) = consumed.get_mut(file as usize) {
                *flag = true;
            }
        });
        let mut outside = Vec::new();
        let mut results = Vec::new();
        for (at, name) in names.drain(..).enumerate() {
            let made = producer[at] != u32::MAX;
            if !made && consumed[at] {
                outside.push(RawRef::Index(at as u64));
            }
            if made && !consumed[at] {
                results.push(RawRef::Index(at as u64));
            }
            let initial = u32::from(!made && consumed[at]);
            builder.push_signal(NewSignal {
                name: Cow::Borrowed(name),
                data: (initial > 0).then_some(Cow::Borrowed("[{}]")),
                initial,
                control: None,
                is_file: true,
            });
        }
        for name in tokens {
            builder.push_signal(NewSignal {
                name: Cow::Owned(name),
                data: None,
                initial: 0,
                control: None,
                is_file: false,
            });
        }
        let executed: HashMap<&str, &Executed<'_>> =
            execution.tasks.iter().map(|task| (&*task.id.0, task)).collect();
        let refs = |ids: Vec<u32>| ids.into_iter().map(|id| RawRef::Index(u64::from(id))).collect();
        for ((task, ins), outs) in tasks.iter().zip(ins).zip(outs) {
            let run = executed.get(&*task.id.0);
            builder.push_process(NewProcess {
                name: Cow::Borrowed(&task.id.0),
                type_name: Some(Cow::Borrowed(type_of(&task.name.0))),
                kind: Kind::Dataflow,
                function: Cow::Borrowed(""),
                config: run.and_then(|run| run.command).map(|raw| Cow::Borrowed(raw.get())),
                firing_limit: 1,
                ins: refs(ins),
                outs: refs(outs),
                sticky: Vec::new(),
                rare: None,
                runtime: Some(run.map_or(-1.0, |run| run.runtime as f32)),
            });
        }
        builder.workflow_refs(outside, RefList::WorkflowIns);
        builder.workflow_refs(results, RefList::WorkflowOuts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::type_of;
    use crate::model::{ProcessId, Variables, Workflow};

    #[test]
    fn a_task_may_have_several_parents_without_a_shared_file() {
        let text = r#"{"name": "w", "schemaVersion": "1.5", "workflow": {"specification": {"tasks": [
            {"name": "a", "id": "1", "children": ["3"]}, {"name": "b", "id": "2", "children": ["3"]},
            {"name": "c", "id": "3", "parents": ["1", "2"]}], "files": []}}}"#;
        let workflow = Workflow::parse(text, &Variables::new()).unwrap();
        assert_eq!(workflow.shape().edges, 2);
        assert_eq!(workflow.process(ProcessId(2)).inputs().len(), 2);
    }

    #[test]
    fn the_type_is_the_name_without_its_generated_number() {
        assert_eq!(type_of("mProject_ID0000001"), "mProject");
        assert_eq!(type_of("blast_ID"), "blast_ID");
        assert_eq!(type_of("_ID12"), "_ID12");
        assert_eq!(type_of("plain"), "plain");
    }

    #[test]
    fn version_1_4_names_relatives_by_name_and_files_by_direction() {
        let text = r#"{"name": "old", "schemaVersion": "1.4", "workflow": {"makespanInSeconds": 3, "tasks": [
            {"name": "make", "id": "ID01", "type": "compute", "children": ["use_ID02"], "runtimeInSeconds": 1.5,
             "files": [{"link": "output", "name": "a", "path": "d/", "sizeInBytes": 1}]},
            {"name": "use_ID02", "id": "ID02", "category": "use", "parents": ["make"], "runtimeInSeconds": 2,
             "files": [{"link": "input", "name": "a", "path": "d/", "sizeInBytes": 1},
                       {"link": "input", "name": "given", "sizeInBytes": 1}]}]}}"#;
        let workflow = Workflow::parse(text, &Variables::new()).unwrap();
        let names: Vec<_> = workflow.processes().map(|p| (p.name(), p.type_name())).collect();
        assert_eq!(names, [("make_ID01", "make"), ("use_ID02", "use")]);
        assert_eq!(workflow.recorded_seconds(ProcessId(0)), Some(1.5));
        assert_eq!(workflow.shape().edges, 1);
        let inputs: Vec<_> = workflow.process(ProcessId(1)).inputs().map(|s| s.name()).collect();
        assert_eq!(inputs, ["d/a", "given"]);
    }
}
