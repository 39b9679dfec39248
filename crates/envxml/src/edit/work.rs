//! The document that edits are tried on, and the record of what they did.

use super::kind::Kind;
use super::reference::{self, Lost, Reference};
use super::{
    Applied, Category, Change, Edit, EditError, EditOptions, Outcome, Problem, Style, Subject,
    Warning,
};
use crate::tree::{Document, Element, NodePath};

/// Edits in progress.
pub(super) struct Work {
    pub(super) document: Document,
    pub(super) options: EditOptions,
    edit: usize,
    outcome: Outcome,
    errors: Vec<EditError>,
    /// Computers that lost a node, with the edit that took it.
    pub(super) left: Vec<(usize, String)>,
}

impl Work {
    pub(super) fn new(document: Document, options: EditOptions) -> Self {
        let outcome = Outcome::default();
        Self { document, options, edit: 0, outcome, errors: Vec::new(), left: Vec::new() }
    }

    /// Notes that a computer may have nothing to do any more.
    pub(super) fn leave(&mut self, computer: String) {
        self.left.push((self.edit, computer));
    }

    pub(super) fn start(&mut self, edit: usize) {
        self.edit = edit;
    }

    /// The index of the edit in progress.
    pub(super) fn edit(&self) -> usize {
        self.edit
    }

    pub(super) fn fail(&mut self, problem: Problem) {
        self.errors.push(EditError { edit: self.edit, problem });
    }

    pub(super) fn warn(&mut self, message: String) {
        self.outcome.warnings.push(Warning { edit: self.edit, message });
    }

    /// Whether only that is changed which `envgen2` changes.
    pub(super) fn is_envgen2(&self) -> bool {
        self.options.style == Style::Envgen2
    }

    pub(super) fn root(&self) -> &Element {
        &self.document.root
    }

    /// The element at a place that was found before.
    pub(super) fn at(&self, place: &[usize]) -> Result<&Element, Problem> {
        self.document.root.at(place).ok_or(Problem::NoPart("element at a place that was found"))
    }

    /// An attribute of the element at a place.
    pub(super) fn value(&self, place: &[usize], name: &str) -> Option<String> {
        Some(self.document.root.at(place)?.get(name)?.into_owned())
    }

    /// The element's path, for people.
    pub(super) fn path(&self, place: &[usize]) -> String {
        let mut element = self.root();
        let mut steps = Vec::new();
        for index in place {
            match element.nodes().get(*index).and_then(crate::tree::Node::as_element) {
                Some(child) => element = child,
                None => break,
            }
            steps.push(element.step());
        }
        steps.join("/")
    }

    /// Sets an attribute, unless it has the value already.
    pub(super) fn set(&mut self, place: &[usize], name: &str, value: &str) {
        let path = self.path(place);
        let Some(element) = self.document.root.at_mut(place) else { return };
        let before = element.get(name).map(std::borrow::Cow::into_owned);
        if before.as_deref() == Some(value) {
            return;
        }
        element.set(name, value);
        self.record(
            path,
            Change::Attribute { name: name.to_owned(), before, after: Some(value.to_owned()) },
        );
    }

    /// Removes an attribute, if it is there.
    pub(super) fn unset(&mut self, place: &[usize], name: &str) -> bool {
        let path = self.path(place);
        let Some(element) = self.document.root.at_mut(place) else { return false };
        let before = element.get(name).map(std::borrow::Cow::into_owned);
        let there = element.remove(name);
        if there {
            self.record(path, Change::Attribute { name: name.to_owned(), before, after: None });
        }
        there
    }

    /// Adds a made child, its attributes in the order of names, and gives its place.
    pub(super) fn insert(
        &mut self,
        parent: &[usize],
        mut child: Element,
    ) -> Result<NodePath, Problem> {
        child.sort_attributes();
        self.insert_as_is(parent, child)
    }

