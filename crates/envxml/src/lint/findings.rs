//! Findings as they are collected, and their paths.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::{Finding, Rule, Severity};
use crate::tree::{Attribute, Document, Element, STEP_KEYS};

/// Findings whose places are still elements.
pub(super) struct Findings<'d> {
    disabled: &'d BTreeSet<Rule>,
    drafts: Vec<Draft<'d>>,
}

struct Draft<'d> {
    rule: Rule,
    severity: Severity,
    /// From a child of the root down to the element; empty for the root.
    chain: Vec<&'d Element>,
    attribute: Option<&'static str>,
    message: String,
    help: String,
}

impl<'d> Findings<'d> {
    pub(super) fn new(disabled: &'d BTreeSet<Rule>) -> Self {
        Self { disabled, drafts: Vec::new() }
    }

    /// Adds a finding about an element, given with those around it from a child of the root down.
    pub(super) fn add(
        &mut self,
        rule: Rule,
        chain: &[&'d Element],
        attribute: Option<&'static str>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add_as(rule.severity(), rule, chain, attribute, message, help);
    }

    /// Adds a finding that is worse than its rule mostly is.
    pub(super) fn add_as(
        &mut self,
        severity: Severity,
        rule: Rule,
        chain: &[&'d Element],
        attribute: Option<&'static str>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if !self.disabled.contains(&rule) {
            let (chain, message, help) = (chain.to_vec(), message.into(), help.into());
            self.drafts.push(Draft { rule, severity, chain, attribute, message, help });
        }
    }

    /// All findings in the order of the file.
    pub(super) fn finish(self, document: &'d Document) -> Vec<Finding> {
        let mut paths = Paths::default();
        let mut findings: Vec<Finding> = self
            .drafts
            .into_iter()
            .map(|draft| {
                let element = draft.chain.last().copied().unwrap_or(&document.root);
                let attribute = draft.attribute.and_then(|name| element.attribute(name));
                let position = attribute.map_or(element.position(), Attribute::position);
                Finding {
                    rule: draft.rule,
                    severity: draft.severity,
                    path: paths.path(&document.root, &draft.chain, draft.attribute),
                    position,
                    message: draft.message,
                    help: draft.help,
                }
            })
            .collect();
        findings.sort_by(|a, b| {
            (a.position, a.rule, &a.path, &a.message)
                .cmp(&(b.position, b.rule, &b.path, &b.message))
        });
        findings
    }
}

/// Paths that name one element each. An element is known by its place in memory.
#[derive(Default)]
struct Paths<'d> {
    /// For each parent its children by what a step may ask for.
    children: HashMap<*const Element, HashMap<Asked<'d>, Vec<*const Element>>>,
}

/// A tag, and an attribute with its value if there is one.
type Asked<'d> = (&'d str, Option<(&'static str, Cow<'d, str>)>);

impl<'d> Paths<'d> {
    fn path(
        &mut self,
        root: &'d Element,
        chain: &[&'d Element],
        attribute: Option<&'static str>,
    ) -> String {
        if chain.is_empty() && attribute.is_none() {
            return root.name().to_owned();
        }
        let mut parts = Vec::new();
        let mut parent = root;
        for element in chain {
            parts.push(self.step(parent, element));
            parent = element;
        }
        parts.extend(attribute.map(|name| format!("@{name}")));
        parts.join("/")
    }

    /// The step from a parent to its child, with `[n]` where others fit the same step.
    fn step(&mut self, parent: &'d Element, child: &'d Element) -> String {
        let children = self.children.entry(std::ptr::from_ref(parent)).or_insert_with(|| {
            let mut children: HashMap<Asked<'d>, Vec<*const Element>> = HashMap::new();
            for element in parent.elements() {
                let keys = STEP_KEYS.iter().filter_map(|key| Some(Some((*key, element.get(key)?))));
                for asked in keys.chain([None]) {
                    let found = children.entry((element.name(), asked)).or_default();
                    found.push(std::ptr::from_ref(element));
                }
            }
            children
        });
        let step = child.step();
        let mut keys = STEP_KEYS.iter().filter_map(|key| Some((*key, child.get(key)?)));
        let asked = keys.find(|(_, value)| !value.is_empty());
        match children.get(&(child.name(), asked)) {
            Some(same) if same.len() > 1 => {
                let index = same.iter().position(|other| std::ptr::eq(*other, child));
                index.map_or_else(|| step.clone(), |index| format!("{step}[{}]", index + 1))
            }
            _ => step,
        }
    }
}
