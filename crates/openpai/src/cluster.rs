//! What the files mean: hosts in the order of the file, addresses, how the API is reached.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use secret::Secret;
use topology::Network;

use crate::config::{KubernetesConfiguration, Login, Machine, MachineSku, RoleDefinition};
use crate::fields::Written;
use crate::rules::machines::MachineFacts;
use crate::rules::{Derived, own_or};
use crate::set::Set;

/// The port of the API without TLS.
pub(crate) const API_PORT: u16 = 8080;
/// The port at which members of etcd talk to each other.
const PEER_PORT: u16 = 2380;
/// The port at which etcd serves the API servers.
const CLIENT_PORT: u16 = 4001;

/// How a host is logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The user's name.
    pub user: String,
    /// The port of sshd.
    pub port: u16,
    /// The user's password.
    pub password: Option<Secret>,
    /// The file with the key.
    pub key_file: Option<String>,
}

impl Access {
    pub(crate) fn of(machine: &Machine, default: &Login, facts: &MachineFacts) -> Self {
        let own = &machine.login;
        let text = |part: for<'l> fn(&'l Login) -> Option<&'l Written<String>>| {
            own_or(own, default, part).map(|text| text.value.clone())
        };
        Self {
            user: text(|login| login.username.as_ref()).unwrap_or_default(),
            port: facts.port,
            password: own_or(own, default, |login| login.password.as_ref()).cloned(),
            key_file: text(|login| login.keyfile_path.as_ref()),
        }
    }
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What `hostname` says on it.
    pub name: String,
    /// Its address, which is its name as a node of Kubernetes.
    pub address: IpAddr,
    /// Its role: `master`, `worker`, `proxy`, or another of the role definition.
    pub role: String,
    /// Its name as a member of etcd; masters have one.
    pub etcd_name: Option<String>,
    /// Its class of hardware.
    pub machine_type: String,
    /// How it is logged in to.
    pub access: Access,
    /// The labels of OpenPAI's services, those of `openi-master` and `openi-worker` spelled out.
    pub labels: BTreeMap<String, String>,
}

/// What `openi-master` stands for, besides `hdfsrole` and `yarnrole`.
const MASTER_LABELS: [&str; 11] = [
    "zookeeper",
    "jobhistory",
    "launcher",
    "restserver",
    "webportal",
    "prometheus",
    "grafana",
    "pylon",
    "node-exporter",
    "model-exchange",
    "model-hub",
];

impl Host {
    pub(crate) fn of(machine: &Machine, facts: &MachineFacts, access: Access) -> Option<Self> {
        let text = |text: &Option<Written<String>>| text.as_ref().map(|text| text.value.clone());
        Some(Self {
            name: text(&machine.hostname)?,
            address: facts.address?,
            role: text(&machine.k8s_role)?,
            etcd_name: text(&machine.etcdid),
            machine_type: text(&machine.machine_type)?,
            access,
            labels: labels(machine),
        })
    }

    /// Whether it runs the control plane.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.role == "master"
    }

    /// Whether it is a proxy before the API servers.
    #[must_use]
    pub fn is_proxy(&self) -> bool {
        self.role == "proxy"
    }
}

fn labels(machine: &Machine) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let is_on = |flag: &Option<Written<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let mut put = |key: &str, value: &str| {
        labels.insert(key.to_owned(), value.to_owned());
    };
    for (is_on, role, more) in [
        (is_on(&machine.service_worker), "worker", &["node-exporter"][..]),
        (is_on(&machine.service_master), "master", &MASTER_LABELS[..]),
    ] {
        if is_on {
            put("hdfsrole", role);
            put("yarnrole", role);
            for label in more {
                put(label, "true");
            }
        }
    }
    for (label, is_on) in &machine.labels {
        put(&label.value, if *is_on { "true" } else { "false" });
    }
    labels
}

/// How the API is reached when a master is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HighAvailability {
    /// Solution 1: a balancer outside of the files has the address.
    ExternalBalancer,
    /// Solution 2: a proxy host has it.
    Proxy,
    /// Solution 3: there is one master, and it has the address.
    SingleMaster,
}

/// Where images come from and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// The registry, with its folder.
    pub registry: String,
    /// The tag of hyperkube.
    pub hyperkube: String,
    /// The tag of etcd.
    pub etcd: String,
    /// The tag of the API server.
    pub apiserver: String,
    /// The tag of the scheduler.
    pub scheduler: String,
    /// The tag of the controller manager.
    pub controller_manager: String,
    /// The tag of the dashboard.
    pub dashboard: String,
}

