//! ESP bindings: which service an ESP offers at which port.

use super::work::Work;
use super::{Assignment, Problem};
use crate::tree::{Element, NodePath};

impl Work {
    /// Adds a binding to an ESP.
    pub(super) fn add_binding(
        &mut self,
        esp: &[usize],
        attributes: &[Assignment],
    ) -> Result<(), Problem> {
        let value = |name: &str| {
            attributes
                .iter()
                .find(|a| a.name == name)
                .map(|a| a.value.as_str())
                .filter(|v| !v.is_empty())
        };
        let fail = |work: &Self, message: &str| Problem::Node {
            path: format!("{}/EspBinding", work.path(esp)),
            message: message.to_owned(),
        };
        let name = value("name").ok_or_else(|| fail(self, "expected name=BINDING"))?;
        let service = value("service").ok_or_else(|| fail(self, "expected service=SERVICE"))?;
        let is_it =
            |e: &Element| e.name() == "EspBinding" && e.get("name").as_deref() == Some(name);
        if let Some(there) = self.children(esp, is_it).into_iter().next() {
            return Err(Problem::Exists { path: self.path(&there) });
        }
        let Some(place) = self.service(service) else {
            let all = self.of_tag("EspService");
            let have = all.iter().filter_map(|place| self.value(place, "name")).collect();
            let (tag, name) = ("EspService".to_owned(), Some(service.to_owned()));
            return Err(Problem::NoComponent { tag, name, have });
        };
        let mut element = Element::new("EspBinding");
        for attribute in attributes {
            element.set(&attribute.name, &attribute.value);
        }
        complete(&mut element, self.at(&place)?);
        self.insert(esp, element).map(drop)
    }

    fn service(&self, name: &str) -> Option<NodePath> {
        let named = |place: &NodePath| self.value(place, "name").as_deref() == Some(name);
        self.of_tag("EspService").into_iter().find(named)
    }

    /// A new ESP offers what the first one of the file does, else every service.
    pub(super) fn bind_all(&self, esp: &mut Element) -> Result<(), Problem> {
        if let Some(first) = self.of_tag("EspProcess").first() {
            for binding in self.at(first)?.children("EspBinding") {
                esp.push(binding.clone());
            }
        }
        if esp.child("EspBinding").is_some() {
            return Ok(());
        }
        for place in self.of_tag("EspService") {
            let service = self.at(&place)?;
            let name = service.get("name").unwrap_or_default();
            if name.is_empty() {
                continue;
            }
            let plain = name.strip_prefix("my").unwrap_or(&name);
            let mut binding = Element::new("EspBinding")
                .with("name", &format!("my{plain}"))
                .with("service", &name);
            complete(&mut binding, service);
            esp.push(binding);
        }
        Ok(())
    }
}

/// Fills in what the service says and what every binding has.
fn complete(binding: &mut Element, service: &Element) {
    let properties = service.child("Properties");
    let property =
        |name: &str| properties.and_then(|all| all.get(name)).unwrap_or_default().into_owned();
    let mut default = |name: &str, value: &str| {
        if binding.get(name).is_none_or(|has| has.is_empty()) {
            binding.set(name, value);
        }
    };
    default("protocol", "http");
    default("defaultForPort", "true");
    default("defaultServiceVersion", "");
    default("resourcesBasedn", &property("defaultResourcesBasedn"));
    default("type", "");
    default("workunitsBasedn", "ou=workunits,ou=ecl");
    default("wsdlServiceAddress", "");
    let secure =
        binding.get("protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("https"));
    if binding.get("port").is_none_or(|port| port.is_empty()) {
        binding.set("port", &property(if secure { "defaultSecurePort" } else { "defaultPort" }));
    }
    for rule in properties.into_iter().flat_map(Element::elements) {
        if matches!(rule.name(), "Authenticate" | "AuthenticateFeature") {
            binding.push(rule.clone());
        }
    }
}
