//! Schemas made of others: `allOf`, `anyOf`, `oneOf` and `not`.

use diagnostics::{DataPath, Problem};
use serde_json::Value;

use super::describe::list_of;
use super::schema::Schema;
use super::value::Checker;

/// How many alternatives a help tells about.
const SHOWN: usize = 4;

impl Checker {
    pub(super) fn junctions(&mut self, schema: Schema<'_>, value: &Value, path: &DataPath) {
        for branch in schema.branches("allOf").into_iter().flatten() {
            self.value(branch, value, path);
        }
        if let Some(branches) = schema.branches("anyOf") {
            let attempts = self.attempts(&branches, value, path);
            if attempts.iter().all(|problems| !problems.is_empty()) {
                let message = "none of the alternatives that the definition names fits";
                self.add("any-of", message, Some(faults(&attempts, path)), path);
            }
        }
        if let Some(branches) = schema.branches("oneOf") {
            let attempts = self.attempts(&branches, value, path);
            match attempts.iter().filter(|problems| problems.is_empty()).count() {
                1 => {}
                0 => {
                    let message = "none of the alternatives that the definition names fits";
                    self.add("one-of", message, Some(faults(&attempts, path)), path);
                }
                count => {
                    let message =
                        format!("{count} alternatives fit, where exactly one is expected");
                    self.add("one-of", message, excess(&branches, &attempts), path);
                }
            }
        }
        if let Some(branch) = schema.below("not")
            && self.attempt(branch, value, path).is_empty()
        {
            let names: Vec<&str> = branch.texts("required").collect();
            let help = (!names.is_empty())
                .then(|| format!("leave out {}", list_of(names.iter().copied(), "or")));
            self.add("not", "the definition excludes this", help, path);
        }
    }

    fn attempts(
        &mut self,
        branches: &[Schema<'_>],
        value: &Value,
        path: &DataPath,
    ) -> Vec<Vec<Problem>> {
        branches.iter().map(|branch| self.attempt(*branch, value, path)).collect()
    }
}

/// What is wrong with each alternative.
fn faults(attempts: &[Vec<Problem>], path: &DataPath) -> String {
    let firsts = attempts.iter().filter_map(|problems| problems.first());
    let mut texts: Vec<String> = firsts
        .map(|first| {
            if first.path == *path {
                first.message.clone()
            } else {
                format!("{}: {}", first.path, first.message)
            }
        })
        .collect();
    texts.dedup();
    let more = texts.len().saturating_sub(SHOWN);
    texts.truncate(SHOWN);
    if more > 0 {
        texts.push(format!("{more} more"));
    }
    texts.join("; or ")
}

/// What makes more than one alternative fit, where they only ask for fields.
fn excess(branches: &[Schema<'_>], attempts: &[Vec<Problem>]) -> Option<String> {
    let fitting = branches.iter().zip(attempts).filter(|(_, problems)| problems.is_empty());
    let names: Vec<&str> = fitting.flat_map(|(branch, _)| branch.texts("required")).collect();
    (names.len() > 1).then(|| format!("leave all but one out of {}", list_of(names, "and")))
}
