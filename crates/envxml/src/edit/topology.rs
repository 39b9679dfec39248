//! The topology: which clusters queries can be sent to, and which processes serve them.

use super::kind::process_tag;
use super::work::Work;
use super::{Assignment, Category, Child, Cluster, ClusterOf, Problem};
use crate::tree::{Element, NodePath};

/// The clusters of a default topology, each with the kinds of processes that serve it.
const DEFAULT: [(&str, &[&str]); 3] = [
    ("thor", &["EclAgentProcess", "EclCCServerProcess", "EclSchedulerProcess", "ThorCluster"]),
    ("roxie", &["EclCCServerProcess", "EclSchedulerProcess", "RoxieCluster"]),
    ("thor_roxie", &["EclCCServerProcess", "EclSchedulerProcess", "RoxieCluster", "ThorCluster"]),
];

/// The name of a kind's component that `envgen` gives it.
fn usual_name(tag: &str) -> &'static str {
    match tag {
        "EclAgentProcess" => "myeclagent",
        "EclCCServerProcess" => "myeclccserver",
        "EclSchedulerProcess" => "myeclscheduler",
        "ThorCluster" => "mythor",
        _ => "myroxie",
    }
}

impl Work {
    fn topology(&self, name: &str) -> Option<NodePath> {
        let named = |place: &NodePath| self.value(place, "name").as_deref() == Some(name);
        self.of_tag("Topology").into_iter().find(named)
    }

    fn cluster(&self, topology: &[usize], name: &str) -> Option<NodePath> {
        let is_it = |e: &Element| e.name() == "Cluster" && e.get("name").as_deref() == Some(name);
        self.children(topology, is_it).into_iter().next()
    }

    /// The cluster that is to be changed.
    fn cluster_there(&self, cluster: &Cluster) -> Result<NodePath, Problem> {
        let Some(topology) = self.topology(&cluster.topology) else {
            let names = self.of_tag("Topology");
            let have = names.iter().filter_map(|place| self.value(place, "name")).collect();
            let (tag, name) = ("Topology".to_owned(), Some(cluster.topology.clone()));
            return Err(Problem::NoComponent { tag, name, have });
        };
        self.cluster(&topology, &cluster.name).ok_or_else(|| Problem::NoElement {
            within: self.path(&topology),
            wanted: format!("Cluster[@name='{}']", cluster.name),
        })
    }

    /// Adds a cluster to a topology, or processes to the cluster that is there.
    pub(super) fn add_cluster(&mut self, cluster: &Cluster) -> Result<(), Problem> {
        let topology = if let Some(place) = self.topology(&cluster.topology) {
            place
        } else {
            let software = self.part(Category::Software)?;
            self.insert(&software, self.empty_topology(&cluster.topology))?
        };
        if let Some(place) = self.cluster(&topology, &cluster.name) {
            return self.change_cluster(&place, cluster);
        }
        let mut element = Element::new("Cluster")
            .with("alias", "")
            .with("name", &cluster.name)
            .with("prefix", &cluster.name);
        for attribute in &cluster.attributes {
            element.set(&attribute.name, &attribute.value);
        }
        for Child { tag, attributes } in &cluster.processes {
            let mut process = Element::new(process_tag(tag, self.root()));
            for attribute in attributes {
                process.set(&attribute.name, &attribute.value);
            }
            element.push(process);
        }
        self.insert(&topology, element).map(drop)
    }

    /// Changes processes and attributes of a cluster.
    pub(super) fn modify_cluster(&mut self, cluster: &Cluster) -> Result<(), Problem> {
        let place = self.cluster_there(cluster)?;
        self.change_cluster(&place, cluster)
    }

    fn change_cluster(&mut self, place: &[usize], cluster: &Cluster) -> Result<(), Problem> {
        self.assign(place, &cluster.attributes);
        for Child { tag, attributes } in &cluster.processes {
            self.set_child(place, tag, attributes)?;
        }
        Ok(())
    }

    /// Removes a cluster, or processes of it.
    pub(super) fn remove_cluster(&mut self, cluster: &Cluster) -> Result<(), Problem> {
        let place = self.cluster_there(cluster)?;
        if cluster.processes.is_empty() {
            self.remove(&place);
            return Ok(());
        }
        let mut gone = Vec::new();
        for Child { tag, attributes } in &cluster.processes {
            let tag = process_tag(tag, self.root());
            let fits = |e: &Element| {
                let has = |a: &Assignment| e.get(&a.name).as_deref() == Some(a.value.as_str());
                e.name() == tag && attributes.iter().all(has)
            };
            let found = self.children(&place, fits);
            if found.is_empty() {
                return Err(Problem::NoElement { within: self.path(&place), wanted: tag });
            }
            gone.extend(found);
        }
        self.remove_all(gone);
        Ok(())
    }

