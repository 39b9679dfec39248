//! Which table an element is explained by.

use super::{Explanation, Origin, derive};
use crate::catalogue::{BuildSet, Catalogue, Template};
use crate::generate::service;
use crate::tree::{Attribute, Element};
use crate::view::Environment;

/// Explains one environment by one catalogue.
pub(super) struct Explainer<'e> {
    pub(super) environment: &'e Environment<'e>,
    pub(super) catalogue: &'e Catalogue,
}

/// What a value should be and why; `None` when no table knows the attribute.
pub(super) type Expected = Option<(String, Origin)>;

impl Explainer<'_> {
    /// Explains the element at a place; without a name of an attribute, all inside it too.
    pub(super) fn walk(&self, place: &[usize], only: Option<&str>, found: &mut Vec<Explanation>) {
        let root = self.environment.root;
        let Some(element) = root.at(place) else { return };
        let chain: Vec<&Element> =
            (1..=place.len()).filter_map(|length| root.at(&place[..length])).collect();
        let path: Vec<String> = chain.iter().map(|element| element.step()).collect();
        let path = path.join("/");
        let attributes = element.attributes().iter();
        for attribute in attributes.filter(|one| only.is_none_or(|name| one.name() == name)) {
            found.push(Explanation {
                path: format!("{path}/@{}", attribute.name()),
                value: attribute.value().into_owned(),
                origin: self.origin(&chain, attribute),
            });
        }
        if only.is_some() {
            return;
        }
        if let [settings, setting] = chain.as_slice()
            && settings.name() == "EnvSettings"
        {
            found.push(self.setting(path, setting));
        }
        for (index, node) in element.nodes().iter().enumerate() {
            if node.as_element().is_some() {
                let mut child = place.to_vec();
                child.push(index);
                self.walk(&child, None, found);
            }
        }
    }

    fn setting(&self, path: String, setting: &Element) -> Explanation {
        let value = setting.text();
        let known = self.catalogue.settings.iter().find(|(name, _)| name == setting.name());
        let origin = match known {
            Some((_, default)) if *default == value => self.default(),
            known => Origin::Override {
                instead_of: known.map(|(_, default)| default.clone()),
                at: setting.position().map(Into::into),
            },
        };
        Explanation { path, value, origin }
    }

    pub(super) fn default(&self) -> Origin {
        Origin::Default { version: self.catalogue.version.clone() }
    }

    fn origin(&self, chain: &[&Element], attribute: &Attribute) -> Origin {
        let value = attribute.value();
        match self.expected(chain, attribute) {
            Some((expected, origin)) if expected == value => origin,
            expected => Origin::Override {
                instead_of: expected.map(|(value, _)| value),
                at: attribute.position().map(Into::into),
            },
        }
    }

    fn expected(&self, chain: &[&Element], attribute: &Attribute) -> Expected {
        let name = attribute.name();
        match chain {
            [hardware, element] if hardware.name() == "Hardware" => {
                self.hardware(element, attribute)
            }
            [programs, rest @ ..] if programs.name() == "Programs" => self.programs(rest, name),
            [software, directories, rest @ ..]
                if software.name() == "Software" && directories.name() == "Directories" =>
            {
                self.directories(rest, name)
            }
            [software, component, rest @ ..] if software.name() == "Software" => {
                self.component(component, rest, attribute)
            }
            _ => None,
        }
    }

    fn hardware(&self, element: &Element, attribute: &Attribute) -> Expected {
        let name = attribute.name();
        let fixed: &[(&str, &str)] = match element.name() {
            "Computer" => {
                if let Some(expected) = derive::computer(element, attribute) {
                    return Some(expected);
                }
                &[("computerType", "linuxmachine"), ("domain", "localdomain")]
            }
            "ComputerType" => &[
                ("computerType", "linuxmachine"),
                ("manufacturer", "unknown"),
                ("name", "linuxmachine"),
                ("nicSpeed", "1000"),
                ("opSys", "linux"),
            ],
            "Domain" => &[("name", "localdomain")],
            "Switch" => &[("name", "Switch")],
            _ => &[],
        };
        let (_, value) = fixed.iter().find(|(known, _)| *known == name)?;
        Some(((*value).to_owned(), self.default()))
    }

    fn programs(&self, chain: &[&Element], name: &str) -> Expected {
        let [build, rest @ ..] = chain else { return None };
        if rest.is_empty() {
            let value = match name {
                "name" => &self.catalogue.build.name,
                "url" => &self.catalogue.build.url,
                _ => return None,
            };
            // The build tells which version an environment is for: another one of the same tables is no override.
            let same = build.get("name").is_some_and(|own| {
                Catalogue::for_version(&own)
                    .is_some_and(|f| f.catalogue.version == self.catalogue.version)
            });
            if name == "name" && same {
                let own = build.get("name").unwrap_or_default().into_owned();
                return Some((own, Origin::Derived { from: "the version of HPCC".to_owned() }));
            }
            return Some((value.clone(), self.default()));
        }
        let set = self.catalogue.build_set(&rest[0].get("name")?)?;
        match &rest[1..] {
            [] => Some((set.attributes.get(name)?.clone(), self.default())),
            inner => self.template(set.properties.as_ref()?, inner, name),
        }
    }

    /// An attribute inside the properties of a service: the element that is most alike in the template.
    pub(super) fn template(&self, template: &Template, chain: &[&Element], name: &str) -> Expected {
        let [element, rest @ ..] = chain else { return None };
        if rest.is_empty() {
            return Some((template.1.get(name)?.clone(), self.default()));
        }
        let child = template.2.iter().find(|child| {
            let same =
                |key: &str| child.1.get(key).map(String::as_str) == rest[0].get(key).as_deref();
            child.0 == rest[0].name() && same("path") && same("name")
        });
        debug_assert_eq!(element.name(), template.0);
        self.template(child?, rest, name)
    }

    fn directories(&self, chain: &[&Element], name: &str) -> Expected {
        let value = match chain {
            [] if name == "name" => self.catalogue.directories.name.clone(),
            [category] => {
                let own = category.get("name")?;
                let known =
                    self.catalogue.directories.categories.iter().find(|(k, _)| *k == own)?;
                match name {
                    "name" => known.0.clone(),
                    "dir" => known.1.clone(),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some((value, self.default()))
    }
}

/// An attribute of an access rule of a binding: as in the service's properties.
pub(super) fn access(set: &BuildSet, rule: &Element, name: &str) -> Expected {
    let template = set.properties.as_ref()?;
    let copies = service::access_rules(template);
    let path = rule.get("path");
    let twin = copies.iter().find(|copy| copy.name() == rule.name() && copy.get("path") == path)?;
    Some((
        twin.get(name)?.into_owned(),
        Origin::Derived {
            from: format!("Programs/Build/BuildSet[@name='{}']/Properties", set.name()),
        },
    ))
}
