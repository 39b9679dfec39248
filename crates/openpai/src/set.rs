//! The four files together.

use diagnostics::yaml::Tree;
use diagnostics::{Place, Problem};

use crate::cluster::{self, Cluster};
use crate::config::{
    ClusterConfiguration, KubernetesConfiguration, RoleDefinition, ServicesConfiguration,
};
use crate::document::{Document, recognise};
use crate::rules;

/// The name of the file with the hosts.
pub const CLUSTER: &str = "cluster-configuration.yaml";
/// The name of the file with versions and addresses.
pub const KUBERNETES: &str = "kubernetes-configuration.yaml";
/// The name of the file with roles and components.
pub const ROLES: &str = "k8s-role-definition.yaml";
/// The name of the file with the services.
pub const SERVICES: &str = "services-configuration.yaml";

/// A file of the folder.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// Its path as the user gave it; the last part is its name.
    pub path: &'a str,
    /// What is in it.
    pub text: &'a str,
}

impl SourceFile<'_> {
    fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(self.path, |(_, name)| name)
    }
}

/// What stands in the four files; absent is a file that is not there or no YAML.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Set {
    /// `cluster-configuration.yaml`.
    pub cluster: Option<ClusterConfiguration>,
    /// `kubernetes-configuration.yaml`.
    pub kubernetes: Option<KubernetesConfiguration>,
    /// `k8s-role-definition.yaml`.
    pub roles: Option<RoleDefinition>,
    /// `services-configuration.yaml`.
    pub services: Option<ServicesConfiguration>,
}

/// What became of a folder of files.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What stands in the files.
    pub set: Set,
    /// What they mean; absent if anything is wrong with them.
    pub cluster: Option<Cluster>,
    /// Everything that is wrong or strange, in the order of the files.
    pub problems: Vec<Problem>,
}

impl Loaded {
    /// Whether something is wrong, not only strange.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }
}

/// Reads the files of a folder: the four by their names. Others are looked at only where one of the four is missing,
/// to say of which generation they are.
#[must_use]
pub fn load(files: &[SourceFile<'_>]) -> Loaded {
    let mut problems = Vec::new();
    let mut found = |name, wanted| {
        let file = files.iter().find(|file| file.name() == name)?;
        one_of_four(*file, wanted, &mut problems)
    };
    let cluster = found(CLUSTER, Document::Cluster);
    let kubernetes = found(KUBERNETES, Document::Kubernetes);
    let roles = found(ROLES, Document::Roles);
    let services = found(SERVICES, Document::Services);
    let faults = &mut problems;
    let set = Set {
        cluster: cluster.map(|tree| ClusterConfiguration::read(&tree, faults)),
        kubernetes: kubernetes.map(|tree| KubernetesConfiguration::read(&tree, faults)),
        roles: roles.map(|tree| RoleDefinition::read(&tree, faults)),
        services: services.map(|tree| ServicesConfiguration::read(&tree, faults)),
    };
    missing(files, faults);
    let facts = rules::check(&set, faults);
    let order =
        |name: &str| [CLUSTER, KUBERNETES, ROLES, SERVICES].iter().position(|one| *one == name);
    // By file, then by place; what has none comes first, as it is about the folder.
    problems.sort_by_cached_key(|problem| {
        problem.place.as_ref().map(|place| {
            let name = SourceFile { path: &place.file, text: "" }.name().to_owned();
            (order(&name), name, place.line, place.column)
        })
    });
    let is_sound = !problems.iter().any(Problem::is_error);
    let cluster = if is_sound { cluster::derive(&set, facts) } else { None };
    Loaded { set, cluster, problems }
}

/// One of the four files, unless something else stands in it.
fn one_of_four(
    file: SourceFile<'_>,
    wanted: Document,
    problems: &mut Vec<Problem>,
) -> Option<Tree> {
    let tree = parse(file, problems)?;
    match recognise(&tree) {
        Some(found)
            if found != wanted && !(wanted == Document::Cluster && found == Document::NodeList) =>
        {
            problems.push(foreign(file, found, Some(wanted)));
            None
        }
        _ => Some(tree),
    }
}

/// Reads YAML. TABs are named one by one: the reader would stop at the first.
pub(crate) fn parse(file: SourceFile<'_>, problems: &mut Vec<Problem>) -> Option<Tree> {
    let fault = match Tree::parse(file.path, file.text) {
        Ok(tree) => return Some(tree),
        Err(fault) => *fault.problem,
    };
    let before = problems.len();
    for (index, line) in file.text.lines().enumerate() {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(at) = line[..indent].find('\t')
            && indent < line.len()
        {
            let place = Place { file: file.path.to_owned(), line: index + 1, column: at + 1 };
            problems.push(
                Problem::error("tab", "a TAB stands in the indentation").placed(place).help(
                    "YAML is indented by spaces: replace it by as many as the lines around it have",
                ),
            );
        }
    }
    let is_known = |problem: &Problem| {
        problem.place.as_ref().map(|place| place.line)
            == fault.place.as_ref().map(|place| place.line)
    };
    if problems.len() == before || !problems[before..].iter().any(is_known) {
        problems.push(fault);
    }
    None
}

fn foreign(file: SourceFile<'_>, found: Document, wanted: Option<Document>) -> Problem {
    let instead = wanted.map(|wanted| format!(", not {}", wanted.name())).unwrap_or_default();
    let help = found.advice().unwrap_or("give the file its own name");
    Problem::error("generation", format!("this is {}{instead}", found.name()))
        .placed(Place { file: file.path.to_owned(), line: 1, column: 1 })
        .help(help)
}

/// What of the four is not there, and what is there instead.
fn missing(files: &[SourceFile<'_>], problems: &mut Vec<Problem>) {
    let names = [CLUSTER, KUBERNETES, ROLES, SERVICES];
    let is_there = |name: &&str| files.iter().any(|file| file.name() == *name);
    if names.iter().all(is_there) {
        return;
    }
    let mut silent = Vec::new();
    let others: Vec<Problem> = files
        .iter()
        .filter(|file| !names.contains(&file.name()))
        .filter_map(|file| {
            let found = recognise(&parse(*file, &mut silent)?)?;
            // One of the four under another name is as good as a hint.
            Some(foreign(*file, found, None))
        })
        .collect();
    let none = !names.iter().any(is_there);
    if none && !others.is_empty() {
        problems.extend(others);
        return;
    }
    problems.extend(others);
    for name in names.iter().filter(|name| !is_there(name)) {
        let problem = if *name == SERVICES {
            Problem::warning("missing-file", format!("{name} is not there")).help(
                "it is not needed for Kubernetes, but for OpenPAI's services; the shares of its queues are not checked",
            )
        } else {
            Problem::error("missing-file", format!("{name} is not there"))
                .help("OpenPAI wants its files under exactly these names in one folder")
        };
        problems.push(problem);
    }
}
