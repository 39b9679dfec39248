//! What the files that `configgen` generates are made of.
//!
//! Every pair of an address and a component has *facts*: the values that its generated files take from
//! the environment, in the order and form in which they are used. Two environments give a pair the same
//! files when they give it the same facts. Facts that all instances of a component share are kept once.
//!
//! The rules were found by reading what the transformations of HPCC 7.2.20 select, and by changing one
//! value of an environment at a time and comparing what the real configgen 7.2.20 then generates.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::tree::Element;

mod deploy;
mod esp;
mod facts;
mod order;
mod security;
mod service;
mod single;
mod source;
mod thor_roxie;

pub(super) use facts::Fact;
pub(super) use source::Source;

/// A component: its tag and its name.
pub(super) type Key = (String, String);

/// A component on one machine.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) key: Key,
    /// Whether the machine runs Linux: paths are written in another way elsewhere.
    pub(super) linux: bool,
    /// The facts that only this instance has.
    pub(super) own: Vec<Fact>,
}

/// The facts of all generated files of an environment.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// What is on an address under a component's name.
    pub(super) pairs: BTreeMap<(String, String), Vec<Part>>,
    /// The facts that all instances of a component share, on Linux and elsewhere.
    pub(super) shared: BTreeMap<(Key, bool), Vec<Fact>>,
    /// All processes that run: address, component; with or without files.
    pub(super) running: BTreeSet<(String, Key)>,
    /// The addresses of all machines that carry a component.
    pub(super) machines: BTreeSet<String>,
}

/// The kinds of components that have generated files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dali,
    DfuServer,
    EclAgent,
    EclCcServer,
    EclScheduler,
    Esp,
    BackupNode,
    Spark,
    Ldap,
    Roxie,
    Sasha,
    Thor,
    TopoServer,
    /// Clients that only know the address of a service: `dfuplus`, `eclplus`.
    Client,
}

impl Kind {
    fn of(build_set: &str) -> Option<Self> {
        Some(match build_set {
            "dali" => Self::Dali,
            "dfuserver" => Self::DfuServer,
            "eclagent" => Self::EclAgent,
            "eclccserver" => Self::EclCcServer,
            "eclscheduler" => Self::EclScheduler,
            "esp" => Self::Esp,
            "backupnode" => Self::BackupNode,
            "sparkthor" => Self::Spark,
            "ldapServer" => Self::Ldap,
            "roxie" => Self::Roxie,
            "sasha" => Self::Sasha,
            "thor" => Self::Thor,
            "toposerver" => Self::TopoServer,
            "dfuplus" | "eclplus" => Self::Client,
            _ => return None,
        })
    }

    /// Whether its files keep the layout of what they copy: see [`layout`].
    fn copies_layout(self) -> bool {
        matches!(
            self,
            Self::Dali
                | Self::DfuServer
                | Self::EclAgent
                | Self::EclScheduler
                | Self::Esp
                | Self::Sasha
                | Self::Thor
                | Self::TopoServer
        )
    }

    /// Whether generating its files removes the white space of the environment for all that come later.
    fn strips_layout(self) -> bool {
        matches!(
            self,
            Self::BackupNode
                | Self::EclCcServer
                | Self::Ldap
                | Self::Roxie
                | Self::Spark
                | Self::Thor
                | Self::Client
        )
    }
}

