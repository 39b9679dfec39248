//! What a file is: one of the four, or one of another generation.

use diagnostics::yaml::{Shape, Tree};

/// What a file is, by its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Document {
    /// `cluster-configuration.yaml` of 2018.
    Cluster,
    /// `kubernetes-configuration.yaml` of 2018.
    Kubernetes,
    /// `k8s-role-definition.yaml` of 2018.
    Roles,
    /// `services-configuration.yaml` of 2018.
    Services,
    /// A list of nodes, as a mapping or as a list.
    NodeList,
    /// The graph of services and images, `service.yaml`.
    ServiceGraph,
    /// The file of the quick start, 0.5 to 0.8.
    QuickStart,
    /// `layout.yaml` of 1.x.
    Layout,
    /// `config.yaml` of 1.x.
    Settings,
    /// The cluster's file of 2017.
    Kubernetes2017,
    /// The services' file of 2017.
    Services2017,
    /// Our own `cluster.yaml`.
    Own,
}

impl Document {
    /// What it is, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster-configuration.yaml of OpenPAI 0.5 to 0.8",
            Self::Kubernetes => "kubernetes-configuration.yaml of OpenPAI 0.5 to 0.8",
            Self::Roles => "k8s-role-definition.yaml of OpenPAI 0.5 to 0.8",
            Self::Services => "services-configuration.yaml of OpenPAI 0.5 to 0.8",
            Self::NodeList => "a list of nodes",
            Self::ServiceGraph => "OpenPAI's graph of services (service.yaml)",
            Self::QuickStart => "the quick-start file of OpenPAI 0.5 to 0.8",
            Self::Layout => "layout.yaml of OpenPAI 1.x",
            Self::Settings => "config.yaml of OpenPAI 1.x",
            Self::Kubernetes2017 => "the cluster configuration of OpenPAI's first version (2017)",
            Self::Services2017 => "the service configuration of OpenPAI's first version (2017)",
            Self::Own => "cluster.yaml, the format of this program",
        }
    }

    /// What to do with a file of a generation that is not read; nothing for one that is.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::QuickStart => {
                "let `paictl.py config generate` make the four files of it; or write a cluster.yaml with its machines: \
                 the first is the control plane, the others are workers"
            }
            Self::Layout | Self::Settings => {
                "OpenPAI 1.x leaves Kubernetes to kubespray: write a cluster.yaml with the hosts of its machine-list, \
                 pai-master as role control-plane, the others as worker"
            }
            Self::Kubernetes2017 => {
                "move it to the files of 2018: clusterinfo to kubernetes-configuration.yaml (api-servers-ip is \
                 load-balance-ip), mastermachinelist and workermachinelist to machine-list with k8s-role; or write a \
                 cluster.yaml"
            }
            Self::Services2017 => {
                "move it to the files of 2018: machineinfo to machine-sku, machinelist to machine-list of \
                 cluster-configuration.yaml, clusterinfo to services-configuration.yaml"
            }
            Self::ServiceGraph => "it is no configuration of a cluster; leave it out",
            Self::Own => "give it with -f",
            _ => return None,
        })
    }
}

/// What a file is, by its keys; nothing if they are like those of no file that is known.
#[must_use]
pub fn recognise(tree: &Tree) -> Option<Document> {
    let keys = Keys::of(tree);
    let has = |key: &str| keys.value(key).is_some();
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    Some(match () {
        () if any(&["imagelist", "servicelist"]) => Document::ServiceGraph,
        () if any(&["mastermachinelist", "workermachinelist"]) => Document::Kubernetes2017,
        () if has("clusterinfo") => Document::Services2017,
        () if any(&["component-list", "k8s-role"]) => Document::Roles,
        () if has("machinelist") => Document::NodeList,
        () if has("default-machine-properties") => Document::Cluster,
        () if has("machine-list") => match machines(&keys) {
            Machines::Roles => Document::NodeList,
            Machines::Layout => Document::Layout,
            Machines::Unknown => Document::Cluster,
        },
        () if has("machine-sku") => Document::Cluster,
        () if has("machines") && any(&["ssh-username", "ssh-password", "ssh-keyfile-path"]) => {
            Document::QuickStart
        }
        () if any(&["openpai_kubespray_extra_var", "docker_image_tag", "branch_name"]) => {
            Document::Settings
        }
        () if has("hosts") => Document::Own,
        () if has("kubernetes") => Document::Kubernetes,
        () if any(&["cluster", "hadoop", "restserver", "frameworklauncher"]) => Document::Services,
        () => return None,
    })
}

enum Machines {
    Roles,
    Layout,
    Unknown,
}

/// Lists of nodes give roles of Kubernetes; layouts do not, and have resources in their classes of hardware.
fn machines(keys: &Keys<'_>) -> Machines {
    let items = match keys.value("machine-list").map(Tree::shape) {
        Some(Shape::List(items)) => items,
        _ => &[],
    };
    let any = |key: &str| items.iter().any(|item| Keys::of(item).value(key).is_some());
    if any("k8s-role") {
        return Machines::Roles;
    }
    let skus = keys.value("machine-sku").map(Keys::of);
    let has_device = skus.is_some_and(|skus| {
        skus.0.iter().any(|sku| Keys::of(sku.value()).value("computing-device").is_some())
    });
    if has_device || any("pai-master") || any("pai-worker") || any("pai-storage") {
        return Machines::Layout;
    }
    Machines::Unknown
}

/// The keys of a mapping; none of anything else.
struct Keys<'t>(&'t [diagnostics::yaml::Entry]);

impl<'t> Keys<'t> {
    fn of(tree: &'t Tree) -> Self {
        match tree.shape() {
            Shape::Mapping(entries) => Self(entries),
            _ => Self(&[]),
        }
    }

    fn value(&self, key: &str) -> Option<&'t Tree> {
        self.0.iter().find(|entry| entry.key() == key).map(diagnostics::yaml::Entry::value)
    }
}
