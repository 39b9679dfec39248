//! The member of this host, as its manifest has it.

use ::etcd::{Api, Endpoint, Tls};

use super::{Connect, POD, Trouble};
use crate::agent::ManifestPlace;
use crate::host::{Host, HostError, folder_of};
use crate::secret::Secret;
use crate::static_pod::{self, PARKED};
use crate::text::manifest::Program;

/// The certificates that kubeadm makes for those who ask the member, without their endings, beside its authority.
const CLIENTS: [&str; 2] = ["healthcheck-client", "server"];

/// The member of this host.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) place: ManifestPlace,
    /// The text of the manifest.
    pub(super) text: String,
    pub(super) program: Program,
    pub(super) name: String,
    pub(super) peer_url: String,
    pub(super) client_url: String,
    /// The folder of its data, on the host.
    pub(super) data: String,
    /// Where it is asked from this host.
    url: String,
}

/// Where the manifest of a pod is, at one of the two places.
pub(super) fn path_of(pod: &str, place: ManifestPlace) -> String {
    match place {
        ManifestPlace::Parked => format!("{PARKED}/{pod}.yaml"),
        ManifestPlace::InPlace | ManifestPlace::None => static_pod::manifest(pod),
    }
}

pub(super) fn path(place: ManifestPlace) -> String {
    path_of(POD, place)
}

/// Where the manifest of a pod is. One in place counts more than one that is parked.
pub(super) fn place_of(host: &dyn Host, pod: &str) -> Result<ManifestPlace, HostError> {
    for place in [ManifestPlace::InPlace, ManifestPlace::Parked] {
        if host.entry(&path_of(pod, place))?.is_some() {
            return Ok(place);
        }
    }
    Ok(ManifestPlace::None)
}

pub(super) fn place(host: &dyn Host) -> Result<ManifestPlace, HostError> {
    place_of(host, POD)
}

/// Takes away what somebody who died left beside a manifest. One in place counts more than one that is parked: it was to be
/// parked, or was put back.
pub(super) fn tidy(host: &dyn Host, pod: &str) -> Result<(), HostError> {
    let (here, away) = (path_of(pod, ManifestPlace::InPlace), path_of(pod, ManifestPlace::Parked));
    host.tidy(&here)?;
    host.tidy(&away)?;
    if host.entry(&here)?.is_some() && host.entry(&away)?.is_some() {
        host.remove(&away)?;
    }
    Ok(())
}

impl Local {
    /// The member of this host; `None` where there is no manifest.
    pub(super) fn of(host: &dyn Host) -> Result<Option<Self>, Trouble> {
        let place = place(host)?;
        let at = path(place);
        let Some(text) = host.text(&at)? else { return Ok(None) };
        let program = Program::read(&text, POD).map_err(|error| Trouble::manifest(&at, &error))?;
        let needed = |name: &str| {
            let values = program.list(name);
            values
                .into_iter()
                .next()
                .ok_or_else(|| Trouble::Refused(format!("{at}: etcd has no --{name}; give it one")))
        };
        let data = needed("data-dir")?;
        if !data.starts_with('/') {
            return Err(Trouble::Refused(format!("{at}: --data-dir={data} is no absolute path")));
        }
        let local = Self {
            place,
            name: needed("name")?,
            peer_url: needed("initial-advertise-peer-urls")?,
            client_url: needed("advertise-client-urls")?,
            data: program.on_host(&data),
            url: url(&program).ok_or_else(|| {
                Trouble::Refused(format!("{at}: etcd has no --listen-client-urls; give it one"))
            })?,
            program,
            text,
        };
        Ok(Some(local))
    }

    /// Makes what asks it.
    pub(super) fn connect(
        &self,
        host: &dyn Host,
        connect: &Connect<'_>,
    ) -> Result<Box<dyn Api>, Trouble> {
        let tls = if self.url.starts_with("https:") { Some(self.tls(host)?) } else { None };
        Ok(connect(&Endpoint { url: self.url.clone(), tls })?)
    }

    fn tls(&self, host: &dyn Host) -> Result<Tls, Trouble> {
        let file = |name: &str| self.program.argument(name).map(|path| self.program.on_host(path));
        let read = |path: &str| host.text(path);
        let Some(authority) = file("trusted-ca-file") else {
            return Err(Trouble::Refused(format!(
                "{}: etcd has no --trusted-ca-file; give it one, so that it is known who answers",
                path(self.place)
            )));
        };
        let Some(text) = read(&authority)? else {
            return Err(Trouble::Refused(format!(
                "there is no {authority}, which etcd's --trusted-ca-file names"
            )));
        };
        let beside = CLIENTS.map(|name| {
            let path = format!("{}/{name}", folder_of(&authority));
            (format!("{path}.crt"), format!("{path}.key"))
        });
        let own = file("cert-file").zip(file("key-file"));
        let mut identity = None;
        for (certificate, key) in beside.into_iter().chain(own) {
            if let (Some(certificate), Some(key)) = (read(&certificate)?, read(&key)?) {
                identity = Some((certificate, Secret::new(key)));
                break;
            }
        }
        Ok(Tls { authority: text, identity })
    }
}

/// Where it is asked from this host: at a loopback address, if it listens at one.
fn url(program: &Program) -> Option<String> {
    // Where there are addresses for HTTP alone, the JSON gateway is only there.
    let mut all = program.list("listen-client-http-urls");
    if all.is_empty() {
        all = program.list("listen-client-urls");
    }
    let host = |url: &String| {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        rest.rsplit_once(':').map_or(rest, |(host, _)| host).to_owned()
    };
    let is_loopback = |url: &&String| {
        let host = host(url);
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    };
    let chosen = all.iter().find(is_loopback).or_else(|| all.first())?;
    Some(match host(chosen).as_str() {
        "0.0.0.0" => chosen.replacen("//0.0.0.0:", "//127.0.0.1:", 1),
        "[::]" => chosen.replacen("//[::]:", "//[::1]:", 1),
        _ => chosen.clone(),
    })
}
