//! `cluster-configuration.yaml`: the hosts.

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem, nearest};
use secret::Secret;

use crate::fields::{Fields, Written, flag_of, shown, text_of, unknown_key};

/// How a host is logged in to. What is absent is as the defaults have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub username: Option<Written<String>>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The port of sshd, as it is written.
    pub sshport: Option<Written<String>>,
    /// The file with the key (since 0.8).
    pub keyfile_path: Option<Written<String>>,
    /// The Secret with the key (since 0.8).
    pub secret_name: Option<Written<String>>,
}

impl Login {
    pub(crate) fn read(fields: &mut Fields<'_>, faults: &mut Vec<Problem>) -> Self {
        Self {
            username: fields.text("username", faults),
            password: fields.secret("password", faults),
            sshport: fields.text("sshport", faults),
            keyfile_path: fields.text("keyfile-path", faults),
            secret_name: fields.text("secret-name", faults),
        }
    }
}

/// A class of hardware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineSku {
    /// Its name: what `machine-type` refers to.
    pub name: Written<String>,
    /// Memory in GB.
    pub memory: Option<u64>,
    /// GPUs: their type and how many.
    pub gpu: Option<(Option<String>, Option<u64>)>,
    /// Cores.
    pub vcores: Option<u64>,
    /// The operating system.
    pub os: Option<Written<String>>,
    /// Where data lies.
    pub data_folder: Option<String>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The whole entry.
    pub entry: Written<()>,
    /// The key of the entry, where the list is a mapping.
    pub key: Option<Written<String>>,
    /// What `hostname` says on it.
    pub hostname: Option<Written<String>>,
    /// Its address, as it is written.
    pub hostip: Option<Written<String>>,
    /// Its name as a node of Kubernetes (node lists only).
    pub nodename: Option<Written<String>>,
    /// Its class of hardware.
    pub machine_type: Option<Written<String>>,
    /// Its role: `master`, `worker` or `proxy`, or another of the role definition.
    pub k8s_role: Option<Written<String>>,
    /// Its name as a member of etcd.
    pub etcdid: Option<Written<String>>,
    /// Its number in ZooKeeper.
    pub zkid: Option<Written<String>>,
    /// Whether the dashboard runs here.
    pub dashboard: Option<Written<bool>>,
    /// `openi-master` or `pai-master`: whether OpenPAI's services run here.
    pub service_master: Option<Written<bool>>,
    /// `openi-worker` or `pai-worker`: whether jobs run here.
    pub service_worker: Option<Written<bool>>,
    /// How it is logged in to, where that differs from the defaults.
    pub login: Login,
    /// More labels, in the order of the file.
    pub labels: Vec<(Written<String>, bool)>,
}

/// What stands in `cluster-configuration.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfiguration {
    /// How hosts are logged in to that do not say otherwise.
    pub default_login: Login,
    /// Classes of hardware.
    pub skus: Vec<MachineSku>,
    /// The hosts in the order of the file.
    pub machines: Vec<Machine>,
    /// The key of the list of hosts, for what is wrong with them together.
    pub machine_list: Written<()>,
}

/// Labels by which services find their hosts.
const LABELS: [&str; 20] = [
    "node-exporter",
    "watchdog",
    "no-drivers",
    "no-nodeexporter",
    "hdfsrole",
    "yarnrole",
    "zookeeper",
    "jobhistory",
    "launcher",
    "restserver",
    "webportal",
    "prometheus",
    "grafana",
    "pylon",
    "model-exchange",
    "model-hub",
    "alert-manager",
    "drivers",
    "cleaner",
    "end-to-end-test",
];

impl ClusterConfiguration {
    pub(crate) fn read(tree: &Tree, faults: &mut Vec<Problem>) -> Self {
        let mut fields = Fields::of(tree, &DataPath::root(), faults);
        let default_login = fields.fields("default-machine-properties", faults).map_or_else(
            Login::default,
            |mut fields| {
                let login = Login::read(&mut fields, faults);
                fields.end(faults);
                login
            },
        );
        let skus = skus(&mut fields, faults);
        let help = "list the hosts: `- hostname: ...`, each with hostip, machine-type and k8s-role";
        let list = fields.needed("machine-list", help, faults);
        let machine_list = list.as_ref().map_or_else(
            || fields.at.clone(),
            |(tree, path)| Written::new((), path.clone(), tree.place()),
        );
        let machines = fields
            .list("machine-list", faults)
            .into_iter()
            .filter_map(|(tree, path)| machine(tree, &path, None, faults))
            .collect();
        fields.end(faults);
        Self { default_login, skus, machines, machine_list }
    }
}

/// The classes of hardware.
pub(crate) fn skus(fields: &mut Fields<'_>, faults: &mut Vec<Problem>) -> Vec<MachineSku> {
    let Some(skus) = fields.fields("machine-sku", faults) else { return Vec::new() };
    skus.entries().filter_map(|(name, tree)| sku(name, tree, faults)).collect()
}