    /// Adds a child and gives its place.
    pub(super) fn insert_as_is(
        &mut self,
        parent: &[usize],
        child: Element,
    ) -> Result<NodePath, Problem> {
        let index = self
            .document
            .insert(parent, child)
            .ok_or(Problem::NoPart("element at a place that was found"))?;
        let mut place = parent.to_vec();
        place.push(index);
        self.record(self.path(&place), Change::Added);
        Ok(place)
    }

    /// Removes an element. Places behind it in its parent are no longer valid.
    pub(super) fn remove(&mut self, place: &[usize]) {
        let path = self.path(place);
        if self.document.remove(place) {
            self.record(path, Change::Removed);
        }
    }

    /// Removes elements, the last first, so that places stay valid.
    pub(super) fn remove_all(&mut self, mut places: Vec<NodePath>) {
        places.sort();
        for place in places.iter().rev() {
            self.remove(place);
        }
    }

    fn record(&mut self, path: String, change: Change) {
        self.outcome.applied.push(Applied { edit: self.edit, path, change });
    }

    /// Where the children of the element at a place are that fit.
    pub(super) fn children(
        &self,
        parent: &[usize],
        fits: impl Fn(&Element) -> bool,
    ) -> Vec<NodePath> {
        let Some(element) = self.document.root.at(parent) else { return Vec::new() };
        let nodes = element.nodes().iter().enumerate();
        nodes
            .filter(|(_, node)| node.as_element().is_some_and(&fits))
            .map(|(index, _)| parent.iter().copied().chain([index]).collect())
            .collect()
    }

    /// Where a part of the environment is.
    pub(super) fn part(&self, category: Category) -> Result<NodePath, Problem> {
        let tag = match category {
            Category::Hardware => "Hardware",
            Category::Software => "Software",
            Category::Programs => "Programs",
        };
        let found = self.children(&[], |e| e.name() == tag).into_iter().next();
        let place = found.ok_or(Problem::NoPart(tag))?;
        if category != Category::Programs {
            return Ok(place);
        }
        let build = self.children(&place, |e| e.name() == "Build").into_iter().next();
        build.ok_or(Problem::NoPart("Programs/Build"))
    }

    /// Where the components with a tag are.
    pub(super) fn of_tag(&self, tag: &str) -> Vec<NodePath> {
        let Ok(software) = self.part(Category::Software) else { return Vec::new() };
        self.children(&software, |element| element.name() == tag)
    }

    /// A subject's kind, and where the components are that it names; none when there are none.
    pub(super) fn find(&self, subject: &Subject) -> Result<(Kind, Vec<NodePath>), Problem> {
        let kind = Kind::of(subject, self.root())?;
        let part = self.part(subject.category)?;
        let name = subject.name.as_deref();
        let places = self.children(&part, |element| {
            kind.fits(element)
                && name.is_none_or(|name| element.get("name").as_deref() == Some(name))
        });
        Ok((kind, places))
    }

    /// As [`Self::find`], but there must be one.
    pub(super) fn find_some(&self, subject: &Subject) -> Result<(Kind, Vec<NodePath>), Problem> {
        let (kind, places) = self.find(subject)?;
        if places.is_empty() {
            return Err(self.missing(&kind, subject.name.clone()));
        }
        Ok((kind, places))
    }

    /// That a component is missing, with the names of those that are there.
    pub(super) fn missing(&self, kind: &Kind, name: Option<String>) -> Problem {
        let have = self.part(kind.category).map(|part| self.children(&part, |e| kind.fits(e)));
        let have = have.unwrap_or_default();
        let have = have.iter().filter_map(|place| self.value(place, "name")).take(8).collect();
        Problem::NoComponent { tag: kind.tag.clone(), name, have }
    }

