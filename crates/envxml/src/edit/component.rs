//! Components as a whole, and elements inside them: adding and removing.

use super::kind::Kind;
use super::work::Work;
use super::{
    Assignment, Category, Child, Problem, Selector, Style, Subject, kind, naming, template,
};
use crate::catalogue::BuildSet;
use crate::tree::{Element, NodePath};

impl Work {
    /// Adds a component, or sets attributes of the one that is there.
    pub(super) fn add(
        &mut self,
        subject: &Subject,
        like: Option<&str>,
        attributes: &[Assignment],
    ) -> Result<(), Problem> {
        match subject.category {
            Category::Hardware => return self.add_hardware(subject, attributes),
            Category::Programs => return self.add_build_set(subject),
            Category::Software => {}
        }
        let (kind, found) = self.find(subject)?;
        let named = subject.name.is_some();
        let Some(place) = found.into_iter().next().filter(|_| named) else {
            let name = subject.name.clone().unwrap_or_else(|| self.free_name(&kind));
            return self.create(&kind, &name, like, attributes).map(drop);
        };
        let options = ["esp", "bindings", "buildSet"];
        let own = attributes.iter().filter(|a| !options.contains(&a.name.as_str()));
        let own: Vec<Assignment> = own.cloned().collect();
        if own.is_empty() {
            let path = self.path(&place);
            self.warn(format!("{path} is there already"));
        }
        self.assign(&place, &own);
        Ok(())
    }

    /// `my` and the build set's name, with a number where that is taken.
    fn free_name(&self, kind: &Kind) -> String {
        let taken: Vec<String> =
            self.of_tag(&kind.tag).iter().filter_map(|place| self.value(place, "name")).collect();
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        let plain = kind.build_set.as_deref().unwrap_or(&kind.tag).to_lowercase();
        naming::unique(&taken, &format!("my{plain}"))
    }

    /// Adds a component and gives its place.
    pub(super) fn create(
        &mut self,
        kind: &Kind,
        name: &str,
        like: Option<&str>,
        attributes: &[Assignment],
    ) -> Result<NodePath, Problem> {
        let software = self.part(Category::Software)?;
        let mut element = match like {
            Some(like) => {
                let fits = |e: &Element| kind.fits(e) && e.get("name").as_deref() == Some(like);
                let source = self.children(&software, fits).into_iter().next();
                let source = source.ok_or_else(|| self.missing(kind, Some(like.to_owned())))?;
                template::like(self.at(&source)?, kind, name)
            }
            None if kind.tag == "Topology" => self.empty_topology(name),
            None => template::component(self, kind, name)?,
        };
        let has = |name: &str| attributes.iter().find(|a| a.name == name).map(|a| a.value.as_str());
        let skip = has("bindings").is_some_and(|value| value.eq_ignore_ascii_case("skip"));
        if kind.tag == "EspProcess"
            && like.is_none()
            && !skip
            && self.options.style != Style::Envgen2
        {
            self.bind_all(&mut element)?;
        }
        for attribute in attributes {
            let special = match attribute.name.as_str() {
                "bindings" => kind.tag == "EspProcess",
                "esp" => kind.tag == "LDAPServerProcess",
                _ => false,
            };
            if !special {
                element.set(&attribute.name, &attribute.value);
            }
        }
        let place = self.insert(&software, element)?;
        if kind.tag == "LDAPServerProcess" {
            self.use_ldap(name, has("esp"))?;
        }
        if kind.tag == "DaliServerProcess" {
            let others = self.children(&software, |e| e.get("daliServers").as_deref() == Some(""));
            for other in others {
                self.set(&other, "daliServers", name);
            }
        }
        Ok(place)
    }

    /// An empty topology as `envgen` writes it.
    pub(super) fn empty_topology(&self, name: &str) -> Element {
        let build = self.root().child("Programs").and_then(|programs| programs.child("Build"));
        let build = build.and_then(|build| build.get("name")).unwrap_or_default();
        Element::new("Topology")
            .with("build", &build)
            .with("buildSet", "topology")
            .with("name", name)
    }

    /// The ESP asks the LDAP server who its users are.
    fn use_ldap(&mut self, ldap: &str, esp: Option<&str>) -> Result<(), Problem> {
        let all = self.of_tag("EspProcess");
        let wanted = match esp {
            _ if self.is_envgen2() => Some("myesp"),
            Some(esp) => Some(esp),
            None if all.len() == 1 => None,
            None => {
                let wanted = "the ESP that asks the LDAP server (esp=NAME)".to_owned();
                return Err(Problem::Ambiguous { wanted, count: all.len() });
            }
        };
        let fits =
            |place: &&NodePath| wanted.is_none() || self.value(place, "name").as_deref() == wanted;
        let Some(place) = all.iter().find(fits).cloned() else {
            let esp = Subject {
                category: Category::Software,
                component: "esp".to_owned(),
                name: wanted.map(str::to_owned),
            };
            let kind = Kind::of(&esp, self.root())?;
            return Err(self.missing(&kind, esp.name));
        };
        let old = self.children(&place, |e| e.name() == "Authentication");
        if self.is_envgen2() {
            self.remove_all(old);
            let new = Element::new("Authentication")
                .with("htpasswdFile", "/etc/HPCCSystems/.htpasswd")
                .with("ldapAuthMethod", "simple")
                .with("ldapConnections", "10")
                .with("ldapServer", ldap)
                .with("method", "ldaps");
            return self.insert(&place, new).map(drop);
        }
        let authentication = match old.into_iter().next() {
            Some(place) => place,
            None => self.insert(&place, Element::new("Authentication"))?,
        };
        self.set(&authentication, "ldapServer", ldap);
        self.set(&authentication, "method", "ldaps");
        Ok(())
    }

