//! `check`: everything that is wrong or strange.

use std::io::Write as _;
use std::path::Path;

use ::cli::{Exit, OutputFormat, counted, invalid};
use anyhow::Result;
use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem};
use openpai::{Cluster, Document, HighAvailability, NodeList, recognise};
use serde_json::json;
use topology::Inventory;
use topology::inventory::{HostRole, Problems};

use crate::cli::Input;
use crate::intake::{self, Text};
use crate::nodes;

/// What was found: problems, and what it is if nothing is wrong.
struct Found {
    problems: Vec<Problem>,
    summary: Option<String>,
    texts: Vec<Text>,
}

pub(crate) fn check(input: &Input, output: OutputFormat) -> Result<Exit> {
    let found = match (&input.path, &input.file) {
        (Some(folder), _) => openpai(folder)?,
        (None, Some(file)) => one_file(file)?,
        (None, None) => return Err(invalid("give -p DIR or -f FILE")),
    };
    let is_sound = !found.problems.iter().any(Problem::is_error);
    let mut out = std::io::stdout().lock();
    match output {
        OutputFormat::Json => {
            let result = json!({ "sound": is_sound, "problems": found.problems });
            writeln!(out, "{}", serde_json::to_string_pretty(&result)?)?;
        }
        OutputFormat::Text => {
            intake::tell(&found.problems, &found.texts);
            if let Some(summary) = found.summary.filter(|_| is_sound) {
                writeln!(out, "{summary}")?;
            }
        }
    }
    Ok(if is_sound { Exit::Ok } else { Exit::Invalid })
}

fn openpai(folder: &Path) -> Result<Found> {
    let (loaded, texts) = intake::openpai(folder)?;
    let summary = loaded.cluster.as_ref().map(of_openpai);
    Ok(Found { problems: loaded.problems, summary, texts })
}

fn one_file(path: &Path) -> Result<Found> {
    let file = Text::read(path)?;
    let tree = Tree::parse(&file.path, &file.text);
    let document = tree.as_ref().ok().and_then(recognise);
    let (problems, summary) = match (tree, document) {
        (_, Some(Document::NodeList)) => {
            let (list, problems) = NodeList::read(file.source());
            let nodes = list.map_or(0, |list| list.hosts.len());
            (problems, Some(format!("a list of {}", counted(nodes, "node"))))
        }
        (Ok(tree), None | Some(Document::Own)) => own(&file, &tree),
        (Ok(tree), Some(other)) => {
            let help = other.advice().unwrap_or("give the folder with all four files with -p");
            let problem =
                Problem::error("generation", format!("this is {}", other.name())).help(help);
            (vec![problem.placed(tree.find(&DataPath::root()))], None)
        }
        (Err(fault), _) => (vec![*fault.problem], None),
    };
    Ok(Found { problems, summary, texts: vec![file] })
}

fn own(file: &Text, tree: &Tree) -> (Vec<Problem>, Option<String>) {
    match Inventory::read(&file.path, &file.text) {
        Ok((inventory, mut problems)) => {
            problems.extend(nodes::check(&inventory, tree));
            problems.sort_by(|one, other| one.place.cmp(&other.place));
            (problems, Some(of_inventory(&inventory)))
        }
        Err(Problems(problems)) => (problems, None),
    }
}

fn of_openpai(cluster: &Cluster) -> String {
    let count = |role| cluster.hosts.iter().filter(|host| host.role == role).count();
    let solution = match cluster.high_availability {
        HighAvailability::ExternalBalancer => "at an external balancer",
        HighAvailability::Proxy => "at a proxy host",
        HighAvailability::SingleMaster => "at the only master",
    };
    let (masters, workers) = (count("master"), count("worker"));
    let quorum = masters / 2 + 1;
    format!(
        "{}: {}, {}; the API is {} ({solution}); etcd needs {quorum} of {masters}",
        counted(cluster.hosts.len(), "host"),
        counted(masters, "master"),
        counted(workers, "worker"),
        cluster.api_address,
    )
}

fn of_inventory(inventory: &Inventory) -> String {
    let count = |role| inventory.with_role(role).count();
    let control_planes = count(HostRole::ControlPlane);
    let endpoint = inventory.endpoint().map(|endpoint| endpoint.to_string()).unwrap_or_default();
    format!(
        "{}: {}, {}; the API is {endpoint}; etcd needs {} of {control_planes}",
        counted(inventory.hosts.len(), "host"),
        counted(control_planes, "control plane"),
        counted(count(HostRole::Worker), "worker"),
        control_planes / 2 + 1,
    )
}
