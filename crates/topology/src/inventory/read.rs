//! Reading `cluster.yaml` with everything that is wrong.

use std::fmt;
use std::net::IpAddr;

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem, Step};
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::{Inventory, rules};

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
        let mut reading = tree.read::<Self>();
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