    /// Carries one edit out.
    pub(super) fn carry_out(&mut self, edit: &Edit) -> Result<(), Problem> {
        match edit {
            Edit::Add { subject, like, attributes } => {
                self.add(subject, like.as_deref(), attributes)
            }
            Edit::AddElement { subject, selector, attributes, children } => {
                self.add_element(subject, selector, attributes, children)
            }
            Edit::Modify { subject, selector, attributes } => {
                self.modify(subject, selector.as_ref(), attributes)
            }
            Edit::Remove { subject, selector, conditions } => {
                self.take_away(subject, selector.as_ref(), conditions)
            }
            Edit::RemoveAttributes { subject, selector, names } => {
                self.remove_attributes(subject, selector.as_ref(), names)
            }
            Edit::AddNodes(nodes) => self.add_nodes(nodes),
            Edit::MoveNode { component, name, part, to, from } => {
                self.move_node(component, name, *part, to, from.as_deref())
            }
            Edit::RemoveNodes(nodes) => self.remove_nodes(nodes),
            Edit::AddCluster(cluster) => self.add_cluster(cluster),
            Edit::ModifyCluster(cluster) => self.modify_cluster(cluster),
            Edit::RemoveCluster(cluster) => self.remove_cluster(cluster),
            Edit::AddDefaultTopology => self.add_default_topology(),
            Edit::AddClusterOf(cluster) => self.add_cluster_of(cluster),
            Edit::AddMissingClusters => self.add_missing_clusters(),
            Edit::SetDirectory { category, folder } => self.set_directory(category, folder),
            Edit::Override { build_set, path, attribute, value } => {
                self.override_all(build_set, path, attribute, value)
            }
            Edit::SetPath { path, attribute, value } => self.set_path(path, attribute, value),
            Edit::AddContent { path, content } => self.add_content(path, content),
            Edit::RemoveContent { path } => self.remove_content(path),
        }
    }

    /// Looks at the references, and gives the changed document or all errors.
    pub(super) fn finish(
        mut self,
        before: &Document,
    ) -> Result<(Document, Outcome), Vec<EditError>> {
        self.remove_idle();
        for lost in reference::lost(before, &self.document) {
            let Lost { path: gone, is_there, references } = lost;
            let edit = self.who_removed(&gone);
            if self.options.force || self.is_envgen2() {
                for reference in references {
                    let message = format!(
                        "{reference} refers to {gone}, which {}",
                        if is_there { "runs nowhere now" } else { "is gone" }
                    );
                    self.outcome.warnings.push(Warning { edit, message });
                }
            } else {
                let problem = Problem::Referenced { gone, is_there, references };
                self.errors.push(EditError { edit, problem });
            }
        }
        for reference in reference::dangling(&self.document) {
            self.warn_of_new(before, &reference);
        }
        if self.errors.is_empty() {
            Ok((self.document, self.outcome))
        } else {
            self.errors.sort_by_key(|error| error.edit);
            Err(self.errors)
        }
    }

    /// The edit that removed a thing, else the last one.
    fn who_removed(&self, gone: &str) -> usize {
        let of = |applied: &&Applied| {
            applied.change == Change::Removed
                && (applied.path == gone || applied.path.starts_with(&format!("{gone}/")))
        };
        self.outcome.applied.iter().rev().find(of).map_or(self.edit, |applied| applied.edit)
    }

    /// Warns of a reference that an edit wrote and that leads nowhere.
    fn warn_of_new(&mut self, before: &Document, reference: &Reference) {
        let old = reference::dangling(before);
        if old.contains(reference) {
            return;
        }
        // The last step shows a value that may have been another one before.
        let wrote = |applied: &&Applied| {
            let path = applied.path.rfind('[').map_or(&*applied.path, |at| &applied.path[..at]);
            reference.path.starts_with(path)
                && match &applied.change {
                    Change::Attribute { name, after, .. } => {
                        *name == reference.attribute && after.as_ref() == Some(&reference.name)
                    }
                    change => *change == Change::Added,
                }
        };
        let Some(edit) = self.outcome.applied.iter().rev().find(wrote).map(|applied| applied.edit)
        else {
            return;
        };
        let message = format!("{reference} names nothing that is there");
        let warning = Warning { edit, message };
        if !self.outcome.warnings.contains(&warning) {
            self.outcome.warnings.push(warning);
        }
    }
}
