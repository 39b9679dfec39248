//! What a desk does with the members of etcd: mending one, taking one out, making place for one, and starting all again
//! from a snapshot.
//!
//! The desk remembers nothing. [`next`] says the next action from what the hosts say, a [`Situation`], and from what
//! this run has done; [`Situation::after`] says what an action will do. [`plan`] runs the one on the other, to show it;
//! [`Orders`] runs the one on the hosts. So what is shown is what is done, and a run that was killed is gone on with by the next.
//!
//! The order of things is that of etcd itself: dead members are taken out before new ones are taken in, a new one is
//! a learner until it has caught up, and data are put away only when their member is out.

mod action;
mod alarm;
mod leave;
mod mend;
mod model;
mod next;
mod plan;
mod restore;
mod run;
mod situation;
#[cfg(test)]
mod tests;

pub use action::{Action, Deeds, What};
pub use next::{Goal, Next, next};
pub use plan::{End, Plan, Step, plan};
pub use run::{OrderError, Orders, Pace, Report};
pub use situation::{Agreed, Host, Situation, Standing};
