//! What every command needs: the host, what it shall be, who asks, and when to stop.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::cli::{OutputFormat, invalid, note};
use anyhow::{Context, Result};
use node_bootstrap::change::Poke;
use node_bootstrap::cluster;
use node_bootstrap::facts::Facts;
use node_bootstrap::fetch::Fetched;
use node_bootstrap::journal::{By, Journal};
use node_bootstrap::local::LocalHost;
use node_bootstrap::plan::{self, Plan, Step};
use node_bootstrap::spec::{Node, Problems, Profile};
use node_bootstrap::steps;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::{Cli, Wish};
use crate::fetch::fetch_what_there_is;

/// A host, and how to tell of it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) host: LocalHost,
    pub(crate) output: OutputFormat,
    /// Whether it is the machine itself.
    is_machine: bool,
}

impl Session {
    pub(crate) fn new(cli: &Cli) -> Result<Self> {
        let host = match &cli.root {
            Some(folder) => {
                LocalHost::tree(folder).map_err(|error| invalid_root(folder, &error))?
            }
            None => LocalHost::machine()?,
        };
        Ok(Self { host, output: cli.output, is_machine: cli.root.is_none() })
    }

    /// What the host shall be; a sound host for kubeadm where nothing is said.
    pub(crate) fn node_or_kubeadm(wish: &Wish) -> Result<Node> {
        if wish.file.is_none() && wish.profile.is_none() {
            return Node::from_profile(Profile::Kubeadm)
                .map_err(|problems| invalid(problems.to_string()));
        }
        Self::node(wish)
    }

    /// What the host shall be.
    pub(crate) fn node(wish: &Wish) -> Result<Node> {
        let mut node = Self::wished(wish)?;
        if let Some(environment) = &wish.environment {
            crate::roxie::raise(&mut node, environment)?;
        }
        Ok(node)
    }

    /// What profile and file say.
    fn wished(wish: &Wish) -> Result<Node> {
        let profile = wish.profile.as_deref().map(str::parse::<Profile>);
        let profile = profile.transpose().map_err(|error| invalid(error.to_string()))?;
        let Some(path) = &wish.file else {
            let profile = profile.ok_or_else(|| invalid("say what the host shall be: -f node.yaml, or -p with a profile (kubeadm, hap-centos, hpcc, hyperflow)"))?;
            return Node::from_profile(profile).map_err(|problems| invalid(problems.to_string()));
        };
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| invalid(format!("failed to read {file}: {error}")))?;
        match Node::read_over(profile, &file, &text) {
            Ok((node, warnings)) => {
                if !warnings.is_empty() {
                    note(&Problems(warnings).render(&file, &text));
                }
                Ok(node)
            }
            Err(problems) => Err(invalid(problems.render(&file, &text))),
        }
    }

    /// What has to be done, with what an interrupted run owes.
    pub(crate) fn plan(&self, node: &Node) -> Result<(Facts, Plan)> {
        let facts = Facts::of(&self.host)?;
        let owed = self.owed()?;
        let (fetched, away) = fetch_what_there_is(&steps::needs(&self.host, node, &facts)?)?;
        for why in away {
            // The plan refuses what needs it.
            ::cli::say(&format!("could not be fetched: {why}"));
        }
        let steps = steps::all().iter().copied();
        let plan = plan::plan_with(&self.host, node, &facts, steps, owed, &fetched)?;
        Ok((facts, plan))
    }

    /// What has to be done for these steps, with what was fetched for them.
    pub(crate) fn plan_of(
        &self,
        node: &Node,
        steps: &[&dyn Step],
        fetched: &Fetched,
    ) -> Result<Plan> {
        let facts = Facts::of(&self.host)?;
        Ok(cluster::plan_of(&self.host, &facts, node, steps, fetched)?)
    }

    /// What an interrupted run owes. The journal is root's: others see a plan all the same.
    fn owed(&self) -> Result<Vec<Poke>> {
        match Journal::read(&self.host) {
            Ok(journal) => Ok(journal.owed().cloned().collect()),
            Err(error) if rustix::process::geteuid().is_root() => Err(error.into()),
            Err(error) => {
                ::cli::say(&format!(
                    "what an interrupted run may owe is not known ({error}): sudo shows it"
                ));
                Ok(Vec::new())
            }
        }
    }

    /// Changing the machine needs root.
    pub(crate) fn needs_root(&self, what: &str) -> Result<()> {
        if self.is_machine && !rustix::process::geteuid().is_root() {
            return Err(invalid(format!("{what} needs root: run it with sudo")));
        }
        Ok(())
    }
}

fn invalid_root(folder: &Path, error: &dyn std::error::Error) -> anyhow::Error {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    invalid(format!("--root {}: {error}: {cause}", folder.display()))
}

/// Who asks, for the journal.
pub(crate) fn by() -> By {
    let named = ["SUDO_USER", "USER"].iter().find_map(|name| std::env::var(name).ok());
    By {
        user: named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw())),
        at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Says when to stop: after the first Ctrl-C or SIGTERM before the next change, after the second at once. The journal
/// knows what was begun.
pub(crate) fn stop() -> Result<impl Fn() -> bool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .context("failed to watch for signals")?;
    }
    Ok(move || flag.load(Ordering::Relaxed))
}

/// Says when to stop because of one of these signals, SIGINT or SIGTERM. However many come, what is being done is ended.
pub(crate) fn flag(signals: &[i32]) -> Result<impl Fn() -> bool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in signals.iter().chain(&[SIGINT, SIGTERM]) {
        signal_hook::flag::register(*signal, Arc::clone(&flag))
            .context("failed to watch for signals")?;
    }
    Ok(move || flag.load(Ordering::Relaxed))
}
