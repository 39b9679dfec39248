//! Pictures of a workflow's graph, as text for Graphviz ([`dot`]) and Mermaid ([`mermaid`]).
//!
//! Small graphs are drawn whole: every process is a node, edges carry the names of their signals while
//! there are few. Large ones collapse to one node a task type with counts. The text depends on nothing
//! but the workflow and the options.
//!
//! ```
//! use workflow_engine::draw::{self, DrawOptions};
//! use workflow_engine::model::{Variables, Workflow};
//!
//! let text = r#"{"processes": [{"name": "a", "firingLimit": 1, "ins": [0], "outs": [1]},
//!                              {"name": "b", "firingLimit": 1, "ins": [1], "outs": []}],
//!                "signals": [{"name": "in", "data": [{}]}, {"name": "x"}], "ins": [0], "outs": []}"#;
//! let workflow = Workflow::parse(text, &Variables::new())?;
//! let picture = draw::mermaid(&workflow, &DrawOptions::default());
//! assert!(picture.contains(r#"p1 -->|"x"| p2"#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::graph;
use crate::model::{Control, Kind, ProcessId, SignalId, Workflow};

/// Whether to draw one node a process or one node a task type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Collapse {
    /// One node a task type where there are more than [`DrawOptions::collapse_above`] processes.
    #[default]
    WhenLarge,
    /// One node a task type.
    Always,
    /// One node a process.
    Never,
}

/// How to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawOptions {
    /// Processes or task types.
    pub collapse: Collapse,
    /// More processes than this collapse to task types ([`Collapse::WhenLarge`]).
    pub collapse_above: usize,
    /// Edges are labelled by their signals while there are at most this many.
    pub label_edges_up_to: usize,
}

impl Default for DrawOptions {
    fn default() -> Self {
        Self { collapse: Collapse::WhenLarge, collapse_above: 300, label_edges_up_to: 60 }
    }
}

/// Longest label of an edge, in signals; what is more is counted.
const SIGNALS_ON_EDGE: usize = 4;

struct Node {
    id: String,
    /// Lines of its label.
    label: Vec<String>,
    kind: Kind,
}

struct Edge {
    from: usize,
    to: usize,
    label: String,
    /// Carries control signals only.
    control: bool,
}

struct Picture {
    name: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

fn picture(workflow: &Workflow, options: &DrawOptions) -> Picture {
    let collapsed = match options.collapse {
        Collapse::Always => true,
        Collapse::Never => false,
        Collapse::WhenLarge => workflow.process_count() > options.collapse_above,
    };
    if collapsed { by_type(workflow) } else { by_process(workflow, options) }
}

fn by_process(workflow: &Workflow, options: &DrawOptions) -> Picture {
    let port_process = graph::port_processes(workflow);
    let nodes = workflow.processes().map(|process| {
        let number = process.id().0 + 1;
        let (name, type_name) = (process.name(), process.type_name());
        // WfFormat's names are the tasks' own; HyperFlow's are types, which many share.
        let label = if name == type_name { format!("{name}#{number}") } else { name.to_owned() };
        Node { id: format!("p{number}"), label: vec![label], kind: process.kind() }
    });
    let mut edges: Vec<(u32, u32, Vec<u32>)> = Vec::new();
    let mut signals_to: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for process in 0..workflow.process_count() as u32 {
        for &signal in workflow.outs_of(process) {
            for &port in workflow.consumers.of(signal) {
                let signals = signals_to.entry(port_process[port as usize]).or_default();
                if !signals.contains(&signal) {
                    signals.push(signal);
                }
            }
        }
        while let Some((to, signals)) = signals_to.pop_first() {
            edges.push((process, to, signals));
        }
    }
    let labelled = edges.len() <= options.label_edges_up_to;
    let edges = edges.into_iter().map(|(from, to, signals)| Edge {
        from: from as usize,
        to: to as usize,
        label: if labelled { edge_label(workflow, &signals) } else { String::new() },
        control: signals.iter().all(|&at| workflow.signal(SignalId(at)).control().is_some()),
    });
    Picture { name: workflow.name().to_owned(), nodes: nodes.collect(), edges: edges.collect() }
}

fn edge_label(workflow: &Workflow, signals: &[u32]) -> String {
    let mut label = String::new();
    for (at, &signal) in signals.iter().take(SIGNALS_ON_EDGE).enumerate() {
        let signal = workflow.signal(SignalId(signal));
        let control = match signal.control() {
            None => "",
            Some(Control::Next) => " (next)",
            Some(Control::Done) => " (done)",
            Some(Control::Count) => " (count)",
            Some(Control::Merge) => " (merge)",
        };
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(label, "{comma}{}{control}", signal.name());
    }
    if signals.len() > SIGNALS_ON_EDGE {
        let _ = write!(label, ", {} more", signals.len() - SIGNALS_ON_EDGE);
    }
    label
}

fn by_type(workflow: &Workflow) -> Picture {
    let port_process = graph::port_processes(workflow);
    let type_of = |process: u32| workflow.process(ProcessId(process)).type_index();
    let mut counts = vec![0_usize; workflow.type_names().len()];
    let mut kinds = vec![Kind::Dataflow; counts.len()];
    // (type, type) -> distinct producer-consumer pairs, and whether data flows.
    let mut edges: BTreeMap<(usize, usize), (usize, bool)> = BTreeMap::new();
    let mut consumers: BTreeMap<u32, bool> = BTreeMap::new();
    for process in workflow.processes() {
        let from = process.type_index();
        if counts[from] == 0 {
            kinds[from] = process.kind();
        } else if kinds[from] != process.kind() {
            kinds[from] = Kind::Dataflow;
        }
        counts[from] += 1;
        for &signal in workflow.outs_of(process.id().0) {
            let data = workflow.signal(SignalId(signal)).control().is_none();
            for &port in workflow.consumers.of(signal) {
                *consumers.entry(port_process[port as usize]).or_default() |= data;
            }
        }
        while let Some((consumer, data)) = consumers.pop_first() {
            let edge = edges.entry((from, type_of(consumer))).or_default();
            edge.0 += 1;
            edge.1 |= data;
        }
    }
    let nodes = workflow.type_names().iter().zip(&counts).zip(kinds).enumerate();
    let nodes = nodes.map(|(at, ((name, count), kind))| Node {
        id: format!("t{}", at + 1),
        label: vec![name.clone(), format!("× {count}")],
        kind,
    });
    let edges = edges.into_iter().map(|((from, to), (count, data))| Edge {
        from,
        to,
        label: count.to_string(),
        control: !data,
    });
    Picture { name: workflow.name().to_owned(), nodes: nodes.collect(), edges: edges.collect() }
}

/// Text inside a double-quoted string of Graphviz.
struct DotText<'a>(&'a str);

