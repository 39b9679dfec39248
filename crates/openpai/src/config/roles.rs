//! `k8s-role-definition.yaml`: which components a role has, and of which files they consist.

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem};

use crate::fields::{Fields, Written, list_of};

/// A file of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOfComponent {
    /// The template.
    pub src: Written<String>,
    /// The folder in the package, such as `src/etc/kubernetes/manifests`.
    pub dst: Written<String>,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name.
    pub name: Written<String>,
    /// Its files.
    pub files: Vec<FileOfComponent>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleEntry {
    /// Its name: what `k8s-role` of a host refers to.
    pub name: Written<String>,
    /// The names of its components.
    pub components: Vec<Written<String>>,
}

/// What stands in `k8s-role-definition.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDefinition {
    /// The components.
    pub components: Vec<Component>,
    /// The roles.
    pub roles: Vec<RoleEntry>,
}

impl RoleDefinition {
    pub(crate) fn read(tree: &Tree, faults: &mut Vec<Problem>) -> Self {
        let mut top = Fields::of(tree, &DataPath::root(), faults);
        let list_help = "list the components with their files (src, dst)";
        let components = top.needed("component-list", list_help, faults);
        let roles = top.needed("k8s-role", "define master, worker and proxy", faults);
        let definition = Self {
            components: components
                .map(|(tree, path)| Fields::of(tree, &path, faults))
                .map(|fields| {
                    fields.entries().map(|(name, tree)| component(name, tree, faults)).collect()
                })
                .unwrap_or_default(),
            roles: roles
                .map(|(tree, path)| Fields::of(tree, &path, faults))
                .map(|fields| {
                    fields.entries().map(|(name, tree)| role(name, tree, faults)).collect()
                })
                .unwrap_or_default(),
        };
        top.end(faults);
        definition
    }
}

fn component(name: Written<String>, tree: &Tree, faults: &mut Vec<Problem>) -> Component {
    let items = list_of(tree, &name.path, faults);
    let files = items.into_iter().filter_map(|(tree, path)| {
        let mut fields = Fields::maybe(tree, &path, faults)?;
        let src = fields.needed_text("src", "name the template", faults);
        let dst = fields.needed_text("dst", "give the folder in the package", faults);
        fields.end(faults);
        Some(FileOfComponent { src: src?, dst: dst? })
    });
    let files = files.collect();
    Component { name, files }
}

fn role(name: Written<String>, tree: &Tree, faults: &mut Vec<Problem>) -> RoleEntry {
    let mut fields = Fields::of(tree, &name.path, faults);
    let mut components = Vec::new();
    for (tree, path) in fields.list("component", faults) {
        let Some(mut fields) = Fields::maybe(tree, &path, faults) else { continue };
        components.extend(fields.needed_text("name", "name the component", faults));
        fields.end(faults);
    }
    fields.end(faults);
    RoleEntry { name, components }
}
