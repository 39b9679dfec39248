//! Reading `cluster.yaml` with everything that is wrong.

use std::fmt;
use std::net::IpAddr;

use diagnostics::yaml::{Reading, Shape, Tree};
use diagnostics::{DataPath, Problem, Step};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::{Host, Inventory, rules};

/// All that is wrong with a `cluster.yaml`: at least one error, and warnings with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", Lines(.0))]
pub struct Problems(pub Vec<Problem>);

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let end = if at > 0 { "\n" } else { "" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl Inventory {
    /// Reads a `cluster.yaml`, with what is only strange in it.
    ///
    /// ```
    /// use topology::Inventory;
    ///
    /// let text = "version: 1\nhosts:\n- {name: cp1, address: 10.0.0.1, role: control-plane}\n";
    /// let (inventory, warnings) = Inventory::read("cluster.yaml", text)?;
    /// assert_eq!(inventory.endpoint().unwrap().to_string(), "10.0.0.1:6443");
    /// assert!(warnings.is_empty());
    /// # Ok::<(), topology::inventory::Problems>(())
    /// ```
    ///
    /// # Errors
    /// If anything is wrong, with all that is wrong, each with its line and column.
    pub fn read(file: &str, text: &str) -> Result<(Self, Vec<Problem>), Problems> {
        let tree = Tree::parse(file, text).map_err(|fault| Problems(vec![*fault.problem]))?;
        // Parts of node.yaml are read later, by who knows which words are versions, modes and switches.
        let tree = tree.as_written();
        let mut reading = read_all(&tree);
        let mut problems = std::mem::take(&mut reading.problems);
        if let Some(inventory) = &reading.value {
            let in_hosts = |part: &DataPath| part.steps().first() == Some(&Step::from("hosts"));
            let found = rules::check(inventory, !reading.left_out.iter().any(in_hosts));
            // What was left out would be missed by the rules, which is no news.
            let is_news = |problem: &Problem| {
                !reading.left_out.iter().any(|part| {
                    part.steps().starts_with(problem.path.steps())
                        || problem.path.steps().starts_with(part.steps())
                })
            };
            let placed = found.into_iter().map(|problem| {
                let path = reading.in_document(&problem.path);
                problem.at(path)
            });
            problems.extend(placed.filter(is_news));
        }
        tree.settle(&mut problems);
        match reading.value {
            Some(inventory) if !problems.iter().any(Problem::is_error) => Ok((inventory, problems)),
            _ => Err(Problems(problems)),
        }
    }
}

/// Reads the hosts one by one, and the rest: each fault makes the part that it is in be read once more, which need not
/// be all hosts.
fn read_all(tree: &Tree) -> Reading<Inventory> {
    let Shape::Mapping(entries) = tree.shape() else { return tree.read() };
    let hosts =
        entries.iter().find(|entry| entry.key() == "hosts").map(|entry| entry.value().shape());
    let Some(Shape::List(items)) = hosts else { return tree.read() };
    let Ok(none) = Tree::parse("", "hosts: []") else { return tree.read() };
    let mut reading: Reading<Inventory> = none.laid_over(tree.clone(), &|_| false).read();
    for (index, item) in items.iter().enumerate() {
        let here = DataPath::from(["hosts"]).join(index);
        let below = |path: &DataPath| {
            path.steps().iter().fold(here.clone(), |found, step| found.join(step.clone()))
        };
        let host: Reading<Host> = item.read();
        let problems = host.problems.into_iter();
        reading.problems.extend(problems.map(|problem| {
            let path = below(&problem.path);
            problem.at(path)
        }));
        reading.left_out.extend(host.left_out.iter().map(below));
        match (host.value, &mut reading.value) {
            (Some(host), Some(inventory)) => inventory.hosts.push(host),
            (None, _) => reading.left_out.push(here),
            _ => {}
        }
    }
    reading.left_out.sort();
    reading
}

/// An IP address, with an error that says what is expected.
pub(super) fn ip<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| {
        let text = text.escape_debug();
        de::Error::custom(format_args!(
            "`{text}` is no IP address; an IPv4 address has four numbers from 0 to 255, such as 10.10.0.11"
        ))
    })
}
