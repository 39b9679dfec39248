//! A cluster of one node: its control plane runs ordinary pods as well.

use serde_json::Value;

use super::found::{ADMIN, kubectl, node_name};
use crate::change::{Change, ChangeError};
use crate::plan::{Planning, Step};

const TAINT: &str = "node-role.kubernetes.io/control-plane";
const LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// The control plane has neither the taint that keeps pods away, nor the label that keeps load balancers away.
#[derive(Debug, Clone, Copy)]
pub struct SingleNode;

impl Step for SingleNode {
    fn id(&self) -> &'static str {
        "single-node"
    }

    fn why(&self) -> &'static str {
        "kubeadm keeps ordinary pods and load balancers away from a control plane. Where it is the only node, they have nowhere else to \
         be."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        if !planning.node.single_node {
            return Ok(());
        }
        if !planning.exists(ADMIN)? {
            planning.refuse(format!("there is no {ADMIN}: `node-prep init` makes it"));
            return Ok(());
        }
        let name = node_name(planning);
        let output = planning.look(&kubectl(&["get", "node", &name, "-o", "json"]))?;
        let node: Value = if output.is_ok() {
            serde_json::from_str(&output.stdout).unwrap_or_default()
        } else {
            planning.refuse(format!(
                "the cluster does not tell of the node {name}: {}",
                output.stderr.trim()
            ));
            return Ok(());
        };
        let change = |argv: &[&str], undo: &[&str]| {
            let words = |argv: &[&str]| kubectl(argv).into_iter().map(str::to_owned).collect();
            Change::Run { argv: words(argv), creates: None, undo: Some(words(undo)) }
        };
        let taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
        for taint in taints.iter().filter(|taint| taint["key"] == TAINT) {
            let effect = taint["effect"].as_str().unwrap_or_default();
            let set = match taint["value"].as_str() {
                Some(value) if !value.is_empty() => format!("{TAINT}={value}:{effect}"),
                _ => format!("{TAINT}:{effect}"),
            };
            let removed = format!("{TAINT}:{effect}-");
            planning.live(change(
                &["taint", "nodes", &name, &removed],
                &["taint", "--overwrite", "nodes", &name, &set],
            ));
        }
        if let Some(value) = node["metadata"]["labels"][LABEL].as_str() {
            let (removed, set) = (format!("{LABEL}-"), format!("{LABEL}={value}"));
            planning.live(change(
                &["label", "node", &name, &removed],
                &["label", "--overwrite", "node", &name, &set],
            ));
        }
        Ok(())
    }
}
