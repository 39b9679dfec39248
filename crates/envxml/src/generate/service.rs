//! ESP services and their bindings.

use super::{Blueprint, ComponentPlan};
use crate::catalogue::{Attributes, BuildSet, Catalogue, Rule, Template};
use crate::tree::Element;

/// A service that an ESP process offers.
pub(super) struct Bound<'c> {
    set: &'c BuildSet,
    properties: &'c Template,
    /// The binding's name; also the service's, unless the catalogue renames that.
    name: String,
    service: String,
}

/// The services of a blueprint that get a binding, in the order of the catalogue.
///
/// `envgen` looks for a service named `my` and the build set's name as it is spelled, and such a service has its name
/// in lower case: build sets with capitals get no binding.
pub(super) fn bound<'c>(
    catalogue: &'c Catalogue,
    components: &[ComponentPlan],
) -> impl Iterator<Item = Bound<'c>> {
    catalogue.build_sets.iter().filter_map(|set| {
        let kind = set.component.as_ref().filter(|kind| kind.tag == "EspService")?;
        let plan = components.iter().find(|plan| plan.build_set == set.name())?;
        let properties = set.properties.as_ref()?;
        let lower = set.name() == set.name().to_lowercase() && kind.tag == "EspService";
        lower.then(|| Bound {
            set,
            properties,
            name: format!("my{}", set.name()),
            service: Blueprint::final_name(set, plan).to_owned(),
        })
    })
}

impl Bound<'_> {
    /// The `EspBinding` with its access rules.
    pub(super) fn binding(&self, attributes: &Attributes) -> Element {
        let property =
            |name: &str| self.properties.1.get(name).map(String::as_str).unwrap_or_default();
        let mut element = Element::new("EspBinding");
        for (name, attribute) in attributes {
            let value = match &attribute.generate {
                Some(Rule::BindingName) => &self.name,
                Some(Rule::BindingService) => &self.service,
                Some(Rule::BindingPort) => property("defaultPort"),
                Some(Rule::BindingResources) => property("defaultResourcesBasedn"),
                Some(_) => attribute.default.as_deref().unwrap_or_default(),
                None => continue,
            };
            element.set(name, value);
        }
        debug_assert_eq!(self.set.name(), &self.name[2..]);
        for rule in access_rules(self.properties) {
            element.push(rule);
        }
        element
    }
}

/// The access rules that a binding takes over from its service.
pub(crate) fn access_rules(properties: &Template) -> Vec<Element> {
    let mut rules = Vec::new();
    for template in &properties.2 {
        let mut copy = element_of(template);
        match template.0.as_str() {
            "Authenticate" => {}
            "AuthenticateFeature" => copy.set("authenticate", "Yes"),
            "AuthenticateSetting" => copy.set("include", "Yes"),
            _ => continue,
        }
        rules.push(copy);
    }
    rules
}

/// A template as an element.
pub(crate) fn element_of(template: &Template) -> Element {
    let Template(tag, attributes, children) = template;
    let mut element = Element::new(tag.as_str());
    for (name, value) in attributes {
        element.set(name, value);
    }
    for child in children {
        element.push(element_of(child));
    }
    element
}