impl Inputs {
    /// Reads the facts of an environment.
    pub(super) fn new(source: &Source<'_>) -> Self {
        let mut inputs = Self { machines: deploy::machines(source), ..Self::default() };
        let mut by_address: BTreeMap<String, Vec<deploy::Deployed<'_>>> = BTreeMap::new();
        for deployed in deploy::all(source) {
            if inputs.machines.contains(&deployed.address) {
                by_address.entry(deployed.address.clone()).or_default().push(deployed);
            }
        }
        let mut orders = order::Orders::default();
        let mut shared: HashSet<(&str, &str, bool)> = HashSet::new();
        for (address, mut deployed) in by_address {
            orders.sort(&mut deployed);
            let mut stripped = false;
            for (index, one) in deployed.iter().enumerate() {
                let key: Key = (one.component.name().to_owned(), one.name.to_owned());
                let Some(kind) = Kind::of(one.build_set) else {
                    inputs.running.insert((address.clone(), key));
                    continue;
                };
                // Of several instances on one machine, the last one's files stay.
                let again = deployed.get(index + 1).is_some_and(|next| {
                    next.component.name() == one.component.name() && next.name == one.name
                });
                if again {
                    continue;
                }
                inputs.running.insert((address.clone(), key.clone()));
                if single::is_refused(source, one.component)
                    && matches!(kind, Kind::EclAgent | Kind::EclScheduler)
                {
                    continue;
                }
                let machine = if kind == Kind::Thor { one.component } else { one.instance };
                let linux = source.is_linux(machine);
                if shared.insert((one.component.name(), one.name, linux)) {
                    let facts = common(source, kind, one.component, linux);
                    inputs.shared.insert((key.clone(), linux), facts);
                }
                let own = own(source, kind, one, linux, stripped);
                let pair = inputs.pairs.entry((address.clone(), one.name.to_owned())).or_default();
                pair.push(Part { key, linux, own });
                stripped |= kind.strips_layout();
            }
        }
        inputs
    }
}

/// What all instances of a component share.
fn common(source: &Source<'_>, kind: Kind, component: &Element, linux: bool) -> Vec<Fact> {
    let mut facts = facts::Facts::new(source, linux);
    match kind {
        Kind::Dali => single::dali(&mut facts, component),
        Kind::DfuServer => single::dfu_server(&mut facts, component),
        Kind::EclAgent => single::ecl_agent(&mut facts, component),
        Kind::EclCcServer => single::ecl_cc_server(&mut facts, component),
        Kind::EclScheduler => single::ecl_scheduler(&mut facts, component),
        Kind::Esp => esp::esp(&mut facts, component),
        Kind::BackupNode => thor_roxie::backup_node(&mut facts, component),
        Kind::Spark => single::spark(&mut facts, component),
        Kind::Ldap => single::ldap(&mut facts, component),
        Kind::Roxie => thor_roxie::roxie(&mut facts, component),
        Kind::Sasha => single::sasha(&mut facts, component),
        Kind::Thor => thor_roxie::thor(&mut facts, component),
        Kind::TopoServer => single::topo_server(&mut facts, component),
        Kind::Client => single::client(&mut facts, component),
    }
    facts.into_list()
}

/// What only this instance has.
fn own(
    source: &Source<'_>,
    kind: Kind,
    deployed: &deploy::Deployed<'_>,
    linux: bool,
    stripped: bool,
) -> Vec<Fact> {
    let mut facts = facts::Facts::new(source, linux);
    if matches!(kind, Kind::EclCcServer | Kind::EclScheduler)
        && deployed.instance.get("name").is_none_or(|name| name.is_empty())
    {
        facts.put("name of the instance", "none");
    }
    if kind == Kind::Esp {
        esp::instance(&mut facts, deployed);
    }
    if kind.copies_layout() {
        layout(&mut facts, kind, deployed.component, stripped);
    }
    facts.into_list()
}

/// Copies of parts of the environment keep its white space, unless a component that came earlier on the
/// same machine had it removed; then they are indented anew. So which components precede this one decides
/// about the layout of its files.
fn layout(facts: &mut facts::Facts<'_>, kind: Kind, component: &Element, stripped: bool) {
    let copies = facts.source.directories().any(|element| element.elements().next().is_some());
    if stripped {
        if copies || kind == Kind::Esp {
            facts.put(Fact::LAYOUT, "indented anew");
        }
    } else if kind == Kind::Esp {
        facts.put(Fact::LAYOUT, esp::gaps(component));
    }
}
