//! What hosts are: asked of all at once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node_bootstrap::agent::{Answer, EtcdHere, KubernetesNode, Request, Standing, Survey, Wish};
use topology::Inventory;
use topology::inventory::{BalancerKind, Host, HostRole};

use crate::contact::{Contact, ContactError};
use crate::etcd::{self, Situation};
use crate::pool::each;
use crate::run::members;
use crate::watch::{News, Watch};

/// How long a host may take to say what it is.
const LIMIT: Duration = Duration::from_mins(3);

/// What a host said, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surveyed {
    /// What it said.
    pub survey: Survey,
    /// How far its clock is ahead of the desk's, in milliseconds; what the answer took on its way counts as well.
    pub ahead_ms: i64,
}

/// Why nothing is known of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Why, and how to mend it.
    pub why: String,
    /// Whether nothing answers at its address: it may be gone for good.
    pub unreachable: bool,
}

/// What hosts said, by their names.
pub type Surveys = BTreeMap<String, Result<Surveyed, Silence>>;

/// How much is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Whether to ask the API for its nodes.
    pub nodes: bool,
    /// Whether to look for what is wrong on each host.
    pub findings: bool,
}

/// Asks these hosts what they are, so many at once.
pub fn survey(
    contact: &dyn Contact,
    hosts: &[(&Host, Option<&Wish>)],
    depth: Depth,
    at_once: usize,
    watch: &dyn Watch,
) -> Surveys {
    let answers = each(at_once, hosts, |(host, wish)| {
        if watch.stopped() {
            return Err(Silence {
                why: "it was not asked any more".to_owned(),
                unreachable: false,
            });
        }
        let request = Request::Survey {
            wish: wish.map(|wish| Box::new(wish.clone())),
            nodes: depth.nodes && host.role == HostRole::ControlPlane,
            findings: depth.findings,
        };
        let mut tell = |event: &_| watch.hear(&News::Event { host: &host.name, event });
        let answer = contact.call(&host.name, &request, LIMIT, &mut tell);
        let answer = answer.and_then(|answer| match answer {
            Answer::Survey(survey) => {
                let ahead_ms = survey.clock_ms.saturating_sub(now_ms());
                Ok(Surveyed { survey: *survey, ahead_ms })
            }
            _ => Err(ContactError::Broken("the host answered something else".to_owned())),
        });
        answer.map_err(|error| {
            let why = error.to_string();
            watch.hear(&News::Failed { host: &host.name, what: "say what it is", why: &why });
            Silence { why, unreachable: matches!(error, ContactError::Unreachable(_)) }
        })
    });
    let names = hosts.iter().map(|(host, _)| host.name.clone());
    names.zip(answers).collect()
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// A cluster as its hosts see it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// What it shall be.
    pub inventory: &'a Inventory,
    /// What the hosts said.
    pub surveys: &'a Surveys,
}

