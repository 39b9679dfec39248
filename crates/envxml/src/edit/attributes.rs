//! Attributes: of components, of build sets, of paths; and the common directories.

use super::component::show;
use super::kind::Kind;
use super::work::Work;
use super::{Assignment, Category, Problem, Selector, Subject, template};
use crate::tree::{Element, NodePath, Predicate, Step, XPath};

/// Attributes that name another component: the tag of that, the element that has the attribute, the attribute.
const NAMES: &[(&str, &str, &str)] = &[
    ("DaliServerProcess", "*", "daliServers"),
    ("EspService", "EspBinding", "service"),
    ("ThorCluster", "NodeGroup", "name"),
    ("ThorCluster", "SparkThorProcess", "ThorClusterName"),
    ("LDAPServerProcess", "Authentication", "ldapServer"),
];

impl Work {
    /// Sets attributes of one element; gives how many were set or had the value already.
    pub(super) fn assign(&mut self, place: &[usize], attributes: &[Assignment]) -> usize {
        let mut count = 0;
        for Assignment { name, value, old } in attributes {
            let before = self.value(place, name);
            if let Some(old) = old
                && !before.as_ref().is_some_and(|before| before.eq_ignore_ascii_case(old))
            {
                continue;
            }
            count += 1;
            self.look_at(place, name, before.as_deref(), value);
            self.set(place, name, value);
        }
        count
    }

    /// Warns of a value that the attribute can hardly mean.
    fn look_at(&mut self, place: &[usize], name: &str, before: Option<&str>, value: &str) {
        let yes_or_no =
            |text: &str| matches!(text, "true" | "false" | "yes" | "no" | "1" | "0" | "");
        let is_boolean = before.is_some_and(|before| before == "true" || before == "false");
        let path = self.path(place);
        let Ok(element) = self.at(place) else { return };
        let known = element
            .get("buildSet")
            .and_then(|set| template::catalogue(self.root()).component(element.name(), Some(&set)));
        let attribute = known.and_then(|known| known.attributes.get(name));
        let unknown = known.is_some() && attribute.is_none() && before.is_none();
        let kind = attribute.and_then(|attribute| attribute.kind.as_deref()).unwrap_or_default();
        let boolean = is_boolean || kind == "boolean";
        let number = matches!(kind, "nonNegativeInteger" | "positiveInteger" | "integer")
            && !value.is_empty()
            && value.parse::<i64>().is_err();
        let values = attribute.map(|attribute| attribute.values.clone()).unwrap_or_default();
        let like = unknown.then(|| {
            let names = known.iter().flat_map(|known| known.attributes.keys()).map(String::as_str);
            diagnostics::nearest(name, names).map(str::to_owned)
        });
        // The attribute may belong to a child: ESP's `method` to its `Authentication`.
        let child = unknown
            .then(|| element.elements().find(|child| child.get(name).is_some()).map(Element::step))
            .flatten();
        if boolean && !yes_or_no(&value.to_ascii_lowercase()) {
            self.warn(format!("{path}/@{name} is true or false, and {value:?} is neither"));
        } else if number {
            self.warn(format!("{path}/@{name} is a number, and {value:?} is none"));
        } else if !values.is_empty() && !values.iter().any(|allowed| allowed == value) {
            self.warn(format!("{path}/@{name} is one of {}, not {value:?}", values.join(", ")));
        } else if let Some(child) = child {
            self.warn(format!("{path} has no attribute {name:?}, but its {child} has"));
        } else if let Some(like) = like {
            let like = like.map(|like| format!("; did you mean {like:?}?")).unwrap_or_default();
            self.warn(format!("{path} has no attribute {name:?} in this version{like}"));
        }
    }

    /// Sets attributes of components or of elements inside them.
    pub(super) fn modify(
        &mut self,
        subject: &Subject,
        selector: Option<&Selector>,
        attributes: &[Assignment],
    ) -> Result<(), Problem> {
        let tag = Kind::of(subject, self.root())?.tag;
        if subject.category == Category::Hardware && tag == "Computer" {
            return self.modify_computer(subject, attributes);
        }
        let (kind, components) = self.find_some(subject)?;
        let mut places = Vec::new();
        for component in &components {
            match selector {
                None => places.push(component.clone()),
                Some(selector) => places.extend(self.inside(&kind, component, selector)),
            }
        }
        if places.is_empty() {
            let within = components.first().map(|place| self.path(place)).unwrap_or_default();
            let wanted = selector.map(show).unwrap_or_default();
            return Err(Problem::NoElement { within, wanted });
        }
        let renames = attributes.iter().any(|a| a.name == "name");
        if renames
            && places.len() > 1
            && attributes.iter().any(|a| a.name == "name" && a.old.is_none())
        {
            return Err(Problem::Ambiguous { wanted: kind.tag, count: places.len() });
        }
        let mut count = 0;
        for place in &places {
            let old = self.value(place, "name");
            count += self.assign(place, attributes);
            let new = self.value(place, "name");
            if let (None, Some(old), Some(new)) = (selector, old, new)
                && old != new
            {
                self.rename(&kind, place, &old, &new);
            }
        }
        if count == 0 {
            self.warn("nothing has the former value, so nothing was changed".to_owned());
        }
        Ok(())
    }

