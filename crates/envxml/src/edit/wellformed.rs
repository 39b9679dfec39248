//! Names and values of edits that an XML file can hold.

use super::{Assignment, Child, Edit, Problem};
use crate::tree::{is_name, is_text};

/// Everything that an edit would write and XML does not allow.
pub(super) fn check(edit: &Edit) -> Vec<Problem> {
    let mut found = Check::default();
    match edit {
        Edit::Add { subject, attributes, .. } => {
            found.value(subject.name.as_deref().unwrap_or_default());
            found.assignments(attributes);
        }
        Edit::AddElement { selector, attributes, children, .. } => {
            selector.path.iter().for_each(|tag| found.name(tag));
            found.assignments(attributes);
            found.children(children);
        }
        Edit::Modify { attributes, .. } => found.assignments(attributes),
        Edit::AddNodes(nodes) => {
            found.value(&nodes.name);
            nodes.addresses.iter().for_each(|address| found.value(address));
            found.assignments(&nodes.attributes);
        }
        Edit::MoveNode { to, .. } => found.value(to),
        Edit::AddCluster(cluster) | Edit::ModifyCluster(cluster) => {
            found.value(&cluster.name);
            found.assignments(&cluster.attributes);
            found.children(&cluster.processes);
        }
        Edit::SetDirectory { category, folder } => {
            found.value(category);
            found.value(folder);
        }
        Edit::Override { attribute, value, .. } | Edit::SetPath { attribute, value, .. } => {
            found.name(attribute);
            found.value(value);
        }
        // Content is read as XML; the rest writes nothing new.
        Edit::AddContent { .. }
        | Edit::RemoveContent { .. }
        | Edit::Remove { .. }
        | Edit::RemoveAttributes { .. }
        | Edit::RemoveNodes(_)
        | Edit::RemoveCluster(_)
        | Edit::AddDefaultTopology
        | Edit::AddClusterOf(_)
        | Edit::AddMissingClusters => {}
    }
    found.problems
}

#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
}

impl Check {
    fn name(&mut self, name: &str) {
        if !is_name(name) {
            self.problems.push(Problem::NotAName { name: name.to_owned() });
        }
    }

    fn value(&mut self, value: &str) {
        if !is_text(value) {
            self.problems.push(Problem::NotText { value: value.to_owned() });
        }
    }

    fn assignments(&mut self, assignments: &[Assignment]) {
        for assignment in assignments {
            self.name(&assignment.name);
            self.value(&assignment.value);
        }
    }

    fn children(&mut self, children: &[Child]) {
        for child in children {
            self.name(&child.tag);
            self.assignments(&child.attributes);
        }
    }
}