impl fmt::Display for DotText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                // Graphviz expands HTML entities in plain labels.
                '&' => f.write_str("&amp;")?,
                c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text inside a double-quoted label of Mermaid: what could end it, start markup or an entity goes as a
/// numeric entity of Mermaid's own (`#34;`).
struct MermaidText<'a>(&'a str);

impl fmt::Display for MermaidText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("<br/>")?,
                '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' | '%' | '*' => {
                    write!(f, "#{};", u32::from(c))?;
                }
                c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The graph in Graphviz' language: `dot -Tsvg`.
#[must_use]
pub fn dot(workflow: &Workflow, options: &DrawOptions) -> String {
    let picture = picture(workflow, options);
    let mut out = String::new();
    let name = if picture.name.is_empty() { "workflow" } else { &picture.name };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "digraph \"{}\" {{", DotText(name));
    out.push_str("  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    out.push_str("  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for node in &picture.nodes {
        let _ = write!(out, "  {} [label=\"{}\"", node.id, DotText(&node.label.join("\n")));
        out.push_str(match node.kind {
            Kind::Dataflow => "];\n",
            Kind::Choice => ", shape=diamond, style=solid];\n",
            Kind::Join => ", shape=invtrapezium, style=solid];\n",
        });
    }
    for edge in &picture.edges {
        let (from, to) = (&picture.nodes[edge.from].id, &picture.nodes[edge.to].id);
        let _ = write!(out, "  {from} -> {to}");
        let style = if edge.control { "style=dashed" } else { "" };
        let _ = match (edge.label.is_empty(), edge.control) {
            (true, false) => writeln!(out, ";"),
            (true, true) => writeln!(out, " [{style}];"),
            (false, false) => writeln!(out, " [label=\"{}\"];", DotText(&edge.label)),
            (false, true) => writeln!(out, " [label=\"{}\", {style}];", DotText(&edge.label)),
        };
    }
    out.push_str("}\n");
    out
}

/// The graph in Mermaid's language, as Markdown hosts show it.
#[must_use]
pub fn mermaid(workflow: &Workflow, options: &DrawOptions) -> String {
    let picture = picture(workflow, options);
    let mut out = String::from("flowchart LR\n");
    for node in &picture.nodes {
        let (open, close) = match node.kind {
            Kind::Dataflow => ("(", ")"),
            Kind::Choice => ("{", "}"),
            Kind::Join => ("[\\", "/]"),
        };
        let label = node.label.join("\n");
        let _ = writeln!(out, "  {}{open}\"{}\"{close}", node.id, MermaidText(&label));
    }
    for edge in &picture.edges {
        let (from, to) = (&picture.nodes[edge.from].id, &picture.nodes[edge.to].id);
        let arrow = if edge.control { "-.->" } else { "-->" };
        let _ = if edge.label.is_empty() {
            writeln!(out, "  {from} {arrow} {to}")
        } else {
            writeln!(out, "  {from} {arrow}|\"{}\"| {to}", MermaidText(&edge.label))
        };
    }
    out
}

#[cfg(test)]
mod tests;
