//! Components: names, builds, and whether they run where they must.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::context::{Context, Placed, title};
use super::findings::Findings;
use super::{Rule, Severity};
use crate::tree::Element;
use crate::view::Part;

/// Components that do nothing without an instance.
const MUST_RUN: [&str; 9] = [
    "DaliServerProcess",
    "DfuServerProcess",
    "EclAgentProcess",
    "EclCCServerProcess",
    "EclSchedulerProcess",
    "EspProcess",
    "LDAPServerProcess",
    "SashaServerProcess",
    "TopoServerProcess",
];

/// What HPCC does not run itself.
const FOREIGN: [&str; 2] = ["LDAPServerProcess", "MySQLProcess"];

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    names(context, found);
    builds(context, found);
    instances(context, found);
    dali(context, found);
    file_services(context, found);
}

fn names<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let mut kinds = HashSet::new();
    // The folder below /var/lib/HPCCSystems and the process id have the component's name.
    let mut folders: HashMap<(usize, &str), &Placed<'_, '_>> = HashMap::new();
    for placed in &context.components {
        let component = placed.component;
        let name = &*component.name;
        let runs = !component.instances.is_empty();
        if name.is_empty() {
            if runs {
                found.add(
                    Rule::MissingName,
                    &placed.chain(),
                    Some("name"),
                    format!("{} runs, but has no name", component.process),
                    "give it a name",
                );
            }
            continue;
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            found.add(
                Rule::BadName,
                &placed.chain(),
                Some("name"),
                format!("HPCC refuses the name {name:?}"),
                "use letters, digits, `-` and `_` only",
            );
        }
        let first = kinds.insert((component.process, name));
        let mut other = None;
        for machine in placed.machines.iter().flatten() {
            let owner = folders.entry((*machine, name)).or_insert(placed);
            if !std::ptr::eq(owner.component, component) {
                other.get_or_insert(*owner);
            }
        }
        if !first {
            found.add(
                Rule::DuplicateComponent,
                &placed.chain(),
                Some("name"),
                format!("another {} is named {name}, too", component.process),
                "give each its own name",
            );
        } else if let Some(other) = other {
            found.add(
                Rule::DuplicateComponent,
                &placed.chain(),
                Some("name"),
                format!("{} on the same machine has the same name and folder", other.title()),
                "give each its own name",
            );
        }
    }
}

fn builds<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let root = context.environment.root;
    let mut builds: HashMap<Cow<'_, str>, HashSet<Cow<'_, str>>> = HashMap::new();
    for programs in root.children("Programs") {
        for build in programs.children("Build") {
            let name = build.get("name").unwrap_or_default();
            let mut duplicate = |chain: &[&'d Element], name: &str| {
                found.add(
                    Rule::DuplicateBuild,
                    chain,
                    Some("name"),
                    format!("another {} is named {name}, too", chain[chain.len() - 1].name()),
                    "remove one of the two: configgen refuses them",
                );
            };
            let new = !builds.contains_key(&name);
            if !new {
                duplicate(&[programs, build], &name);
            }
            let known = builds.entry(name).or_default();
            for set in build.children("BuildSet") {
                let name = set.get("name").unwrap_or_default();
                if !known.insert(name.clone()) && new {
                    duplicate(&[programs, build, set], &name);
                }
            }
        }
    }
    let topologies = context.in_software("Topology").map(|chain| (chain, true));
    let components = context
        .components
        .iter()
        .map(|placed| (placed.chain(), placed.component.instances.is_empty()));
    for (chain, idle) in components.chain(topologies) {
        let element = chain[1];
        let (build, set) = (element.get("build"), element.get("buildSet"));
        let Some(set) = set.filter(|set| !set.is_empty()) else {
            if !idle {
                found.add(
                    Rule::MissingBuildSet,
                    &chain,
                    Some("buildSet"),
                    format!("{} has no buildSet, so it is never started", element.name()),
                    "set buildSet to the name of its BuildSet below Programs/Build",
                );
            }
            continue;
        };
        let build = build.unwrap_or_default();
        if builds.is_empty() {
            // Without programs each component would be a finding.
            found.add(
                Rule::UnknownBuild,
                &[],
                None,
                "there is no build below Programs",
                "add Programs/Build with the buildsets of the components",
            );
            return;
        }
        match builds.get(&build) {
            None => found.add(
                Rule::UnknownBuild,
                &chain,
                Some("build"),
                format!("there is no build {build:?}"),
                "set build to the name of a Build below Programs",
            ),
            Some(sets) if !sets.contains(&set) => found.add(
                if element.name() == "EspService" {
                    Rule::UnknownServiceBuildSet
                } else {
                    Rule::UnknownBuildSet
                },
                &chain,
                Some("buildSet"),
                format!("build {build} has no buildset {set:?}"),
                "correct buildSet, or add the BuildSet to the build",
            ),
            Some(_) => {}
        }
    }
}