impl<'a> Seen<'a> {
    /// What a host said; `None` where nothing is known of it.
    #[must_use]
    pub fn of(&self, host: &str) -> Option<&'a Survey> {
        self.surveys.get(host)?.as_ref().ok().map(|surveyed| &surveyed.survey)
    }

    /// Why nothing is known of a host that was asked.
    #[must_use]
    pub fn silence(&self, host: &str) -> Option<&'a str> {
        self.surveys.get(host)?.as_ref().err().map(|silence| silence.why.as_str())
    }

    /// Whether nothing answers at the address of a host: it may be gone for good.
    #[must_use]
    pub fn is_unreachable(&self, host: &str) -> bool {
        matches!(self.surveys.get(host), Some(Err(Silence { unreachable: true, .. })))
    }

    /// The version of Kubernetes of the cluster: that of the API server of the control plane that answers, without a `v`.
    #[must_use]
    pub fn version(&self) -> Option<&'a str> {
        self.of(&self.speaker().or_else(|| self.server())?.name)?.versions.api_server.as_deref()
    }

    /// The control planes of the inventory, in its order.
    pub fn control_planes(&self) -> impl Iterator<Item = &'a Host> + use<'a> {
        self.inventory.with_role(HostRole::ControlPlane)
    }

    /// A control plane that an API server answers at the address that all use: the first one. What kubectl and kubeadm do is done
    /// on it.
    #[must_use]
    pub fn speaker(&self) -> Option<&'a Host> {
        self.control_planes().find(|host| self.speaks(&host.name))
    }

    /// A control plane whose own API server answers: the first one.
    #[must_use]
    pub fn server(&self) -> Option<&'a Host> {
        self.control_planes().find(|host| self.serves(&host.name))
    }

    /// Whether the API server of this very host answers.
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        self.of(host).is_some_and(|survey| {
            survey.serves && matches!(survey.standing, Standing::Node { control_plane: true, .. })
        })
    }

    /// Control planes with certificates that have ended, so that neither their API servers nor their members of etcd can answer.
    #[must_use]
    pub fn ended(&self) -> Vec<&'a str> {
        let has_ended =
            |host: &&Host| self.of(&host.name).is_some_and(|it| !it.ended_certificates.is_empty());
        self.control_planes().filter(has_ended).map(|host| host.name.as_str()).collect()
    }

    /// The URL that all use for the API.
    #[must_use]
    pub fn url(&self) -> String {
        self.inventory.endpoint().map(|it| format!("https://{it}")).unwrap_or_default()
    }

    /// What is broken where API servers answer, and the address that all use does not; `None` where that is not so.
    #[must_use]
    pub fn cut_off(&self) -> Option<String> {
        if self.speaker().is_some() {
            return None;
        }
        let named = |hosts: Vec<&Host>| -> String {
            hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let servers: Vec<&Host> =
            self.control_planes().filter(|host| self.serves(&host.name)).collect();
        let verb = match servers.len() {
            0 => return None,
            1 => "the API server of {} answers",
            _ => "the API servers of {} answer",
        };
        let proxies: Vec<&Host> = self.inventory.with_role(HostRole::Proxy).collect();
        let kind = self.inventory.high_availability.as_ref().map(|it| it.kind);
        let help = match kind {
            _ if !proxies.is_empty() => {
                format!("haproxy on {} (`journalctl -u haproxy` there)", named(proxies))
            }
            Some(BalancerKind::External) => "the balancer that has this address".to_owned(),
            _ => "who has this address, and the way there".to_owned(),
        };
        let verb = verb.replace("{}", &named(servers));
        Some(format!("{verb}, {} does not: look at {help}", self.url()))
    }

    /// Whether an API server answers a host at the address that all use.
    #[must_use]
    pub fn speaks(&self, host: &str) -> bool {
        self.of(host).is_some_and(|survey| {
            matches!(survey.standing, Standing::Node { control_plane: true, answers: true, .. })
        })
    }

    /// What tells the cluster from others: the hash of the key of its authority, by the control plane that answers.
    #[must_use]
    pub fn authority(&self) -> Option<&'a str> {
        match &self.of(&self.speaker().or_else(|| self.server())?.name)?.standing {
            Standing::Node { authority, .. } if !authority.is_empty() => Some(authority),
            _ => None,
        }
    }

    /// The nodes, as the API has them. `None` where no API answered.
    #[must_use]
    pub fn nodes(&self) -> Option<&'a [KubernetesNode]> {
        self.control_planes().find_map(|host| self.of(&host.name)?.nodes.as_deref())
    }

    /// The node of a host, as the API has it.
    #[must_use]
    pub fn node(&self, host: &str) -> Option<&'a KubernetesNode> {
        self.nodes()?.iter().find(|node| node.name == host)
    }

    /// The members of etcd, as the control planes said.
    #[must_use]
    pub fn situation(&self) -> Situation {
        let hosts = members(self.inventory).into_iter().map(|(name, address)| etcd::Host {
            here: match (self.of(&name), self.silence(&name)) {
                (Some(survey), _) => member_of(survey),
                (None, why) => Err(why.unwrap_or("it was not asked").to_owned()),
            },
            unreachable: self.is_unreachable(&name),
            name,
            address,
        });
        Situation { hosts: hosts.collect() }
    }

    /// Whether a host is a node of this cluster, by its own files.
    #[must_use]
    pub fn is_member(&self, host: &str) -> bool {
        let (Some(survey), Some(cluster)) = (self.of(host), self.authority()) else {
            return false;
        };
        matches!(&survey.standing, Standing::Node { authority, .. } if authority == cluster)
    }
}

