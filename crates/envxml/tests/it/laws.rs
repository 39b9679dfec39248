//! Laws of placement: whatever roles there are, each has exactly its machines, and the file has no fault.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};

use envxml::catalogue::Catalogue;
use envxml::compat::EnvgenArgs;
use envxml::lint::{LintOptions, Severity, lint};
use envxml::view::{Component, Part};
use envxml::{Document, Environment, place};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use topology::spec::ThorSpec;
use topology::{ClusterName, ClusterSpec, Machine, Placement, Role, RoleKey};

/// Single-instance roles that may have machines of their own.
const SINGLE: [Role; 8] = [
    Role::Dali,
    Role::Sasha,
    Role::DfuServer,
    Role::EclAgent,
    Role::EclCcServer,
    Role::EclScheduler,
    Role::DropZone,
    Role::BackupNode,
];

/// What a cluster has of each role, before there are any addresses.
#[derive(Debug, Clone)]
struct Sizes {
    support: usize,
    /// Slaves, whether there is a machine for the master, slaves on each machine.
    thor: BTreeMap<String, (usize, bool, u32)>,
    roxie: BTreeMap<String, usize>,
    esp: BTreeMap<String, usize>,
    own: Vec<Role>,
    /// What addresses look like: 0 IPv4, 1 IPv6, 2 host names.
    kind: usize,
    version: &'static str,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    (
        1..=5_usize,
        btree_map("t[a-z]{0,3}", (1..5_usize, any::<bool>(), 1..4_u32), 1..=3),
        btree_map("r[a-z]{0,3}", 1..4_usize, 0..=2),
        btree_map("e[a-z]{0,3}", 1..3_usize, 0..=2),
        proptest::sample::subsequence(SINGLE.to_vec(), 0..=SINGLE.len()),
        0..3_usize,
        prop_oneof![Just("7.2"), Just("10")],
    )
        .prop_map(|(support, thor, roxie, esp, own, kind, version)| Sizes {
            support,
            thor,
            roxie,
            esp,
            own,
            kind,
            version,
        })
}

impl Sizes {
    /// Machines for all roles: nobody has two.
    fn placement(&self) -> (Placement, ClusterSpec) {
        let mut placement = Placement::new();
        let mut spec = ClusterSpec::default();
        let mut count = 0_usize;
        let mut add = |key: RoleKey| {
            count += 1;
            let address = match self.kind {
                // The last two octets are those of others too: names must stay apart.
                0 => format!("10.{}.0.{}", count % 7, count),
                1 => format!("fd00:{}::{count}", count % 7),
                _ => format!("m-{}.s{}.hpcc.svc.cluster.local", count / 2, count % 2),
            };
            placement.insert(key, Machine::new(address.parse().unwrap()));
        };
        let name = |text: &String| -> ClusterName { text.parse().unwrap() };
        (0..self.support).for_each(|_| add(RoleKey::single(Role::Support)));
        for (cluster, (slaves, own_master, slaves_per_node)) in &self.thor {
            let cluster = name(cluster);
            (0..*slaves).for_each(|_| add(RoleKey::of(Role::ThorSlave, &cluster)));
            if *own_master {
                add(RoleKey::of(Role::ThorMaster, &cluster));
            }
            let thor = ThorSpec { slaves_per_node: *slaves_per_node, ..ThorSpec::default() };
            spec.thor.insert(cluster, thor);
        }
        for (role, clusters) in [(Role::Roxie, &self.roxie), (Role::Esp, &self.esp)] {
            for (cluster, size) in clusters {
                (0..*size).for_each(|_| add(RoleKey::of(role, &name(cluster))));
            }
        }
        for role in &self.own {
            add(RoleKey::single(*role));
        }
        (placement, spec)
    }
}

/// The addresses of the instances of a component that do one part.
fn addresses(component: &Component<'_>, part: Part) -> BTreeSet<String> {
    component.part(part).map(|one| one.address.clone().unwrap().into_owned()).collect()
}

/// The addresses of a role's machines.
fn machines(placement: &Placement, key: &RoleKey) -> BTreeSet<String> {
    placement.machines(key).iter().map(|machine| machine.address.to_string()).collect()
}

