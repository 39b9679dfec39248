//! The parts of `node.yaml` in a `cluster.yaml`: whether each host's is sound, with places in the `cluster.yaml`.

use std::collections::{HashMap, HashSet};

use diagnostics::yaml::Tree;
use diagnostics::{DataPath, Problem, Step};
use fleet::wish::document;
use node_bootstrap::spec::{Node, Problems, Profile};
use topology::Inventory;
use topology::inventory::Host;

/// Everything that is wrong or strange in the `node.yaml` of any host.
pub(crate) fn check(inventory: &Inventory, tree: &Tree) -> Vec<Problem> {
    // Most hosts are the same; each kind is checked once.
    let mut known: HashMap<String, Vec<Problem>> = HashMap::new();
    let mut told = HashSet::new();
    let mut problems = Vec::new();
    for (index, host) in inventory.hosts.iter().enumerate() {
        let wish = document(inventory, host);
        let found =
            known.entry(wish.to_string()).or_insert_with_key(|text| read(inventory, host, text));
        for problem in found.iter() {
            let path = in_cluster(inventory, host, index, &problem.path);
            let placed = Problem { place: Some(tree.find(&path)), path, ..problem.clone() };
            if told.insert(placed.clone()) {
                problems.push(placed);
            }
        }
    }
    problems.sort_by(|one, other| one.place.cmp(&other.place));
    problems
}

fn read(inventory: &Inventory, host: &Host, text: &str) -> Vec<Problem> {
    if let Some(name) = inventory.profile_of(host)
        && let Err(unknown) = name.parse::<Profile>()
    {
        let problem = Problem::error("profile", unknown.to_string());
        return vec![problem.at(DataPath::from(["profile"]))];
    }
    match Node::read_over(None, "node.yaml", text) {
        Ok((_, warnings)) => warnings,
        Err(Problems(problems)) => problems,
    }
}

/// The path in the `cluster.yaml` of what is at a path of a host's `node.yaml`.
fn in_cluster(inventory: &Inventory, host: &Host, index: usize, path: &DataPath) -> DataPath {
    let own = DataPath::from(["hosts"]).join(index);
    let below =
        |start: DataPath| path.steps().iter().fold(start, |found, step| found.join(step.clone()));
    let Some(Step::Key(key)) = path.steps().first() else { return own };
    match key.as_str() {
        "profile" if host.profile.is_some() => own.join("profile"),
        "profile" => DataPath::from(["profile"]),
        key if host.node.contains_key(key) => below(own.join("node")),
        key if inventory.node.contains_key(key) => below(DataPath::from(["node"])),
        "kubernetes" if inventory.kubernetes.version.is_some() => {
            DataPath::from(["kubernetes", "version"])
        }
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::{Value, json};

    use super::*;

    fn shown(text: &str) -> String {
        let (inventory, _) = Inventory::read("cluster.yaml", text).unwrap();
        let tree = Tree::parse("cluster.yaml", text).unwrap();
        let lines: Vec<String> = check(&inventory, &tree).iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn faults_of_node_yaml_are_told_once_where_they_are_written() {
        assert_snapshot!(shown(
            "\
version: 1
profile: kubeadm
node:
  swap: of
hosts:
- {name: a, address: 10.20.0.11, role: control-plane}
- name: b
  address: 10.20.0.12
  role: worker
  node: {containerd: {sourze: distribution}}
- {name: c, address: 10.20.0.13, role: worker, profile: kubeadmin}
- {name: d, address: 10.20.0.14, role: worker, node: {swap: off}}
"
        ));
    }

    #[test]
    fn a_version_that_is_not_known_is_told_once() {
        let text = "version: 1\nprofile: kubeadm\nkubernetes: {version: 1.x}\nhosts:\n- {name: a, address: 10.20.0.11, role: \
                    control-plane}\n- {name: b, address: 10.20.0.12, role: worker}\n";
        assert_snapshot!(shown(text));
    }

    #[test]
    fn five_hundred_hosts_of_one_kind_are_checked_as_one() {
        let hosts: Vec<Value> = (0..500)
            .map(|at| {
                json!({
                    "name": format!("w{at}"),
                    "address": format!("10.30.{}.{}", at / 250, at % 250 + 1),
                    "role": if at == 0 { "control-plane" } else { "worker" },
                })
            })
            .collect();
        let text = json!({ "version": 1, "profile": "kubeadm", "hosts": hosts }).to_string();
        let start = std::time::Instant::now();
        assert_eq!(shown(&text), "");
        let took = start.elapsed().as_secs_f64();
        // Without optimisation and on a busy machine as well.
        assert!(took < 10.0, "{took} s");
    }
}
