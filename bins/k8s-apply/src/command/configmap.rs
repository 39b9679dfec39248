//! `configmap`: a ConfigMap or a Secret made of files.

use std::path::PathBuf;

use ::cli::{Exit, say};
use anyhow::Result;
use diagnostics::{Problem, render};
use k8s_apply::config_map::{Entry, config_map, secret};

use crate::cli::Connection;
use crate::show;

/// What it is made of.
pub(super) struct Given<'a> {
    pub(super) from_file: &'a [String],
    pub(super) from_literal: &'a [String],
    pub(super) from_env_file: &'a [PathBuf],
    pub(super) secret: bool,
}

pub(super) fn configmap(connection: &Connection, name: &str, given: &Given<'_>) -> Result<Exit> {
    let files = given.from_file.iter().map(|text| Entry::file(text));
    let literals = given.from_literal.iter().map(|text| Entry::literal(text));
    let env_files = given.from_env_file.iter().map(|path| Ok(Entry::EnvFile(path.clone())));
    let (mut entries, mut problems) = (Vec::new(), Vec::new());
    for entry in files.chain(literals).chain(env_files) {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(*problem),
        }
    }
    if !problems.is_empty() {
        return Ok(refuse(&problems));
    }
    let namespace = connection.namespace.as_deref();
    let made = if given.secret {
        secret(name, namespace, None, &entries)
    } else {
        config_map(name, namespace, &entries)
    };
    match made {
        Ok(object) => {
            show::json(object.value())?;
            Ok(Exit::Ok)
        }
        Err(problems) => Ok(refuse(&problems)),
    }
}

fn refuse(problems: &[Problem]) -> Exit {
    say(render(problems, &[]).trim_end());
    Exit::Invalid
}
