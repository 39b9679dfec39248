//! `node-prep agent`: the host's side of `k8s-cluster`.
//!
//! One call is read from standard input, and what happens is written to standard output, line by line. Who reads it may
//! go away at any time: then the change that is being made is ended, and no other is begun.

use std::cell::Cell;
use std::io::{Read, Write};
use std::time::SystemTime;

use ::cli::{Exit, invalid};
use anyhow::{Context as _, Result};
use node_bootstrap::agent::{Around, Call, Etcd, Event, Reply, serve};
use node_bootstrap::secret::exposing;
use signal_hook::consts::SIGHUP;

use crate::etcd::connect;
use crate::fetch::from_web;
use crate::session::{Session, flag};

/// No call is longer, in bytes: a `node.yaml` with manifests of its own has room in it.
const LONGEST: u64 = 64 << 20;

pub(crate) fn agent(session: &Session) -> Result<Exit> {
    session.needs_root("agent")?;
    let call = read(&mut std::io::stdin().lock(), LONGEST)?;
    let asked = flag(&[SIGHUP])?;
    let lines = Lines { out: std::cell::RefCell::new(std::io::stdout()), away: Cell::new(false) };
    let stop = || asked() || lines.away.get();
    let around = Around {
        fetch: &from_web,
        random: &|| super::token::random().map_err(std::io::Error::other),
        now: &SystemTime::now,
        version: env!("CARGO_PKG_VERSION"),
        stop: &stop,
        etcd: Some(&Etcd { connect: &connect }),
    };
    let mut tell = |event: &Event| lines.write(&Reply::Event(event.clone()));
    let reply = match serve(&session.host, &call, &around, &mut tell) {
        Ok(answer) => Reply::Answer(answer),
        Err(failure) => Reply::Failure(failure),
    };
    lines.write(&reply);
    Ok(if lines.away.get() { Exit::Failed } else { Exit::Ok })
}

/// Reads a call. What is wrong with one is told without its text: there are secrets in it.
fn read(from: &mut dyn Read, longest: u64) -> Result<Call> {
    let mut text = Vec::new();
    from.take(longest + 1).read_to_end(&mut text).context("failed to read standard input")?;
    if text.len() as u64 > longest {
        return Err(invalid(format!("the call is longer than {longest} bytes")));
    }
    serde_json::from_slice(&text).map_err(|error| {
        invalid(format!(
            "standard input is no call of this build of k8s-cluster (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

/// Lines of JSON for the one who called.
struct Lines<W> {
    out: std::cell::RefCell<W>,
    /// Whether nobody reads them any more.
    away: Cell<bool>,
}

impl<W: Write> Lines<W> {
    fn write(&self, reply: &Reply) {
        if self.away.get() {
            return;
        }
        let mut out = self.out.borrow_mut();
        let written = exposing(|| serde_json::to_vec(reply))
            .map_err(std::io::Error::other)
            .and_then(|line| out.write_all(&line))
            .and_then(|()| out.write_all(b"\n"))
            .and_then(|()| out.flush());
        self.away.set(written.is_err());
    }
}

#[cfg(test)]
mod tests {
    use node_bootstrap::agent::{Answer, EventKind};
    use node_bootstrap::secret::Secret;

    use super::*;

    #[test]
    fn what_is_no_call_is_told_without_its_text() {
        let mut text =
            br#"{"by": "x", "request": {"do": "join", "token": "abcdef.0123456789abcdef"}}"#
                .as_slice();
        let error = format!("{:#}", read(&mut text, 100).unwrap_err());
        assert!(
            error.contains("no call of this build") && !error.contains("0123456789"),
            "{error}"
        );
        let error = read(&mut [b' '; 11].as_slice(), 10).unwrap_err().to_string();
        assert_eq!(error, "the call is longer than 10 bytes");
    }

    #[test]
    fn secrets_reach_the_one_who_called_and_a_line_is_a_reply() {
        let lines = Lines { out: std::cell::RefCell::new(Vec::new()), away: Cell::new(false) };
        lines.write(&Reply::Event(Event::new(EventKind::Note, "init", "a\nb")));
        lines.write(&Reply::Answer(Answer::Text(Secret::new("a secret"))));
        let text = String::from_utf8(lines.out.into_inner()).unwrap();
        assert_eq!(text.lines().count(), 2);
        let Reply::Answer(Answer::Text(read)) =
            serde_json::from_str(text.lines().last().unwrap()).unwrap()
        else {
            panic!("{text}")
        };
        assert_eq!(read.expose(), "a secret");
    }

    #[test]
    fn a_reader_who_is_gone_is_noticed() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Lines { out: std::cell::RefCell::new(Gone), away: Cell::new(false) };
        lines.write(&Reply::Event(Event::new(EventKind::Note, "init", "text")));
        assert!(lines.away.get());
    }
}
