//! Walks two trees side by side.

use std::collections::{BTreeMap, HashMap};

use super::matching::{Matched, by_key, key, value};
use super::{
    AttributeChange, ComponentChange, Diff, ElementChange, InstanceChange, MachineChange, Place,
    Renumbered, Side,
};
use crate::secret;
use crate::tree::Element;
use crate::view::Part;

/// Both environments' machines, and the names that machines have now.
struct Walk {
    diff: Diff,
    old_addresses: HashMap<String, String>,
    new_addresses: HashMap<String, String>,
    /// Old names of machines that have another name now.
    renamed: HashMap<String, String>,
}

pub(super) fn documents(old: &Element, new: &Element) -> Diff {
    let mut walk = Walk {
        diff: Diff::default(),
        old_addresses: addresses(old),
        new_addresses: addresses(new),
        renamed: HashMap::new(),
    };
    walk.machines(old, new);
    walk.attributes(old, new, "", &[]);
    walk.text(old, new, "");
    let matched = by_key(old.elements(), new.elements(), key, key);
    for (one, other) in &matched.pairs {
        let path = one.step();
        match one.name() {
            "Hardware" => walk.element(one, other, &path, &["Computer"]),
            "Software" => walk.software(one, other, &path),
            _ => walk.element(one, other, &path, &[]),
        }
    }
    walk.unmatched(&matched, "");
    walk.finish()
}

fn addresses(root: &Element) -> HashMap<String, String> {
    let mut addresses = HashMap::new();
    for computer in computers(root) {
        let name = value(computer, "name").into_owned();
        let address = value(computer, "netAddress");
        addresses.entry(name).or_insert_with(|| address.into_owned());
    }
    addresses
}

fn computers(root: &Element) -> impl Iterator<Item = &Element> {
    root.children("Hardware").flat_map(|hardware| hardware.children("Computer"))
}

fn is_instance(element: &Element) -> bool {
    Part::ALL.iter().any(|part| part.tag() == element.name())
}

fn owned(element: &Element) -> Vec<(String, String)> {
    let mut attributes: Vec<_> = element
        .attributes()
        .iter()
        .map(|a| (a.name().to_owned(), secret::shown(a.name(), &a.value()).into_owned()))
        .collect();
    attributes.sort();
    attributes
}

fn count(element: &Element) -> usize {
    element.elements().map(|child| 1 + count(child)).sum()
}

impl Walk {
    fn machines(&mut self, old: &Element, new: &Element) {
        let name = |element: &Element| value(element, "name").into_owned();
        let by_name = by_key(computers(old), computers(new), name, name);
        let address = |element: &Element| value(element, "netAddress").into_owned();
        // A machine with an empty address cannot be recognised by it.
        let (gone, nowhere): (Vec<_>, Vec<_>) =
            by_name.removed.iter().partition(|element| !address(element).is_empty());
        let mut by_address =
            by_key(gone.into_iter().copied(), by_name.added.iter().copied(), address, address);
        by_address.removed.extend(nowhere);
        for (one, other) in &by_name.pairs {
            if address(one) != address(other) {
                self.diff.machines.push(MachineChange::Readdressed {
                    name: name(one),
                    old_address: address(one),
                    address: address(other),
                });
            }
        }
        for (one, other) in &by_address.pairs {
            self.renamed.insert(name(one), name(other));
            self.diff.machines.push(MachineChange::Renamed {
                name: name(other),
                old_name: name(one),
                address: address(other),
            });
        }
        for (one, other) in by_name.pairs.iter().chain(&by_address.pairs) {
            let path = format!("Hardware/{}", other.step());
            self.attributes(one, other, &path, &["name", "netAddress"]);
            self.children(one, other, &path, &[]);
        }
        for element in by_address.removed {
            let (name, address) = (name(element), address(element));
            self.diff.machines.push(MachineChange::Removed { name, address });
        }
        for element in by_address.added {
            let (name, address) = (name(element), address(element));
            self.diff.machines.push(MachineChange::Added { name, address });
        }
    }