fn instances<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let dali_is_used = dali_user(context).is_some();
    for placed in &context.components {
        let component = placed.component;
        // That no Dali runs is more than that this one does not.
        let told = dali_is_used && placed.is("DaliServerProcess");
        if component.instances.is_empty() && MUST_RUN.contains(&component.process) && !told {
            found.add(
                Rule::ComponentWithoutInstance,
                &placed.chain(),
                None,
                format!("{} runs on no machine", placed.title()),
                "add an Instance, or remove the component",
            );
        }
        let mut seen = HashSet::new();
        let mut names = HashSet::new();
        let folder = component.element.get("directory").is_some_and(|folder| !folder.is_empty());
        for (instance, machine) in placed.instances() {
            let own = instance.element.get("directory").is_some_and(|own| !own.is_empty());
            if instance.part == Part::Process && !own && !folder {
                found.add(
                    Rule::MissingDirectory,
                    &placed.below(instance.element),
                    Some("directory"),
                    format!("this instance of {} has no directory", placed.title()),
                    format!("set directory, as /var/lib/HPCCSystems/{}", component.name),
                );
            }
            // HPCC finds these instances by name.
            if matches!(instance.part, Part::Process | Part::RoxieServer) {
                let chain = placed.below(instance.element);
                if instance.name.is_empty() {
                    found.add(
                        Rule::MissingName,
                        &chain,
                        Some("name"),
                        format!("this instance of {} has no name", placed.title()),
                        "give it a name",
                    );
                } else if !names.insert((instance.part, &*instance.name)) {
                    found.add(
                        Rule::DuplicateInstanceName,
                        &chain,
                        Some("name"),
                        format!("another instance of {} has the same name", placed.title()),
                        "give each instance its own name",
                    );
                }
            }
            let Some(machine) = machine else { continue };
            if !seen.insert((instance.part, machine)) {
                let machine = context.machines[machine].title();
                let help = match instance.part {
                    Part::ThorSlave => "remove one of the two; for more slaves set slavesPerNode",
                    _ => "remove one of the two",
                };
                found.add(
                    Rule::DuplicateInstance,
                    &placed.below(instance.element),
                    Some("computer"),
                    format!("{} is on {machine} already", placed.title()),
                    help,
                );
            }
        }
    }
}

/// The first component that runs and uses Dali.
fn dali_user<'c, 'e, 'd>(context: &'c Context<'e, 'd>) -> Option<&'c Placed<'e, 'd>> {
    context.components.iter().find(|placed| {
        let component = placed.component;
        let uses = component.element.get("daliServers").is_some_and(|name| !name.is_empty());
        uses && !component.instances.is_empty()
    })
}

fn dali<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    let dalis: Vec<_> = context.of("DaliServerProcess").collect();
    let mut running = dalis
        .iter()
        .flat_map(|dali| dali.instances().map(move |(instance, _)| dali.below(instance.element)));
    if running.next().is_none()
        && let Some(user) = dali_user(context)
    {
        let chain = dalis.first().map_or(vec![user.software], |dali| dali.chain().into());
        found.add(
            Rule::NoDali,
            &chain,
            None,
            format!("{} needs Dali, but no Dali runs", title(user.component)),
            "add a DaliServerProcess with an Instance",
        );
    }
    for more in running {
        found.add(
            Rule::SeveralDalis,
            &more,
            None,
            "another Dali runs already",
            "keep one Dali: components use one, and each has its own store",
        );
    }
}

/// `dafilesrv` on each machine that runs something, `ftslave` on each that holds files.
fn file_services<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    for (index, machine) in context.machines.iter().enumerate() {
        let runs = |process: &str| context.on(index).any(|(placed, _)| placed.is(process));
        let is_drop_zone = context.drop_zones.contains(&index);
        let mut others = context.on(index).filter(|(placed, _)| {
            !placed.is("DafilesrvProcess")
                && !placed.is("FTSlaveProcess")
                && !FOREIGN.contains(&placed.component.process)
        });
        let user = match others.next() {
            Some((placed, instance)) => {
                let tag = instance.part.tag();
                let part = if tag == "Instance" { placed.component.process } else { tag };
                format!("{part} of {}", placed.component.name)
            }
            None if is_drop_zone => "a drop zone".to_owned(),
            None => continue,
        };
        // HPCC refuses a file with a thor slave that lacks one of the two.
        let slave = context.on(index).any(|(_, instance)| instance.part == Part::ThorSlave);
        let severity = |rule: Rule| if slave { Severity::Error } else { rule.severity() };
        if !runs("DafilesrvProcess") {
            found.add_as(
                severity(Rule::MissingDafilesrv),
                Rule::MissingDafilesrv,
                &machine.chain,
                None,
                format!("{} runs {user}, but no dafilesrv", machine.title()),
                "add an Instance of DafilesrvProcess on this computer",
            );
        }
        let holds_files = context
            .on(index)
            .any(|(_, instance)| matches!(instance.part, Part::ThorSlave | Part::RoxieServer));
        if (holds_files || is_drop_zone) && !runs("FTSlaveProcess") {
            found.add_as(
                severity(Rule::MissingFtslave),
                Rule::MissingFtslave,
                &machine.chain,
                None,
                format!("{} holds files, but runs no ftslave", machine.title()),
                "add an Instance of FTSlaveProcess on this computer",
            );
        }
    }
}