    /// What refers to a component by its old name gets the new one.
    fn rename(&mut self, kind: &Kind, component: &[usize], old: &str, new: &str) {
        let Ok(software) = self.part(Category::Software) else { return };
        for place in self.below(&software) {
            let tag = self.at(&place).map(|e| e.name().to_owned()).unwrap_or_default();
            for (target, element, attribute) in NAMES {
                if *target == kind.tag
                    && (*element == "*" || *element == tag)
                    && self.value(&place, attribute).as_deref() == Some(old)
                {
                    self.set(&place, attribute, new);
                }
            }
            let in_topology =
                tag == kind.tag && self.value(&place, "process").as_deref() == Some(old);
            if in_topology {
                self.set(&place, "process", new);
            }
        }
        if self.is_envgen2() {
            return;
        }
        // The instances' folder ends in the component's name.
        for node in self.children(component, |e| e.get("directory").is_some()) {
            let folder = self.value(&node, "directory").unwrap_or_default();
            if let Some(parent) = folder.strip_suffix(old).filter(|parent| parent.ends_with('/')) {
                self.set(&node, "directory", &format!("{parent}{new}"));
            }
        }
    }

    /// Changes a machine's name or address everywhere.
    fn modify_computer(
        &mut self,
        subject: &Subject,
        attributes: &[Assignment],
    ) -> Result<(), Problem> {
        let find = |name: &str| attributes.iter().find(|a| a.name == name);
        let address = find("ip").or_else(|| find("netAddress"));
        let name = find("name");
        let by_old = |attribute: &str, assignment: Option<&Assignment>| {
            let old = assignment?.old.as_deref()?;
            Some((
                format!("Hardware/Computer[@{attribute}='{old}']"),
                self.computer_with(attribute, old),
            ))
        };
        let by_name = subject.name.as_deref().map(|name| {
            (format!("Hardware/Computer[@name='{name}']"), self.computer_with("name", name))
        });
        let found =
            by_name.or_else(|| by_old("name", name)).or_else(|| by_old("netAddress", address));
        let Some((wanted, place)) = found else {
            let count = self.computers().len();
            return Err(Problem::Ambiguous { wanted: "Hardware/Computer".to_owned(), count });
        };
        let within = "the environment".to_owned();
        let place = place.ok_or(Problem::NoElement { within, wanted })?;
        if let Some(address) = address {
            let read = crate::address::addresses(&address.value);
            let one = read.map_err(|errors| Problem::from_first(errors, &address.value))?;
            let there = self.computer_with("netAddress", &address.value).filter(|p| *p != place);
            if let Some(there) = there {
                return Err(Problem::Exists { path: self.path(&there) });
            }
            if one.len() != 1 {
                let what = "the address of one machine".to_owned();
                let message = "expected one address".to_owned();
                return Err(Problem::Value { what, value: address.value.clone(), message });
            }
        }
        let (name, address) = (name.map(|a| a.value.as_str()), address.map(|a| a.value.as_str()));
        self.change_computer(&place, name, address);
        let known = ["ip", "netAddress", "name"];
        let rest: Vec<Assignment> =
            attributes.iter().filter(|a| !known.contains(&a.name.as_str())).cloned().collect();
        self.assign(&place, &rest);
        Ok(())
    }

    /// Removes attributes of components or of elements inside them.
    pub(super) fn remove_attributes(
        &mut self,
        subject: &Subject,
        selector: Option<&Selector>,
        names: &[String],
    ) -> Result<(), Problem> {
        let (kind, components) = self.find_some(subject)?;
        let mut count = 0;
        for component in &components {
            let places = match selector {
                None => vec![component.clone()],
                Some(selector) => self.inside(&kind, component, selector),
            };
            for place in places {
                count += names.iter().filter(|name| self.unset(&place, name)).count();
            }
        }
        if count == 0 {
            let within = components.first().map(|place| self.path(place)).unwrap_or_default();
            return Err(Problem::NoElement { within, wanted: format!("@{}", names.join(", @")) });
        }
        Ok(())
    }

