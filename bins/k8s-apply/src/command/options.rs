//! The options of a run, by the command line.

use anyhow::Result;
use k8s_apply::apply_set::removal::Rules;
use k8s_apply::plan::{self, Selector};
use k8s_apply::run::RunOptions;

use crate::cli::{Applying, OnConflict};
use crate::session::{Session, wait_options};

/// How a set is to be applied.
pub(super) fn run_options(session: &Session, arguments: &Applying) -> Result<RunOptions> {
    let manager = k8s_apply::name::FieldManager::try_new(arguments.field_manager.as_str())
        .map_err(|fault| ::cli::invalid(format!("--field-manager: {fault}")))?;
    let prune = arguments
        .prune
        .then(|| Rules { allow: arguments.prune_allow.clone(), many: arguments.prune_many });
    let set = arguments.set.as_deref().map(|name| session.set(name)).transpose()?;
    Ok(RunOptions {
        apply: plan::Options {
            manager: manager.to_string(),
            default_namespace: session.namespace.clone(),
            on_conflict: plan::OnConflict {
                force_all: arguments.force_conflicts,
                force_from: arguments.force_conflicts_from.clone(),
                leave: arguments.on_conflict == OnConflict::Leave,
            },
            keep_scaled: !arguments.set_replicas,
            recreate: arguments.recreate.iter().map(|text| Selector::parse(text)).collect(),
            renamed: arguments.take_over.clone(),
            label: None,
        },
        set,
        prune,
        wait: wait_options(&arguments.waiting),
        wait_for_all: true,
        by: std::env::var("USER").unwrap_or_default(),
    })
}
