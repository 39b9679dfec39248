//! Differences in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{AttributeChange, Diff, InstanceChange, MachineChange, Place, Side};

/// How many machines or alike lines are shown before the rest is only counted.
const SHOWN: usize = 8;

pub(super) fn text(diff: &Diff) -> String {
    let mut out = String::new();
    section(&mut out, "machines", diff.machines.iter().map(machine).collect());
    let components = diff.components.iter().map(|change| {
        let count = match change.instances {
            0 => String::new(),
            1 => " (1 instance)".to_owned(),
            many => format!(" ({many} instances)"),
        };
        format!("{} {} {}{count}", sign(change.change), change.process, change.name)
    });
    section(&mut out, "components", components.collect());
    section(&mut out, "instances", instances(diff));
    section(&mut out, "attributes", attributes(&diff.attributes));
    let elements = diff.elements.iter().map(|change| {
        let mut line = format!("{} {}", sign(change.change), change.path);
        let shown: Vec<String> = change
            .attributes
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        if !shown.is_empty() {
            let _ = write!(line, " ({})", cut(&shown, ", "));
        }
        if change.inner > 0 {
            let _ = write!(line, " with {} inner elements", change.inner);
        }
        line
    });
    section(&mut out, "elements", elements.collect());
    out
}

fn section(out: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    out.push_str(title);
    out.push('\n');
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}

fn sign(side: Side) -> char {
    match side {
        Side::Removed => '-',
        Side::Added => '+',
    }
}

/// A list of which the tail is only counted.
pub(crate) fn cut(items: &[String], separator: &str) -> String {
    if items.len() <= SHOWN {
        return items.join(separator);
    }
    format!("{}{separator}and {} more", items[..SHOWN].join(separator), items.len() - SHOWN)
}

fn machine(change: &MachineChange) -> String {
    match change {
        MachineChange::Removed { name, address } => format!("- {name} {address}"),
        MachineChange::Added { name, address } => format!("+ {name} {address}"),
        MachineChange::Renamed { name, old_name, address } => {
            format!("~ {old_name} is now called {name} ({address})")
        }
        MachineChange::Readdressed { name, old_address, address } => {
            format!("~ {name} {old_address} -> {address}")
        }
    }
}

fn place(place: &Place) -> String {
    match (place.computer.as_str(), place.address.as_str()) {
        ("", address) => address.to_owned(),
        (computer, "") => computer.to_owned(),
        (computer, address) => format!("{computer} ({address})"),
    }
}

fn instances(diff: &Diff) -> Vec<String> {
    let mut groups: BTreeMap<(&str, &str, &str, char), Vec<String>> = BTreeMap::new();
    for change in &diff.instances {
        let InstanceChange { process, component, part, old, new } = change;
        let (sign, what) = match (old, new) {
            (Some(old), Some(new)) => ('>', format!("{} -> {}", place(old), place(new))),
            (Some(old), None) => ('-', place(old)),
            (None, Some(new)) => ('+', place(new)),
            (None, None) => continue,
        };
        groups.entry((process, component, part, sign)).or_default().push(what);
    }
    let mut lines: Vec<String> = groups
        .into_iter()
        .map(|((process, component, part, sign), places)| {
            let count =
                if places.len() > 1 { format!("{} x ", places.len()) } else { String::new() };
            format!("{sign} {process} {component}: {count}{part} {}", cut(&places, ", "))
        })
        .collect();
    lines.extend(diff.renumbered.iter().map(|change| {
        let (machine, old, new) = &change.example;
        format!(
            "~ {} {}: {} x {} renumbered (on {machine}: {old} -> {new})",
            change.process, change.component, change.count, change.part
        )
    }));
    lines
}

/// The same change at many machines is one line.
fn attributes(changes: &[AttributeChange]) -> Vec<String> {
    type Alike<'c> = (String, &'c Option<String>, &'c Option<String>);
    let mut groups: BTreeMap<Alike<'_>, Vec<&AttributeChange>> = BTreeMap::new();
    for change in changes {
        let kind = match change.path.split_once("[@computer='") {
            Some((before, after)) => {
                format!("{before}[{}", after.split_once(']').map_or("", |(_, tail)| tail))
            }
            None => change.path.clone(),
        };
        groups.entry((kind, &change.old, &change.new)).or_default().push(change);
    }
    let mut lines = Vec::new();
    for changes in groups.into_values() {
        for change in changes.iter().take(2) {
            lines.push(attribute(change));
        }
        match changes.len() {
            0..=2 => {}
            many => lines.push(format!("  ... and so at {} more", many - 2)),
        }
    }
    lines
}

fn attribute(change: &AttributeChange) -> String {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("~ {}: {old:?} -> {new:?}", change.path),
        (None, Some(new)) => format!("+ {}: {new:?}", change.path),
        (Some(old), None) => format!("- {}: {old:?}", change.path),
        (None, None) => String::new(),
    }
}