    /// Sets an attribute of all components of a build set.
    pub(super) fn override_all(
        &mut self,
        build_set: &str,
        path: &XPath,
        attribute: &str,
        value: &str,
    ) -> Result<(), Problem> {
        let software = self.part(Category::Software)?;
        let is_it = |e: &Element| e.get("buildSet").as_deref() == Some(build_set);
        let components = self.children(&software, is_it);
        if components.is_empty() {
            self.warn_of_build_set(build_set);
        }
        let assignment =
            [Assignment { name: attribute.to_owned(), value: value.to_owned(), old: None }];
        for component in components {
            let Ok(element) = self.at(&component) else { continue };
            let mut places: Vec<NodePath> = element
                .select_paths(path)
                .into_iter()
                .map(|inner| component.iter().copied().chain(inner).collect())
                .collect();
            if places.is_empty() {
                places.push(self.add_steps(&component, &path.steps)?);
            }
            for place in places {
                self.assign(&place, &assignment);
            }
        }
        Ok(())
    }

    fn warn_of_build_set(&mut self, build_set: &str) {
        let in_file = self
            .root()
            .children("Programs")
            .flat_map(|programs| programs.children("Build"))
            .flat_map(|build| build.children("BuildSet"))
            .filter_map(|set| set.get("name").map(std::borrow::Cow::into_owned));
        let catalogue = template::catalogue(self.root()).build_sets.iter();
        let names: Vec<String> =
            in_file.chain(catalogue.map(|set| set.name().to_owned())).collect();
        if names.iter().any(|name| name == build_set) {
            self.warn(format!("no component has the build set {build_set:?}, so nothing was set"));
            return;
        }
        let like = diagnostics::nearest(build_set, names.iter().map(String::as_str));
        let like = like.map(|like| format!("; did you mean {like:?}?")).unwrap_or_default();
        self.warn(format!("{build_set:?} is no build set{like}"));
    }

    /// Sets an attribute of what a path names.
    pub(super) fn set_path(
        &mut self,
        path: &XPath,
        attribute: &str,
        value: &str,
    ) -> Result<(), Problem> {
        let mut places = self.root().select_paths(path);
        if places.len() > 1 && self.is_envgen2() {
            return Err(Problem::Ambiguous { wanted: path.to_string(), count: places.len() });
        }
        if places.is_empty() {
            let place = self.add_steps(&[], &path.steps)?;
            let there = self.path(&place);
            self.warn(format!("{there} was not there and was added"));
            places.push(place);
        }
        let assignment =
            [Assignment { name: attribute.to_owned(), value: value.to_owned(), old: None }];
        for place in places {
            self.assign(&place, &assignment);
        }
        Ok(())
    }

    /// The place that steps lead to from another; what is missing is added.
    fn add_steps(&mut self, from: &[usize], steps: &[Step]) -> Result<NodePath, Problem> {
        let mut place = from.to_vec();
        for step in steps {
            let one = XPath { steps: vec![step.clone()], attribute: None };
            let found = self.at(&place)?.select_paths(&one);
            if let Some(inner) = found.into_iter().next() {
                place.extend(inner);
                continue;
            }
            let within =
                if place.is_empty() { "the environment".into() } else { self.path(&place) };
            let element = element_of(step)
                .ok_or_else(|| Problem::NoElement { within, wanted: one.to_string() })?;
            place = self.insert(&place, element)?;
        }
        Ok(place)
    }

    /// Sets a common directory.
    pub(super) fn set_directory(&mut self, category: &str, folder: &str) -> Result<(), Problem> {
        let software = self.part(Category::Software)?;
        let all = self.children(&software, |e| e.name() == "Directories");
        let directories = match all.into_iter().next() {
            Some(place) => place,
            None => {
                self.insert(&software, Element::new("Directories").with("name", "HPCCSystems"))?
            }
        };
        let is_it =
            |e: &Element| e.name() == "Category" && e.get("name").as_deref() == Some(category);
        if let Some(place) = self.children(&directories, is_it).into_iter().next() {
            self.set(&place, "dir", folder);
            return Ok(());
        }
        let element = Element::new("Category").with("dir", folder).with("name", category);
        self.insert(&directories, element).map(drop)
    }
}

/// The element that a step asks for; `None` when it does not say enough.
fn element_of(step: &Step) -> Option<Element> {
    if step.tag == "*" {
        return None;
    }
    let mut element = Element::new(step.tag.as_str());
    for predicate in &step.predicates {
        match predicate {
            Predicate::Attribute { name, value: Some(value) } => element.set(name, value),
            _ => return None,
        }
    }
    Some(element)
}
