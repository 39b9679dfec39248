//! Values of components by the rules of the catalogue.

use super::Origin;
use super::parts::{Expected, Explainer, access};
use crate::catalogue::{AttributeKind, Attributes, BuildSet, ComponentKind, Rule};
use crate::tree::{Attribute, Element};

impl Explainer<'_> {
    /// The build set of a component.
    pub(super) fn build_set(&self, component: &Element) -> Option<&BuildSet> {
        let name = component.get("buildSet");
        let of_tag = |set: &&BuildSet| {
            set.component.as_ref().is_some_and(|kind| kind.tag == component.name())
        };
        let sets = &self.catalogue.build_sets;
        let named =
            name.as_ref().and_then(|name| sets.iter().filter(of_tag).find(|s| s.name() == *name));
        named.or_else(|| sets.iter().find(of_tag))
    }

    pub(super) fn component(
        &self,
        component: &Element,
        chain: &[&Element],
        attribute: &Attribute,
    ) -> Expected {
        let set = self.build_set(component)?;
        let kind = set.component.as_ref()?;
        let name = attribute.name();
        match chain {
            [] => self.by_rule(component, component, set, kind.attributes.get(name)?),
            [child] => match child.name() {
                "Instance" => self.instance(component, child, kind, attribute),
                "EspBinding" => self.binding(child, kind.binding.as_ref()?, name),
                "ThorMasterProcess" | "ThorSlaveProcess" | "ThorSpareProcess"
                | "RoxieServerProcess" => self.member(child, attribute),
                "RoxieFarmProcess" => self.farm(child, attribute),
                "Cluster" => self.cluster(child, attribute),
                "Properties" => self.template(set.properties.as_ref()?, chain, name),
                tag => {
                    let inner = kind.children.iter().find(|inner| inner.tag == tag)?;
                    self.by_rule(component, child, set, inner.attributes.get(name)?)
                }
            },
            [binding, rule] if binding.name() == "EspBinding" => {
                let service = binding.get("service")?;
                let service = self.environment.named("EspService", &service)?;
                access(self.build_set(service.element)?, rule, name)
            }
            [cluster, _] if cluster.name() == "Cluster" => self.served(chain[1], attribute),
            [properties, ..] if properties.name() == "Properties" => {
                self.template(set.properties.as_ref()?, chain, name)
            }
            _ => None,
        }
    }

    /// What a rule of the catalogue gives, seen from the finished environment.
    fn by_rule(
        &self,
        component: &Element,
        element: &Element,
        set: &BuildSet,
        kind: &AttributeKind,
    ) -> Expected {
        let default = || Some((kind.default.clone().unwrap_or_default(), self.default()));
        let Some(rule) = &kind.generate else {
            return kind.default.as_ref().map(|value| (value.clone(), self.default()));
        };
        match rule {
            Rule::Default => default(),
            Rule::Value(value) => Some((value.clone(), self.default())),
            _ => self.derived(component, element, set, rule),
        }
    }

    fn binding(&self, binding: &Element, attributes: &Attributes, name: &str) -> Expected {
        let kind = attributes.get(name)?;
        let service = binding.get("service")?;
        let service = self.environment.named("EspService", &service)?;
        let set = self.build_set(service.element)?;
        let property = |property: &str| {
            let from =
                format!("Programs/Build/BuildSet[@name='{}']/Properties/@{property}", set.name());
            let value = set.properties.as_ref()?.1.get(property)?.clone();
            Some((value, Origin::Derived { from }))
        };
        match kind.generate.as_ref()? {
            Rule::BindingName => Some((
                format!("my{}", set.name()),
                Origin::Derived { from: format!("the build set {} of the service", set.name()) },
            )),
            Rule::BindingService => Some((
                service.name.to_string(),
                Origin::Derived { from: service.path() + "/@name" },
            )),
            Rule::BindingPort => property("defaultPort"),
            Rule::BindingResources => property("defaultResourcesBasedn"),
            _ => Some((kind.default.clone().unwrap_or_default(), self.default())),
        }
    }

    fn instance(
        &self,
        component: &Element,
        instance: &Element,
        kind: &ComponentKind,
        attribute: &Attribute,
    ) -> Expected {
        let known = kind.instance.as_ref()?.get(attribute.name())?;
        match known.generate.as_ref() {
            Some(Rule::RunFolder) => {
                let run = self.environment.directories().and_then(|directories| {
                    directories
                        .children("Category")
                        .find(|one| one.get("name").is_some_and(|n| n == "run"))
                });
                let dir = run.and_then(|run| run.get("dir"))?;
                let name = component.get("name").unwrap_or_default();
                let folder = self.catalogue.folder(&dir, component.name(), &name);
                let from = "Software/Directories/Category[@name='run']/@dir".to_owned();
                Some((folder, Origin::Derived { from }))
            }
            Some(Rule::InstanceName | Rule::Computer | Rule::Address) => {
                self.member(instance, attribute)
            }
            _ => Some((known.default.clone().unwrap_or_default(), self.default())),
        }
    }
}