    fn software(&mut self, old: &Element, new: &Element, path: &str) {
        self.attributes(old, new, path, &[]);
        self.text(old, new, path);
        let matched = by_key(old.elements(), new.elements(), key, key);
        for (one, other) in &matched.pairs {
            self.component(one, other, &format!("{path}/{}", one.step()));
        }
        for (elements, side) in [(&matched.removed, Side::Removed), (&matched.added, Side::Added)] {
            for element in elements {
                if matches!(element.name(), "Directories" | "Topology") {
                    self.only(element, path, side);
                } else {
                    self.diff.components.push(ComponentChange {
                        process: element.name().to_owned(),
                        name: value(element, "name").into_owned(),
                        change: side,
                        instances: element.elements().filter(|child| is_instance(child)).count(),
                    });
                }
            }
        }
    }

    fn component(&mut self, old: &Element, new: &Element, path: &str) {
        self.attributes(old, new, path, &[]);
        self.text(old, new, path);
        let tags: Vec<&str> = Part::ALL.iter().map(|part| part.tag()).collect();
        self.children(old, new, path, &tags);
        for tag in tags {
            self.instances(old, new, path, tag);
        }
    }

    /// Instances are matched by their machine; what is left by their own name, or as the only ones left.
    fn instances(&mut self, old: &Element, new: &Element, path: &str, tag: &str) {
        let renamed = &self.renamed;
        let old_machine = |element: &Element| {
            let machine = machine(element);
            renamed.get(&machine).cloned().unwrap_or(machine)
        };
        let matched = by_key(old.children(tag), new.children(tag), old_machine, machine);
        let mut renumbered: Option<Renumbered> = None;
        let process = new.name().to_owned();
        let component = value(new, "name").into_owned();
        for (one, other) in &matched.pairs {
            let place = format!("{path}/{tag}[@computer='{}']", machine(other));
            let (old_name, new_name) = (value(one, "name"), value(other, "name"));
            // Roxie servers are called like their machine.
            let follows = self.renamed.get(&*old_name).is_some_and(|name| *name == new_name);
            if old_name != new_name && !follows {
                let example =
                    (machine(other), old_name.clone().into_owned(), new_name.clone().into_owned());
                let entry = renumbered.get_or_insert_with(|| Renumbered {
                    process: process.clone(),
                    component: component.clone(),
                    part: tag.to_owned(),
                    count: 0,
                    example: example.clone(),
                });
                entry.count += 1;
                entry.example = entry.example.clone().min(example);
            }
            let mut skipped = vec!["name", "computer"];
            if self.address_follows(one, other) {
                skipped.push("netAddress");
            }
            self.attributes(one, other, &place, &skipped);
            self.text(one, other, &place);
            self.children(one, other, &place, &[]);
        }
        self.diff.renumbered.extend(renumbered);
        let own_name = |element: &Element| value(element, "name").into_owned();
        let mut by_name =
            by_key(matched.removed.into_iter(), matched.added.into_iter(), own_name, own_name);
        if let ([one], [other]) = (by_name.removed.as_slice(), by_name.added.as_slice()) {
            by_name.pairs.push((one, other));
            by_name.removed.clear();
            by_name.added.clear();
        }
        let change = |walk: &Self, old: Option<&Element>, new: Option<&Element>| InstanceChange {
            process: process.clone(),
            component: component.clone(),
            part: tag.to_owned(),
            old: old.map(|element| place(element, &walk.old_addresses)),
            new: new.map(|element| place(element, &walk.new_addresses)),
        };
        let mut changes = Vec::new();
        for (one, other) in &by_name.pairs {
            changes.push(change(self, Some(one), Some(other)));
        }
        changes.extend(by_name.removed.iter().map(|element| change(self, Some(element), None)));
        changes.extend(by_name.added.iter().map(|element| change(self, None, Some(element))));
        self.diff.instances.extend(changes);
        for (one, other) in by_name.pairs {
            let place = format!("{path}/{tag}[@computer='{}']", machine(other));
            self.attributes(one, other, &place, &["name", "computer", "netAddress"]);
            self.children(one, other, &place, &[]);
        }
    }