    /// The name of a component of a kind: the usual one when it is there, else the first.
    fn process_named(&self, tag: &str) -> Option<String> {
        let usual = usual_name(tag);
        if self.is_envgen2() {
            return Some(usual.to_owned());
        }
        let all = self.of_tag(tag);
        let names: Vec<String> = all.iter().filter_map(|place| self.value(place, "name")).collect();
        names.iter().find(|name| *name == usual).or_else(|| names.first()).cloned()
    }

    /// Adds the clusters that `envgen` gives an environment.
    pub(super) fn add_default_topology(&mut self) -> Result<(), Problem> {
        for (name, tags) in DEFAULT {
            let mut processes = Vec::new();
            let mut missing = Vec::new();
            for tag in tags {
                match self.process_named(tag) {
                    Some(process) => processes.push(process_of(tag, &process)),
                    None => missing.push(*tag),
                }
            }
            if missing.is_empty() {
                self.add_cluster(&Cluster {
                    topology: "topology".to_owned(),
                    name: name.to_owned(),
                    attributes: Vec::new(),
                    processes,
                })?;
            } else {
                let missing = missing.join(" and no ");
                self.warn(format!("the cluster {name:?} is left out: there is no {missing}"));
            }
        }
        Ok(())
    }

    /// Adds the topology's entry of a Thor or Roxie cluster.
    pub(super) fn add_cluster_of(&mut self, of: &ClusterOf) -> Result<(), Problem> {
        let named = |tag: &str| {
            let all = self.of_tag(tag);
            all.iter()
                .any(|place| self.value(place, "name").as_deref() == Some(of.process.as_str()))
        };
        let tag = match (named("ThorCluster"), named("RoxieCluster")) {
            (true, _) => "ThorCluster",
            (false, true) => "RoxieCluster",
            (false, false) => {
                let all = ["ThorCluster", "RoxieCluster"].map(|tag| self.of_tag(tag)).concat();
                let have = all.iter().filter_map(|place| self.value(place, "name")).collect();
                let tag = "ThorCluster or RoxieCluster".to_owned();
                return Err(Problem::NoComponent { tag, name: Some(of.process.clone()), have });
            }
        };
        let mut processes = vec![process_of(tag, &of.process)];
        for (tag, given) in [
            ("EclCCServerProcess", &of.eclccserver),
            ("EclSchedulerProcess", &of.eclscheduler),
            ("EclAgentProcess", &of.eclagent),
        ] {
            let is_agent = tag == "EclAgentProcess";
            if is_agent && processes[0].tag == "RoxieCluster" {
                if given.is_some() {
                    self.warn(format!("the Roxie cluster {:?} needs no ECL agent", of.process));
                }
                continue;
            }
            match given.clone().or_else(|| self.process_named(tag)) {
                Some(name) => processes.push(process_of(tag, &name)),
                None => self.warn(format!("there is no {tag} for the cluster of {:?}", of.process)),
            }
        }
        self.add_cluster(&Cluster {
            topology: of.topology.clone().unwrap_or_else(|| "topology".to_owned()),
            name: of.name.clone().unwrap_or_else(|| of.process.clone()),
            attributes: Vec::new(),
            processes,
        })
    }

    /// Adds the topology's entry of each Thor and Roxie cluster that has none.
    pub(super) fn add_missing_clusters(&mut self) -> Result<(), Problem> {
        for tag in ["ThorCluster", "RoxieCluster"] {
            for place in self.of_tag(tag) {
                let Some(process) = self.value(&place, "name") else { continue };
                let topologies = self.of_tag("Topology");
                let serves = |e: &Element| {
                    e.children(tag)
                        .any(|one| one.get("process").as_deref() == Some(process.as_str()))
                };
                if topologies.iter().all(|place| self.children(place, serves).is_empty()) {
                    let (topology, name) = (None, None);
                    let (eclagent, eclccserver, eclscheduler) = (None, None, None);
                    self.add_cluster_of(&ClusterOf {
                        process,
                        topology,
                        name,
                        eclagent,
                        eclccserver,
                        eclscheduler,
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn process_of(tag: &str, name: &str) -> Child {
    let process = Assignment { name: "process".to_owned(), value: name.to_owned(), old: None };
    Child { tag: tag.to_owned(), attributes: vec![process] }
}