/// A cluster as OpenPAI means it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name, where the services' file gives one.
    pub name: Option<String>,
    /// The hosts in the order of the file.
    pub hosts: Vec<Host>,
    /// The address of the API: `load-balance-ip`.
    pub api_address: IpAddr,
    /// How the API is reached when a master is lost.
    pub high_availability: HighAvailability,
    /// The name server that pods are given.
    pub dns: IpAddr,
    /// The network of services.
    pub service_network: Network,
    /// The store of the API server: `etcd3`.
    pub storage_backend: String,
    /// Images.
    pub images: Images,
    /// The host that the dashboard runs on: an index of `hosts`.
    pub dashboard_host: usize,
    /// Classes of hardware.
    pub skus: Vec<MachineSku>,
    /// Which components a role has.
    pub roles: RoleDefinition,
}

impl Cluster {
    /// The masters in the order of the file.
    pub fn masters(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter().filter(|host| host.is_master())
    }

    /// etcd's members with the addresses at which they talk to each other: `etcdid1=http://10.10.0.11:2380,...`.
    #[must_use]
    pub fn etcd_peers(&self) -> String {
        let peers = self.masters().map(|host| {
            let name = host.etcd_name.as_deref().unwrap_or(&host.name);
            format!("{name}=http://{}", SocketAddr::new(host.address, PEER_PORT))
        });
        peers.collect::<Vec<_>>().join(",")
    }

    /// The addresses at which etcd serves the API servers: `http://10.10.0.11:4001,...`.
    #[must_use]
    pub fn etcd_servers(&self) -> String {
        let servers = self
            .masters()
            .map(|host| format!("http://{}", SocketAddr::new(host.address, CLIENT_PORT)));
        servers.collect::<Vec<_>>().join(",")
    }

    /// Address and port of the API.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        SocketAddr::new(self.api_address, API_PORT)
    }

    /// The class of hardware of a host.
    #[must_use]
    pub fn sku(&self, host: &Host) -> Option<&MachineSku> {
        self.skus.iter().find(|sku| sku.name.value == host.machine_type)
    }
}

/// The cluster that sound files mean.
pub(crate) fn derive(set: &Set, derived: Derived) -> Option<Cluster> {
    let (configuration, kubernetes) = (set.cluster.as_ref()?, set.kubernetes.as_ref()?);
    let default = &configuration.default_login;
    let hosts: Vec<Host> = configuration
        .machines
        .iter()
        .zip(&derived.machines.0)
        .map(|(machine, facts)| Host::of(machine, facts, Access::of(machine, default, facts)))
        .collect::<Option<_>>()?;
    let api_address = derived.network.balancer?.value;
    let high_availability = if hosts.iter().any(Host::is_proxy) {
        HighAvailability::Proxy
    } else if let [only] = hosts.iter().filter(|host| host.is_master()).collect::<Vec<_>>()[..]
        && only.address == api_address
    {
        HighAvailability::SingleMaster
    } else {
        HighAvailability::ExternalBalancer
    };
    let has_dashboard =
        |machine: &Machine| machine.dashboard.as_ref().is_some_and(|flag| flag.value);
    Some(Cluster {
        name: set
            .services
            .as_ref()
            .and_then(|services| Some(services.cluster_id.as_ref()?.value.clone())),
        hosts,
        api_address,
        high_availability,
        dns: derived.network.dns?,
        service_network: derived.network.services?.network(),
        storage_backend: kubernetes.storage_backend.as_ref()?.value.clone(),
        images: images(kubernetes)?,
        dashboard_host: configuration.machines.iter().position(has_dashboard)?,
        skus: configuration.skus.clone(),
        roles: set.roles.clone()?,
    })
}

fn images(kubernetes: &KubernetesConfiguration) -> Option<Images> {
    let text = |text: &Option<Written<String>>| text.as_ref().map(|text| text.value.clone());
    Some(Images {
        registry: text(&kubernetes.docker_registry)?.trim_end_matches('/').to_owned(),
        hyperkube: text(&kubernetes.hyperkube)?,
        etcd: text(&kubernetes.etcd)?,
        apiserver: text(&kubernetes.apiserver)?,
        scheduler: text(&kubernetes.scheduler)?,
        controller_manager: text(&kubernetes.controller_manager)?,
        dashboard: text(&kubernetes.dashboard)?,
    })
}