/// What a host says of its member of etcd; else why nothing can be said: it is neither gone nor parked.
pub(crate) fn member_of(survey: &Survey) -> Result<EtcdHere, String> {
    if survey.ended_pods.iter().any(|name| name == "etcd") {
        return Err(
            "a run that was cut short has ended its member of etcd; `k8s-cluster certs renew` goes on, and starts it again"
                .to_owned(),
        );
    }
    Ok(survey.etcd.clone().unwrap_or_default())
}

/// How far clocks may be apart, in milliseconds: certificates and tokens are refused beyond.
const CLOCKS_APART_MS: i64 = 30_000;

/// What is wrong with hosts only together: who they are, and clocks that are apart.
#[must_use]
pub fn together(seen: Seen<'_>) -> Vec<String> {
    let mut faults = identities(seen);
    faults.extend(clocks(seen));
    faults
}

/// Hosts that answered.
fn known(seen: Seen<'_>) -> impl Iterator<Item = (&str, &Surveyed)> {
    let all = seen.surveys.iter();
    all.filter_map(|(name, surveyed)| Some((name.as_str(), surveyed.as_ref().ok()?)))
}

/// Hosts that are not who they are taken for: of different clusters, or with a machine id or an address that is not theirs alone.
#[must_use]
pub fn identities(seen: Seen<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut clusters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let known: Vec<(&str, &Surveyed)> = known(seen).collect();
    for (name, surveyed) in &known {
        if let Standing::Node { authority, .. } = &surveyed.survey.standing
            && !authority.is_empty()
        {
            clusters.entry(authority).or_default().push(name);
        }
    }
    if clusters.len() > 1 {
        let sides: Vec<String> = clusters.values().map(|names| names.join(", ")).collect();
        faults.push(format!(
            "hosts are nodes of different clusters: {}; mend `address` or `ssh.host`, or take the strangers out of the inventory; `node-prep \
             reset` on a host takes it out of its cluster",
            sides.join(" against ")
        ));
    }
    let mut twice = |what: &str, of: &dyn Fn(&Survey) -> Option<String>, help: &str| {
        let mut holders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, surveyed) in &known {
            if let Some(value) = of(&surveyed.survey) {
                holders.entry(value).or_default().push(name);
            }
        }
        for (value, names) in holders.into_iter().filter(|(_, names)| names.len() > 1) {
            faults.push(format!("{} have the same {what}, {value}; {help}", names.join(", ")));
        }
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    twice(
        "machine id",
        &|survey| text(&survey.machine_id),
        "they are copies of one machine: empty /etc/machine-id on all but one, and boot them again",
    );
    let is_global = |ip: &&IpAddr| !ip.is_loopback() && !ip.is_unspecified();
    for host in &seen.inventory.hosts {
        let holders: Vec<&str> = known
            .iter()
            .filter(|(_, surveyed)| {
                surveyed.survey.addresses.iter().filter(is_global).any(|ip| *ip == host.address)
            })
            .map(|(name, _)| *name)
            .collect();
        let is_known = seen.of(&host.name).is_some_and(|survey| !survey.addresses.is_empty());
        if holders.iter().any(|holder| *holder != host.name) {
            faults.push(format!(
                "{} is the address of {} by the inventory, and {} has it; mend `address` or `ssh.host`",
                host.address,
                host.name,
                holders.join(", ")
            ));
        } else if is_known && holders.is_empty() {
            faults.push(format!(
                "{} does not have its address {}; mend `address`, or the host's network",
                host.name, host.address
            ));
        }
    }
    faults
}

/// Clocks that are too far from the others.
fn clocks(seen: Seen<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let known: Vec<(&str, &Surveyed)> = known(seen).collect();
    let mut clocks: Vec<i64> = known.iter().map(|(_, surveyed)| surveyed.ahead_ms).collect();
    clocks.sort_unstable();
    if let Some(median) = clocks.get(clocks.len() / 2) {
        for (name, surveyed) in &known {
            let apart = surveyed.ahead_ms - median;
            if apart.abs() > CLOCKS_APART_MS {
                let side = if apart > 0 { "ahead of" } else { "behind" };
                faults.push(format!(
                    "the clock of {name} is {} s {side} most others; set it, and have it kept right by chrony or timesyncd",
                    apart.abs() / 1000
                ));
            }
        }
    }
    faults
}