    fn add_hardware(
        &mut self,
        subject: &Subject,
        attributes: &[Assignment],
    ) -> Result<(), Problem> {
        let kind = Kind::of(subject, self.root())?;
        let mut attributes = attributes.to_vec();
        if let Some(name) = &subject.name
            && !attributes.iter().any(|a| a.name == "name")
        {
            attributes.push(Assignment { name: "name".to_owned(), value: name.clone(), old: None });
        }
        if kind.tag == "Computer" {
            let address = attributes.iter().find(|a| a.name == "ip" || a.name == "netAddress");
            let Some(address) = address.map(|a| a.value.clone()) else {
                let path = "Hardware/Computer".to_owned();
                return Err(Problem::Node { path, message: "expected ip=ADDRESS".to_owned() });
            };
            let addresses = crate::address::addresses(&address)
                .map_err(|errors| Problem::from_first(errors, &address))?;
            attributes.retain(|a| a.name != "ip" && a.name != "netAddress");
            for address in addresses {
                if let Some(there) = self.computer_with("netAddress", &address) {
                    let path = self.path(&there);
                    self.warn(format!("{path} is there already"));
                    continue;
                }
                let name = self.add_computer(&address, &attributes)?;
                self.agent("DafilesrvProcess", &name, &address)?;
                if !self.is_envgen2() {
                    self.agent("FTSlaveProcess", &name, &address)?;
                }
            }
            return Ok(());
        }
        let hardware = self.part(Category::Hardware)?;
        let mut element = Element::new(kind.tag.as_str());
        for attribute in &attributes {
            element.set(&attribute.name, &attribute.value);
        }
        let name = element.get("name").map(std::borrow::Cow::into_owned);
        let fits =
            |e: &Element| e.name() == kind.tag && e.get("name").as_deref() == name.as_deref();
        if let Some(there) = self.children(&hardware, fits).into_iter().next() {
            return Err(Problem::Exists { path: self.path(&there) });
        }
        self.insert(&hardware, element).map(drop)
    }

    fn add_build_set(&mut self, subject: &Subject) -> Result<(), Problem> {
        let (_, found) = self.find(subject)?;
        let name = subject.name.clone().unwrap_or_default();
        if !found.is_empty() && !name.is_empty() {
            return Ok(());
        }
        let build = self.part(Category::Programs)?;
        let Some(element) = template::build_set(self.root(), &name) else {
            let known: Vec<&str> =
                template::catalogue(self.root()).build_sets.iter().map(BuildSet::name).collect();
            let like = diagnostics::nearest(&name, known).map(str::to_owned);
            return Err(Problem::UnknownComponent { component: name, like });
        };
        self.insert(&build, element).map(drop)
    }

    /// Adds an element inside a component, or sets attributes of the one that is there.
    pub(super) fn add_element(
        &mut self,
        subject: &Subject,
        selector: &Selector,
        attributes: &[Assignment],
        children: &[Child],
    ) -> Result<(), Problem> {
        let (kind, found) = self.find(subject)?;
        let owner = match (found.into_iter().next(), &subject.name) {
            (Some(place), _) => place,
            (None, Some(name)) => self.create(&kind, name, None, &[])?,
            (None, None) => return Err(self.missing(&kind, None)),
        };
        let Some((last, before)) = selector.path.split_last() else { return Ok(()) };
        let mut parent = owner;
        for tag in before {
            let inner = self.children(&parent, |e| e.name().eq_ignore_ascii_case(tag));
            parent = match inner.into_iter().next() {
                Some(place) => place,
                None => self.insert(&parent, Element::new(tag.as_str()))?,
            };
        }
        if kind.tag == "EspProcess" && last.eq_ignore_ascii_case("EspBinding") {
            return self.add_binding(&parent, attributes);
        }
        let name = attributes.iter().find(|a| a.name == "name").map(|a| a.value.as_str());
        let name = name.or(selector.key.as_deref());
        let fits = |e: &Element| {
            e.name().eq_ignore_ascii_case(last)
                && (name.is_none() || e.get("name").as_deref() == name)
        };
        let there = self.children(&parent, fits);
        // A backup node has many node groups; their names need not differ.
        let is_group = last.eq_ignore_ascii_case("NodeGroup") && self.is_envgen2();
        let place = if let Some(place) = there.into_iter().next().filter(|_| !is_group) {
            self.assign(&place, attributes);
            place
        } else {
            let mut element = Element::new(last.as_str());
            if let Some(name) = name {
                element.set("name", name);
            }
            for attribute in attributes {
                element.set(&attribute.name, &attribute.value);
            }
            if last.eq_ignore_ascii_case("NodeGroup") && element.get("interval").is_none() {
                element.set("interval", "24");
            }
            self.insert(&parent, element)?
        };
        for child in children {
            self.set_child(&place, &child.tag, &child.attributes)?;
        }
        Ok(())
    }