    /// Whether an instance's own address is only that of its machine, in both environments.
    fn address_follows(&self, old: &Element, new: &Element) -> bool {
        let is_machines = |element: &Element, addresses: &HashMap<String, String>| {
            let own = value(element, "netAddress");
            addresses.get(&*value(element, "computer")).is_some_and(|address| *address == own)
        };
        is_machines(old, &self.old_addresses) && is_machines(new, &self.new_addresses)
    }

    fn element(&mut self, old: &Element, new: &Element, path: &str, skipped: &[&str]) {
        self.attributes(old, new, path, &[]);
        self.text(old, new, path);
        self.children(old, new, path, skipped);
    }

    fn children(&mut self, old: &Element, new: &Element, path: &str, skipped: &[&str]) {
        let wanted = |element: &&Element| !skipped.contains(&element.name());
        let matched =
            by_key(old.elements().filter(wanted), new.elements().filter(wanted), key, key);
        for (one, other) in &matched.pairs {
            self.element(one, other, &format!("{path}/{}", key(other)), &[]);
        }
        self.unmatched(&matched, path);
    }

    fn unmatched(&mut self, matched: &Matched<'_>, path: &str) {
        for element in &matched.removed {
            self.only(element, path, Side::Removed);
        }
        for element in &matched.added {
            self.only(element, path, Side::Added);
        }
    }

    fn only(&mut self, element: &Element, path: &str, change: Side) {
        let separator = if path.is_empty() { "" } else { "/" };
        self.diff.elements.push(ElementChange {
            path: format!("{path}{separator}{}", key(element)),
            change,
            attributes: owned(element),
            inner: count(element),
        });
    }

    fn attributes(&mut self, old: &Element, new: &Element, path: &str, skipped: &[&str]) {
        let mut both: BTreeMap<&str, (Option<String>, Option<String>)> = BTreeMap::new();
        for attribute in old.attributes() {
            let value = attribute.value();
            if new.get(attribute.name()).as_ref() != Some(&value) {
                both.entry(attribute.name()).or_default().0 = Some(value.into_owned());
            }
        }
        for attribute in new.attributes() {
            let value = attribute.value();
            if old.get(attribute.name()).as_ref() != Some(&value) {
                both.entry(attribute.name()).or_default().1 = Some(value.into_owned());
            }
        }
        let separator = if path.is_empty() { "" } else { "/" };
        for (name, (old, new)) in both {
            if !skipped.contains(&name) {
                let path = format!("{path}{separator}@{name}");
                let shown = |value: Option<String>| {
                    value.map(|value| secret::shown(name, &value).into_owned())
                };
                let (old, new) = (shown(old), shown(new));
                self.diff.attributes.push(AttributeChange { path, old, new });
            }
        }
    }

    fn text(&mut self, old: &Element, new: &Element, path: &str) {
        let (old, new) = (old.text(), new.text());
        let (old, new) = (old.trim(), new.trim());
        if old != new {
            let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let path = format!("{path}/text()");
            self.diff.attributes.push(AttributeChange { path, old: given(old), new: given(new) });
        }
    }

    fn finish(self) -> Diff {
        let mut diff = self.diff;
        diff.machines.sort();
        diff.components.sort();
        diff.instances.sort();
        diff.renumbered.sort();
        diff.attributes.sort();
        diff.elements.sort();
        diff
    }
}

/// What tells on which machine an instance runs.
fn machine(element: &Element) -> String {
    let computer = value(element, "computer");
    let machine = if computer.is_empty() { value(element, "netAddress") } else { computer };
    machine.into_owned()
}

fn place(element: &Element, addresses: &HashMap<String, String>) -> Place {
    let computer = value(element, "computer").into_owned();
    let own = || value(element, "netAddress").into_owned();
    let address = addresses.get(&computer).cloned().unwrap_or_else(own);
    Place { computer, address }
}