fn errors(document: &Document) -> Vec<String> {
    let findings = lint(document, &LintOptions::default());
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

/// What is written is read as it was, and written again without a change.
fn survives(document: &Document) -> Result<(), TestCaseError> {
    let text = document.to_envgen_text();
    let read = Document::parse(&text).unwrap();
    prop_assert!(read.to_text() == text);
    prop_assert!(read.to_envgen_text() == text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn each_role_has_exactly_its_machines_and_the_file_has_no_fault(sizes in sizes()) {
        let (placement, spec) = sizes.placement();
        let catalogue = Catalogue::for_version(sizes.version).unwrap().catalogue;
        prop_assert!(placement.validate().is_empty());
        let placed = place::from_roles(&placement, &spec, catalogue).unwrap();
        let document = placed.blueprint.document(catalogue, "host");
        let environment = Environment::new(&document);
        let support = machines(&placement, &RoleKey::single(Role::Support));
        let all: BTreeSet<String> =
            placement.all_machines().iter().map(|one| one.address.to_string()).collect();

        for (key, wanted) in placement.iter() {
            let wanted: BTreeSet<String> = wanted.iter().map(|one| one.address.to_string()).collect();
            let Some(build_set) = key.role().build_set() else { continue };
            let part = match key.role() {
                Role::ThorMaster => Part::ThorMaster,
                Role::ThorSlave => Part::ThorSlave,
                Role::Roxie => Part::RoxieServer,
                _ => Part::Process,
            };
            let of_set = environment.components.iter().filter(|one| one.build_set.as_deref() == Some(build_set));
            let named: Vec<_> =
                of_set.filter(|one| key.cluster().is_none_or(|name| one.name == name.as_str())).collect();
            prop_assert_eq!(named.len(), 1, "{}", key);
            if key.role() == Role::DropZone {
                let server = named[0].element.child("ServerList").and_then(|list| list.get("server"));
                prop_assert_eq!(server.map(|one| [one.into_owned()].into()), Some(wanted));
            } else {
                prop_assert_eq!(addresses(named[0], part), wanted, "{}", key);
            }
        }
        for (cluster, (slaves, own_master, per_node)) in &sizes.thor {
            let thor = environment.named("ThorCluster", cluster).unwrap();
            let master = addresses(thor, Part::ThorMaster);
            prop_assert_eq!(master.len(), 1);
            prop_assert!(*own_master || master.is_subset(&support));
            prop_assert_eq!(thor.part(Part::ThorSlave).count(), *slaves);
            prop_assert_eq!(thor.element.get("slavesPerNode").unwrap(), per_node.to_string());
        }
        for role in SINGLE.into_iter().filter(|role| role.falls_to_support() && !sizes.own.contains(role)) {
            let found = environment.components.iter().find(|one| one.build_set.as_deref() == role.build_set());
            if role != Role::DropZone {
                let found = addresses(found.unwrap(), Part::Process);
                prop_assert!(found.len() == 1 && found.is_subset(&support), "{}: {:?}", role, found);
            }
        }
        for tag in ["DafilesrvProcess", "FTSlaveProcess"] {
            let everywhere = environment.of_process(tag).next().unwrap();
            prop_assert_eq!(&addresses(everywhere, Part::Process), &all);
        }
        let names: BTreeSet<_> = environment.computers.iter().map(|computer| &computer.name).collect();
        prop_assert_eq!(names.len(), all.len());
        prop_assert_eq!(errors(&document), Vec::<String>::new());
        survives(&document)?;
    }
}

/// A command line of envgen: how many of each, and addresses for a part of it.
#[derive(Debug, Clone)]
struct Line {
    counts: [i32; 4],
    slaves_per_node: i32,
    general: usize,
    assigned: [Option<usize>; 4],
    share: bool,
}

fn line() -> impl Strategy<Value = Line> {
    (
        [0..4_i32, 0..4, 0..4, 0..3],
        1..3_i32,
        1..12_usize,
        [
            option::weighted(0.3, 1..6_usize),
            option::weighted(0.3, 1..6_usize),
            option::weighted(0.3, 1..4_usize),
            option::weighted(0.2, 1..3_usize),
        ],
        any::<bool>(),
    )
        .prop_map(|(counts, slaves_per_node, general, assigned, share)| Line {
            counts,
            slaves_per_node,
            general,
            assigned,
            share,
        })
}

impl Line {
    fn arguments(&self) -> (EnvgenArgs, String) {
        let [support_nodes, roxie_nodes, thor_nodes, esp_nodes] = self.counts;
        let assigned = ["thor", "roxie", "esp", "dali"].iter().zip(self.assigned).enumerate();
        let assigned = assigned.filter_map(|(at, (build_set, size))| {
            Some(((*build_set).to_owned(), format!("10.1.{}.0-{}", at + 1, size?)))
        });
        let arguments = EnvgenArgs {
            support_nodes,
            roxie_nodes,
            thor_nodes,
            esp_nodes,
            slaves_per_node: self.slaves_per_node,
            assigned: assigned.collect(),
            ..EnvgenArgs::default()
        };
        (arguments, format!("10.1.0.1-{}", self.general))
    }
}

/// What a part of all components of a kind runs on.
fn all_of(environment: &Environment<'_>, tag: &str, part: Part) -> BTreeSet<String> {
    environment.of_process(tag).flat_map(|component| addresses(component, part)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_command_line_that_is_accepted_gives_no_fault_and_no_slave_on_roxie(line in line()) {
        let (arguments, addresses) = line.arguments();
        let catalogue = Catalogue::newest();
        let Ok(placed) = place::from_list(&arguments, &addresses, catalogue, line.share, &|_| None) else {
            return Ok(());
        };
        let document = placed.blueprint.document(catalogue, "host");
        let environment = Environment::new(&document);
        prop_assert_eq!(errors(&document), Vec::<String>::new());
        let slaves = all_of(&environment, "ThorCluster", Part::ThorSlave);
        let servers = all_of(&environment, "RoxieCluster", Part::RoxieServer);
        // One machine carries everything, and with `share` machines are shared.
        if environment.computers.len() > 1 && !placed.notes.iter().any(|note| note.contains("--share")) {
            prop_assert!(slaves.is_disjoint(&servers), "{:?} {:?}", slaves, servers);
            prop_assert_eq!(slaves.len(), usize::try_from(line.counts[2]).unwrap());
            prop_assert_eq!(servers.len(), usize::try_from(line.counts[1]).unwrap());
        }
        survives(&document)?;
    }
}

#[test]
fn enough_command_lines_are_accepted_for_the_law_to_mean_something() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = vec(line(), 400)
        .new_tree(&mut runner)
        .unwrap()
        .current()
        .iter()
        .filter(|line| {
            let (arguments, addresses) = line.arguments();
            let placed =
                place::from_list(&arguments, &addresses, Catalogue::newest(), false, &|_| None);
            placed.is_ok_and(|placed| placed.blueprint.machines.len() > 1)
        })
        .count();
    assert!(accepted > 100, "only {accepted} of 400");
}
