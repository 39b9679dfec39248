//! The command line as it is written.

use std::path::PathBuf;
use std::time::Duration;

use ::cli::OutputFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};
use k8s_apply::readiness::{Rule, RuleError};

/// Puts sets of manifests on a Kubernetes cluster: shows what would change, applies it in order, waits with reasons,
/// removes what is in the set no more.
///
/// Exit codes: 0 done, 1 failed, 2 the input cannot be used, 3 there are differences (diff) or objects that are not
/// ready (status), 4 partly done: run it again, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "k8s-apply", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Connection {
    /// The kubeconfig; else the one that KUBECONFIG names, else ~/.kube/config, else the account of the pod
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig
    #[arg(long, global = true)]
    pub(crate) context: Option<String>,
    /// The namespace of objects that name none, and of the set; else that of the context
    #[arg(short, long, global = true)]
    pub(crate) namespace: Option<String>,
    /// How long one call may take
    #[arg(long, global = true, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) request_timeout: Duration,
    /// How long a call that fails for a passing reason is tried again
    #[arg(long, global = true, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) retry_for: Duration,
    /// How many calls may be under way at once
    #[arg(long, global = true, value_name = "N", default_value_t = 32)]
    pub(crate) concurrency: usize,
    /// How results are printed
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Looks manifests over without a cluster: form, names, duplicates, dependencies, removed versions
    Check(Files),
    /// Shows what apply would change, by dry runs on the server; exit code 3 if there is something
    Diff(Applying),
    /// Applies manifests: all are tried first, then written in stages, then waited for, then others are pruned
    Apply {
        #[command(flatten)]
        applying: Applying,
        /// Do not wait until everything is ready (what others depend on is waited for all the same)
        #[arg(long)]
        no_wait: bool,
    },
    /// Waits until objects are ready, or gone
    Wait {
        #[command(flatten)]
        which: Which,
        /// What to wait for: ready, gone, condition=NAME[=STATUS] or jsonpath={.path}[=VALUE]
        #[arg(long = "for", value_name = "GOAL", default_value = "ready", value_parser = goal)]
        goal: Goal,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Shows how ready objects are; exit code 3 if one is not
    Status(Which),
    /// Deletes objects, dependents first, and waits until they are gone
    Delete {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        /// Delete definitions although there are resources of theirs that would go with them
        #[arg(long)]
        with_resources: bool,
        /// Show what would be deleted
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Shows what a set contained
    History {
        /// The set: NAME, secret/NAME or configmap/NAME
        #[arg(long, value_name = "NAME")]
        set: String,
        /// The objects of this revision instead of the list of revisions
        #[arg(long, value_name = "N")]
        revision: Option<u64>,
    },
    /// Sets the number of replicas of a workload; apply leaves it alone from then on
    Scale {
        /// The workload: KIND/NAME
        target: String,
        /// How many replicas
        #[arg(long)]
        replicas: u32,
        /// Do not wait until they are there
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        waiting: Waiting,
    },
    /// Rewrites manifests of removed versions for today's, where nothing is lost
    Convert(Files),
    /// Prints a ConfigMap, or a Secret, made of files
    Configmap {
        /// Its name
        name: String,
        /// A file, KEY=FILE, or a folder with files
        #[arg(long, value_name = "[KEY=]PATH")]
        from_file: Vec<String>,
        /// A value
        #[arg(long, value_name = "KEY=VALUE")]
        from_literal: Vec<String>,
        /// A file with a line KEY=VALUE for each
        #[arg(long, value_name = "FILE")]
        from_env_file: Vec<PathBuf>,
        /// Make a Secret
        #[arg(long)]
        secret: bool,
    },
    /// Prints completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    /// That objects are ready by the rules for their kinds.
    Ready,
    /// That they are no more.
    Gone,
    /// That something is true of them.
    Rule(Rule),
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    /// A file or a folder with manifests; - for standard input
    #[arg(short, long = "file", value_name = "PATH", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Leave out the folders in a folder
    #[arg(long)]
    pub(crate) not_recursive: bool,
}

/// Objects by their manifests, by their set, or by their names.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Objects: KIND/NAME
    #[arg(value_name = "KIND/NAME")]
    pub(crate) objects: Vec<String>,
    /// The objects of these manifests
    #[arg(short, long = "file", value_name = "PATH")]
    pub(crate) files: Vec<PathBuf>,
    /// The members of a set: NAME, secret/NAME or configmap/NAME
    #[arg(long, value_name = "NAME")]
    pub(crate) set: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Waiting {
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// What counts as ready too: a Job that has started, a load balancer without an address
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub(crate) accept: Vec<Accept>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accept {
    /// A Job that has started
    StartedJobs,
    /// A load balancer without an address
    NoAddress,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Applying {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) waiting: Waiting,
    /// Make the objects members of a set: NAME, secret/NAME or configmap/NAME, kept in the namespace (an ApplySet)
    #[arg(long, value_name = "NAME", help_heading = "Set")]
    pub(crate) set: Option<String>,
    /// Delete members of the set that are not among the manifests any more
    #[arg(long, requires = "set", help_heading = "Set")]
    pub(crate) prune: bool,
    /// Let prune delete objects of a kind that it keeps otherwise: Namespace, CustomResourceDefinition, ...
    #[arg(long, value_name = "KIND", requires = "prune", help_heading = "Set")]
    pub(crate) prune_allow: Vec<String>,
    /// Let prune delete most of a set
    #[arg(long, requires = "prune", help_heading = "Set")]
    pub(crate) prune_many: bool,
    /// Take fields from other managers, whoever they are
    #[arg(long, help_heading = "Conflicts")]
    pub(crate) force_conflicts: bool,
    /// Take fields from these managers
    #[arg(long, value_name = "MANAGER", value_delimiter = ',', help_heading = "Conflicts")]
    pub(crate) force_conflicts_from: Vec<String>,
    /// What to do about fields of other managers
    #[arg(long, value_name = "WAY", default_value = "fail", help_heading = "Conflicts")]
    pub(crate) on_conflict: OnConflict,
    /// Set replicas as the manifest says, even where an autoscaler or `scale` has set them
    #[arg(long, help_heading = "Conflicts")]
    pub(crate) set_replicas: bool,
    /// The name under which fields are owned
    #[arg(long, value_name = "NAME", default_value = k8s_apply::plan::FIELD_MANAGER, help_heading = "Conflicts")]
    pub(crate) field_manager: String,
    /// Take over what this applier owns, such as an older name of the field manager
    #[arg(long, value_name = "MANAGER", help_heading = "Conflicts")]
    pub(crate) take_over: Vec<String>,
    /// Delete and make anew this object if a field has to change that cannot be changed: KIND/NAME or KIND/NAMESPACE/NAME
    #[arg(long, value_name = "OBJECT", help_heading = "Conflicts")]
    pub(crate) recreate: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnConflict {
    /// Write nothing
    Fail,
    /// Leave them to their managers
    Leave,
}

/// What to wait for.
fn goal(text: &str) -> Result<Goal, String> {
    match text {
        "ready" => Ok(Goal::Ready),
        "gone" => Ok(Goal::Gone),
        rule => {
            let fault = |error: RuleError| format!("{}; or ready, or gone", error.problem);
            rule.parse().map(Goal::Rule).map_err(fault)
        }
    }
}

/// A length of time: `30s`, `5m`, `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let expected = "expected a length of time such as 30s, 5m or 1h30m";
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| expected.to_owned())?;
    Duration::try_from(parsed).map_err(|_| expected.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lengths_of_time_are_read() {
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert!(duration("5").is_err());
        assert!(duration("-5s").is_err());
    }
}
