//! The members that the API server of this host knows.

use std::time::Duration;

use super::local::{PARKED, path_of, place_of, tidy};
use super::{Trouble, Work};
use crate::agent::{EventKind, ManifestPlace};
use crate::cluster::ADMIN;
use crate::host::{Command, Entry, Host, HostError, Kind};
use crate::static_pod;
use crate::text::manifest::{self, Program};

/// The name of the pod, and of its manifest.
const POD: &str = "kube-apiserver";
/// The argument.
const SERVERS: &str = "etcd-servers";
/// How long it may take to end: it lets its clients go first.
const END: Duration = Duration::from_mins(3);
/// How long it may take to answer again.
const ANSWER: Duration = Duration::from_mins(3);

/// The members that the API server of this host knows; none where there is no API server.
pub(super) fn servers(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let text = host.text(&path_of(POD, place_of(host, POD)?))?.unwrap_or_default();
    Ok(Program::read(&text, POD).map(|program| program.list(SERVERS)).unwrap_or_default())
}

fn is_loopback(url: &str) -> bool {
    ["//127.", "//localhost:", "//[::1]:"].iter().any(|host| url.contains(host))
}

/// What it shall know; `None` where that is what it knows. One that knows only the member on its own host keeps that.
fn wanted(now: &[String], servers: &[String]) -> Option<String> {
    let is_own = matches!(now, [one] if is_loopback(one) || servers.contains(one));
    let mut both = [now.to_vec(), servers.to_vec()];
    for list in &mut both {
        list.sort();
    }
    (!is_own && both[0] != both[1]).then(|| servers.join(","))
}

impl Work<'_> {
    pub(super) fn api_server(&mut self, servers: &[String]) -> Result<(), Trouble> {
        tidy(self.host, POD)?;
        let place = place_of(self.host, POD)?;
        let at = path_of(POD, place);
        let Some(text) = self.host.text(&at)? else { return Ok(()) };
        let program = Program::read(&text, POD).map_err(|error| Trouble::manifest(&at, &error))?;
        if servers.is_empty() {
            return Err(Trouble::Refused("an API server needs a member of etcd".to_owned()));
        }
        let wanted = wanted(&program.list(SERVERS), servers);
        if place == ManifestPlace::InPlace && wanted.is_none() {
            return Ok(());
        }
        let text = match &wanted {
            Some(list) => manifest::set(&text, POD, &[(SERVERS, list)])
                .map_err(|error| Trouble::manifest(&at, &error))?,
            None => text,
        };
        let parked = path_of(POD, ManifestPlace::Parked);
        if let Some(list) = &wanted {
            self.tell(
                EventKind::Begun,
                format!("the API server of this host gets --{SERVERS}={list}"),
            );
        }
        // It is away for a moment, so that it is known which one answers.
        if place == ManifestPlace::InPlace {
            static_pod::park(self.host, POD, PARKED)?;
            self.done.changes += 1;
        }
        if let Some(entry) = self.host.entry(&parked)?
            && entry.kind != Kind::File(text.clone().into_bytes())
        {
            self.host.put(&parked, &Entry { kind: Kind::File(text.into_bytes()), ..entry })?;
            self.changed(format!("{at}: --{SERVERS} is what members there are"));
        }
        let own = own_url(&program);
        self.wait("the API server of this host has ended", END, |work| {
            let is_there = work.ready(own.as_deref())?.is_none();
            Ok(if is_there { Err("it still answers".to_owned()) } else { Ok(()) })
        })?;
        static_pod::put_back(self.host, POD, PARKED)?;
        self.wait("the API server of this host answers again", ANSWER, |work| {
            Ok(work.ready(own.as_deref())?.map_or(Ok(()), Err))
        })?;
        self.changed("the API server of this host answers again");
        Ok(())
    }

    /// Whether the API server of this host says that it is ready: why not, where it does not.
    fn ready(&self, own: Option<&str>) -> Result<Option<String>, Trouble> {
        let mut argv = vec!["kubectl".to_owned(), "--kubeconfig".to_owned(), ADMIN.to_owned()];
        // The address of the cluster may lead to another one.
        argv.extend(own.map(|url| format!("--server={url}")));
        argv.extend(["--request-timeout=5s", "get", "--raw", "/readyz"].map(str::to_owned));
        let output = self.host.run(&Command::new(argv))?;
        let why = output.stderr.lines().last().unwrap_or("it does not say why").to_owned();
        Ok((!output.is_ok()).then_some(why))
    }
}

/// The URL that only this API server answers at.
fn own_url(program: &Program) -> Option<String> {
    let address = program.argument("advertise-address")?;
    let port = program.argument("secure-port").unwrap_or("6443");
    let address = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    Some(format!("https://{address}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_b6_04_a_list_of_members_follows_them_and_kubeadms_own_stays() {
        let urls = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("https://{name}:2379")).collect()
        };
        let members = urls(&["10.10.0.1", "10.10.0.11"]);
        let list = members.join(",");
        assert_eq!(wanted(&urls(&["127.0.0.1"]), &members), None);
        assert_eq!(wanted(&urls(&["10.10.0.1"]), &members), None);
        assert_eq!(wanted(&urls(&["10.10.0.11", "10.10.0.1"]), &members), None);
        assert_eq!(wanted(&urls(&["10.10.0.1", "10.10.0.2"]), &members), Some(list.clone()));
        assert_eq!(wanted(&urls(&["10.10.0.2"]), &members), Some(list));
    }
}
