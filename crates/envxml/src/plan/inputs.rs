//! What the files that `configgen` generates are made of.
//!
//! Every pair of an address and a component has *facts*: the values that its generated files take from
//! the environment, in the order and form in which they are used. Two environments give a pair the same
//! files when they give it the same facts. Facts that all instances of a component share are kept once.
//!
//! The rules were found by reading what the transformations of HPCC 7.2.20 select, and by changing one
//! value of an environment at a time and comparing what the real configgen 7.2.20 then generates.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// The facts of all generated files of an environment.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// For each address and component name, the components of that name with the facts that only this
    /// instance has.
    pub(super) pairs: BTreeMap<(String, String), Vec<(Key, Vec<Fact>)>>,
    /// The facts that all instances of a component share.
    pub(super) shared: BTreeMap<Key, Vec<Fact>>,
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
        let mut shared: HashMap<(&str, &str), usize> = HashMap::new();
        for (address, mut deployed) in by_address {
            orders.sort(&mut deployed);
            let mut stripped = false;
            for one in &deployed {
                let key: Key = (one.component.name().to_owned(), one.name.to_owned());
                inputs.running.insert((address.clone(), key.clone()));
                let Some(kind) = Kind::of(one.build_set) else { continue };
                let uses = shared.entry((one.component.name(), one.name)).or_default();
                *uses += 1;
                if *uses == 1 {
                    let facts = common(source, kind, one.component);
                    inputs.shared.insert(key.clone(), facts);
                }
                let own = own(source, kind, one, stripped);
                let pair = inputs.pairs.entry((address.clone(), one.name.to_owned())).or_default();
                // Of several instances on one machine, the last one's files stay.
                match pair.iter_mut().find(|(known, _)| *known == key) {
                    Some(known) => known.1 = own,
                    None => pair.push((key, own)),
                }
                stripped |= kind.strips_layout();
            }
        }
        inputs
    }
}

/// What all instances of a component share.
fn common(source: &Source<'_>, kind: Kind, component: &Element) -> Vec<Fact> {
    let mut facts = facts::Facts::new(source);
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
    stripped: bool,
) -> Vec<Fact> {
    let mut facts = facts::Facts::new(source);
    let machine = if kind == Kind::Thor { deployed.component } else { deployed.instance };
    let system = source.system(machine);
    if !system.eq_ignore_ascii_case("linux") {
        facts.put("operating system", system);
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