    /// Sets attributes of a child, which is added when it is not there.
    pub(super) fn set_child(
        &mut self,
        parent: &[usize],
        tag: &str,
        attributes: &[Assignment],
    ) -> Result<(), Problem> {
        let tag = kind::process_tag(tag, self.root());
        if let Some(place) = self.children(parent, |e| e.name() == tag).into_iter().next() {
            self.assign(&place, attributes);
            return Ok(());
        }
        let mut element = Element::new(tag);
        for attribute in attributes {
            element.set(&attribute.name, &attribute.value);
        }
        self.insert(parent, element).map(drop)
    }

    /// Removes components or elements inside them.
    pub(super) fn take_away(
        &mut self,
        subject: &Subject,
        selector: Option<&Selector>,
        conditions: &[Assignment],
    ) -> Result<(), Problem> {
        let (kind, components) = self.find_some(subject)?;
        let mut conditions = conditions.to_vec();
        for condition in &mut conditions {
            if condition.name == "ip" {
                "netAddress".clone_into(&mut condition.name);
            }
        }
        let fits = |work: &Self, place: &NodePath| {
            conditions.iter().all(|wanted| {
                let has = work.value(place, &wanted.name);
                has.is_some_and(|has| has.eq_ignore_ascii_case(&wanted.value))
            })
        };
        let mut found: Vec<NodePath> = Vec::new();
        for component in &components {
            let inner = match selector {
                None => vec![component.clone()],
                Some(selector) => self.inside(&kind, component, selector),
            };
            let mut fitting = inner.into_iter().filter(|place| fits(self, place));
            if self.is_envgen2() && selector.is_some() {
                found.extend(fitting.next());
            } else {
                found.extend(fitting);
            }
        }
        let wanted = || {
            let mut text = kind.tag.clone();
            if let Some(selector) = selector {
                text = format!("{text}/{}", show(selector));
            }
            for condition in &conditions {
                text = format!("{text}[@{}='{}']", condition.name, condition.value);
            }
            text
        };
        if found.is_empty() {
            let within = components.first().map(|place| self.path(place)).unwrap_or_default();
            let text = wanted();
            // The component's own tag is in its path.
            let inside = text.strip_prefix(&format!("{}/", kind.tag)).unwrap_or(&text);
            return Err(Problem::NoElement { within, wanted: inside.to_owned() });
        }
        if found.len() > 1 && !self.is_envgen2() {
            return Err(Problem::Ambiguous { wanted: wanted(), count: found.len() });
        }
        for place in &found {
            match selector {
                None if kind.tag == "Computer" => {
                    if let Some(name) = self.value(place, "name") {
                        self.remove_all(self.agents_on(&name));
                    }
                }
                None => self.leave_all(place, &kind),
                Some(_) => {
                    if let Some(computer) = self.value(place, "computer") {
                        self.leave(computer);
                    }
                }
            }
        }
        self.remove_all(found);
        if selector.is_some() {
            for component in &components {
                self.derive(component);
            }
        }
        Ok(())
    }

    /// The elements inside a component that a selector names.
    pub(super) fn inside(
        &self,
        kind: &Kind,
        component: &[usize],
        selector: &Selector,
    ) -> Vec<NodePath> {
        let mut found = vec![component.to_vec()];
        for step in &selector.path {
            let tag = match step.to_ascii_lowercase().as_str() {
                "instance" if kind.tag == "ThorCluster" => "ThorSlaveProcess",
                "instance" | "instance-slave" => kind.node_tag(None),
                "instance-master" => "ThorMasterProcess",
                _ => step,
            };
            found = found
                .iter()
                .flat_map(|place| self.children(place, |e| e.name().eq_ignore_ascii_case(tag)))
                .collect();
        }
        if let Some(key) = &selector.key {
            found.retain(|place| {
                ["name", "netAddress", "computer", "server"]
                    .iter()
                    .any(|name| self.value(place, name).as_deref() == Some(key))
            });
        }
        found
    }
}

/// A selector for people.
pub(super) fn show(selector: &Selector) -> String {
    let path = selector.path.join("/");
    selector.key.as_ref().map_or_else(|| path.clone(), |key| format!("{path}[@name='{key}']"))
}
