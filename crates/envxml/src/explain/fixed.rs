//! Values outside of components, and parts that a generator copies as they are.

use super::component::set_of;
use super::{Context, Expected};
use crate::catalogue::Template;
use crate::tree::Element;

/// The text of an element: a setting.
pub(super) fn text(context: &Context<'_>, chain: &[&Element], text: &str) -> Expected {
    match chain {
        [settings, setting] if settings.name() == "EnvSettings" => {
            let mut known = context.catalogue.settings.iter();
            match known.find(|(name, _)| name == setting.name()) {
                Some((_, value)) => Expected::Default(value.trim().to_owned()),
                None => Expected::Unknown,
            }
        }
        [programs, _] if programs.name() == "Programs" => {
            let stray = context.catalogue.stray_text.trim();
            if stray == text { Expected::Default(stray.to_owned()) } else { Expected::Unknown }
        }
        _ => Expected::Unknown,
    }
}

/// An attribute that is no component's own.
pub(super) fn attribute(context: &Context<'_>, chain: &[&Element], name: &str) -> Option<Expected> {
    let tags: Vec<&str> = chain.iter().map(|element| element.name()).collect();
    let last = chain.last()?;
    let own_name = last.get("name").unwrap_or_default();
    let default = |value: &str| Some(Expected::Default(value.to_owned()));
    let given = |from: &str| Some(Expected::Given(from.to_owned()));
    match (tags.as_slice(), name) {
        (["Hardware", "Computer"], "netAddress") => given("the addresses that were asked for"),
        (["Hardware", "Computer"], "name") => given("the address or the host name"),
        (["Hardware", "Computer"], "computerType") => default("linuxmachine"),
        (["Hardware", "ComputerType"], _) => {
            let usual = [
                ("computerType", "linuxmachine"),
                ("manufacturer", "unknown"),
                ("name", "linuxmachine"),
                ("nicSpeed", "1000"),
                ("opSys", "linux"),
            ];
            default(usual.iter().find(|(known, _)| *known == name)?.1)
        }
        (["Hardware", "Computer"], "domain") | (["Hardware", "Domain"], "name") => {
            default("localdomain")
        }
        (["Hardware", "Switch"], "name") => default("Switch"),
        (["Programs", "Build"], "name") => default(&context.catalogue.build.name),
        (["Programs", "Build"], "url") => default(&context.catalogue.build.url),
        (["Programs", "Build", "BuildSet"], _) => {
            default(context.catalogue.build_set(&own_name)?.attributes.get(name)?)
        }
        (["Programs", "Build", "BuildSet", "Properties", ..], _) => {
            let set = context.catalogue.build_set(&chain[2].get("name")?)?;
            default(&template(set.properties.as_ref()?, &chain[3..], name)?)
        }
        (["Software", "Directories"], "name") => default(&context.catalogue.directories.name),
        (["Software", "Directories", "Category"], "name") => given("the kind of folder"),
        (["Software", "Directories", "Category"], "dir") => {
            let mut known = context.catalogue.directories.categories.iter();
            default(&known.find(|(known, _)| *known == own_name)?.1)
        }
        (["Software", "EspService", "Properties", ..], _) => {
            let set = set_of(context, chain[1])?;
            default(&template(set.properties.as_ref()?, &chain[2..], name)?)
        }
        (["Software", "EspProcess", "EspBinding", right], _)
            if right.starts_with("Authenticate") =>
        {
            bound_right(context, chain, name)
        }
        (["Software", "Topology", "Cluster", _], "process") => {
            given("the components that serve the cluster")
        }
        _ => None,
    }
}

/// The value that a template has at the end of a chain of elements; the first of the chain is the template.
fn template(template: &Template, chain: &[&Element], name: &str) -> Option<String> {
    match chain {
        [_] => template.1.get(name).cloned(),
        [parent, child, ..] => {
            // Of several alike children, the one that agrees in most.
            let alike = template.2.iter().filter(|one| one.0 == child.name());
            let best = alike.max_by_key(|one| agreement(one, child))?;
            debug_assert_eq!(parent.name(), template.0);
            self::template(best, &chain[1..], name)
        }
        [] => None,
    }
}

fn agreement(template: &Template, element: &Element) -> usize {
    let agrees = |(name, value): &(&String, &String)| element.get(name).as_deref() == Some(value);
    template.1.iter().filter(agrees).count()
}

/// A right of a binding is a copy of what its service has.
fn bound_right(context: &Context<'_>, chain: &[&Element], name: &str) -> Option<Expected> {
    let [_, _, binding, right] = chain else { return None };
    let given = || Some(Expected::Derived("Yes".to_owned(), "all rights of a service".to_owned()));
    match (right.name(), name) {
        ("AuthenticateFeature", "authenticate") | ("AuthenticateSetting", "include") => given(),
        _ => {
            let service = binding.get("service")?;
            let service = context.environment.named("EspService", &service)?;
            let properties = service.element.child("Properties")?;
            let agrees = |one: &&Element| {
                one.attributes().iter().filter(|a| right.get(a.name()) == Some(a.value())).count()
            };
            let from = properties.children(right.name()).max_by_key(agrees)?;
            let from_words = format!("{}/Properties", service.path());
            Some(Expected::Derived(from.get(name)?.into_owned(), from_words))
        }
    }
}
