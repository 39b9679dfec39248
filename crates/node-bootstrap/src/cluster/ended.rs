//! What is left where kubeadm came to its end, and the run that had started it did not.

use super::found::Found;
use crate::change::ChangeError;
use crate::change::kubeadm::UNFINISHED;
use crate::plan::{Planning, Step};

/// The mark of an unfinished kubeadm goes where it has finished. Kubeadm's document, which has secrets, goes with it: whoever begins a
/// run takes away what the one before left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended;

impl Step for Ended {
    fn id(&self) -> &'static str {
        "kubeadm"
    }

    fn why(&self) -> &'static str {
        "A run may have been killed when kubeadm had just come to its end. What it left is taken away: its mark, and the document that \
         kubeadm has read."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        if planning.is_live()
            && planning.exists(UNFINISHED)?
            && let Found::Node(_) = Found::of(planning)?
        {
            planning.remove(UNFINISHED)?;
        }
        Ok(())
    }
}
