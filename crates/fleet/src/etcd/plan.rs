//! What will be done, to be shown before.

use std::fmt;

use super::{Action, Deeds, Goal, Next, Situation, next};

/// More steps than any goal needs: each host has eight at most.
const MOST: usize = 400;

/// A step that will be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A host does something.
    Do(Action),
    /// Something happens by itself.
    Wait(String),
}

/// How it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The goal is reached.
    Done,
    /// It is not, and nothing more can be done.
    Refused(String),
    /// It would go on for ever. Never seen, and no reason to try it on hosts.
    Endless,
}

/// What will be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// How it ends.
    pub end: End,
    /// What should be known before.
    pub notes: Vec<String>,
}

/// What will be done to reach a goal, if nothing else happens.
#[must_use]
pub fn plan(goal: &Goal, situation: &Situation) -> Plan {
    let notes = goal.notes(situation);
    let mut situation = situation.clone();
    let mut deeds = Deeds::default();
    let mut steps = Vec::new();
    let end = loop {
        if steps.len() >= MOST {
            break End::Endless;
        }
        match next(goal, &situation, &deeds) {
            Next::Do(action) => done(action, &mut situation, &mut deeds, &mut steps),
            Next::Together(actions) => {
                for action in actions {
                    done(action, &mut situation, &mut deeds, &mut steps);
                }
            }
            Next::Wait { what, .. } => {
                let after = situation.after_waiting();
                if after == situation {
                    break End::Refused(format!("nothing makes {what}"));
                }
                situation = after;
                steps.push(Step::Wait(what));
            }
            Next::Refuse(why) => break End::Refused(why),
            Next::Done => break End::Done,
        }
    };
    Plan { steps, end, notes }
}

fn done(action: Action, situation: &mut Situation, deeds: &mut Deeds, steps: &mut Vec<Step>) {
    *situation = situation.after(&action);
    deeds.add(action.clone());
    steps.push(Step::Do(action));
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.end == End::Done
    }

    /// Why it must not be begun.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match &self.end {
            End::Done => None,
            End::Refused(why) => Some(why),
            End::Endless => Some("there is no end of it"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            match step {
                Step::Do(action) => writeln!(f, "  {action}")?,
                Step::Wait(what) => writeln!(f, "  wait for {what}")?,
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        match self.refusal() {
            None if self.steps.is_empty() => writeln!(f, "nothing to do"),
            None => Ok(()),
            Some(why) => writeln!(f, "refused: {why}"),
        }
    }
}