fn sku(name: Written<String>, tree: &Tree, faults: &mut Vec<Problem>) -> Option<MachineSku> {
    let mut fields = Fields::maybe(tree, &name.path, faults)?;
    let gpu = fields.fields("gpu", faults).map(|mut gpu| {
        let found = (gpu.text("type", faults).map(|text| text.value), gpu.count("count", faults));
        gpu.end(faults);
        found
    });
    let vcores = fields.fields("cpu", faults).and_then(|mut cpu| {
        let found = cpu.count("vcore", faults);
        cpu.end(faults);
        found
    });
    let sku = MachineSku {
        memory: fields.count("mem", faults),
        gpu,
        vcores,
        os: fields.text("os", faults),
        data_folder: fields.text("dataFolder", faults).map(|text| text.value),
        name,
    };
    fields.end(faults);
    Some(sku)
}

/// One host of a list, or of a mapping with a key.
pub(crate) fn machine(
    tree: &Tree,
    path: &DataPath,
    key: Option<Written<String>>,
    faults: &mut Vec<Problem>,
) -> Option<Machine> {
    let mut fields = Fields::maybe(tree, path, faults)?;
    let role_help = "give master, worker or proxy";
    let type_help = "name a class of hardware of machine-sku";
    let hostname = fields.needed_text("hostname", "give what `hostname` says on it", faults);
    let hostip = fields.needed_text("hostip", "give the address of the host", faults);
    let machine_type =
        fields.text("machine-type", faults).or_else(|| old_type(&mut fields, faults));
    if machine_type.is_none() {
        faults.push(fields.at.error("missing", "`machine-type` is missing", type_help));
    }
    let k8s_role = fields.needed_text("k8s-role", role_help, faults);
    let mut either = |openi, pai| fields.flag(openi, faults).or_else(|| fields.flag(pai, faults));
    let service_master = either("openi-master", "pai-master");
    let service_worker = either("openi-worker", "pai-worker");
    // Both spellings are known, whichever was found.
    for key in ["pai-master", "pai-worker"] {
        let _ = fields.tree(key);
    }
    let mut machine = Machine {
        entry: fields.at.clone(),
        hostname,
        hostip,
        nodename: if key.is_some() { fields.text("nodename", faults) } else { None },
        key,
        machine_type,
        k8s_role,
        etcdid: fields.text("etcdid", faults),
        zkid: fields.text("zkid", faults),
        dashboard: fields.flag("dashboard", faults),
        service_master,
        service_worker,
        login: Login::read(&mut fields, faults),
        labels: Vec::new(),
    };
    labels(&fields, &mut machine, faults);
    Some(machine)
}

/// `machinetype`, as the files of 2017 have it, and one host of the sample of 0.5.
fn old_type(fields: &mut Fields<'_>, faults: &mut Vec<Problem>) -> Option<Written<String>> {
    let found = fields.text("machinetype", faults)?;
    faults.push(found.warning(
        "old-key",
        "`machinetype` is the spelling of 2017, which OpenPAI no longer reads",
        "write machine-type",
    ));
    Some(found)
}

/// What is left are labels: of OpenPAI's services, or of somebody's own. A label is on or off.
fn labels(fields: &Fields<'_>, machine: &mut Machine, faults: &mut Vec<Problem>) {
    const KEYS: [&str; 18] = [
        "hostname",
        "hostip",
        "machine-type",
        "k8s-role",
        "etcdid",
        "zkid",
        "dashboard",
        "openi-master",
        "openi-worker",
        "pai-master",
        "pai-worker",
        "username",
        "password",
        "sshport",
        "keyfile-path",
        "secret-name",
        "machinetype",
        "nodename",
    ];
    for (key, tree) in fields.unknown() {
        let name = key.value.as_str();
        // Roles of Hadoop are words.
        if matches!(name, "hdfsrole" | "yarnrole") {
            let _ = text_of(tree, key.path.clone(), faults);
            continue;
        }
        if !LABELS.contains(&name) {
            let is_flag =
                matches!(tree.shape(), diagnostics::yaml::Shape::Scalar("true" | "false"));
            let known: Vec<&'static str> = KEYS.iter().chain(&LABELS).copied().collect();
            // Somebody's own label is like no other key.
            if !is_flag || nearest(name, known.iter().copied()).is_some() {
                let known = if is_flag { &known[..] } else { &KEYS[..] };
                faults.push(unknown_key(&key, known));
                continue;
            }
            faults.push(key.warning(
                "unknown-label",
                format!("`{}` is no label that OpenPAI's services know", shown(name)),
                "it is kept as a label of the host; take it away if it was meant as something else",
            ));
        }
        if let Some(flag) = flag_of(tree, key.path.clone(), faults) {
            machine.labels.push((key, flag.value));
        }
    }
}
