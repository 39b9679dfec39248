//! The kubelet's service, and the arguments that it gets beside kubeadm's.

use crate::change::{ChangeError, Enablement, Poke};
use crate::data::distribution::Family;
use crate::edit::Edit;
use crate::plan::{Planning, Step};
use crate::spec::Swap;
use crate::steps::cluster_dns::{self, kubelet::Resolver};

const KEY: &str = "KUBELET_EXTRA_ARGS";

/// The kubelet.
#[derive(Debug)]
pub(super) struct Kubelet;

impl Step for Kubelet {
    fn id(&self) -> &'static str {
        "kubelet"
    }

    fn why(&self) -> &'static str {
        "The kubelet comes at every boot. Before the host is in a cluster it ends and is started again all the time: it has \
         no configuration yet. That is as it should be."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        let Some(wish) = &node.kubelet else { return Ok(()) };
        let distribution = planning.facts.distribution;
        let mut arguments: Vec<(String, String)> = Vec::new();
        if let Some(address) = wish.node_ip {
            arguments.push(("node-ip".to_owned(), address.to_string()));
        }
        // The configuration that a cluster has for all its kubelets may say otherwise: this host is the one with swap.
        let accepts_swap = wish.fail_swap_on.map_or(node.swap == Swap::Keep, |fails| !fails);
        if accepts_swap {
            arguments.push(("fail-swap-on".to_owned(), "false".to_owned()));
        }
        match cluster_dns::kubelet::resolver(planning)? {
            Resolver::Own | Resolver::File { by_kubeadm: true, .. } => {}
            Resolver::File { path, .. } => arguments.push(("resolv-conf".to_owned(), path)),
            Resolver::Loop(why) => planning.note(why),
        }
        let more = wish.extra_args.iter();
        arguments.extend(more.map(|argument| (argument.name.clone(), argument.value.clone())));
        let file = match distribution.family {
            Family::Debian => "/etc/default/kubelet",
            Family::Rhel => "/etc/sysconfig/kubelet",
        };
        if !arguments.is_empty() {
            planning.write(file, Edit::Arguments { key: KEY.to_owned(), arguments }, None)?;
        }
        let is_changed = planning.has_changes();
        let unit = format!("{}.service", distribution.services.kubelet);
        let (enabled, is_active) = planning.unit(&unit)?;
        let comes = node
            .kubernetes
            .as_ref()
            .is_some_and(|kubernetes| kubernetes.packages.contains(&distribution.services.kubelet));
        if enabled.is_empty() && !comes {
            planning.refuse(format!(
                "there is no {unit}. Install the kubelet, or have it installed: `kubernetes: {{version: \"1.35\"}}`"
            ));
            return Ok(());
        }
        planning.want_unit(&unit, Some(Enablement::Enabled), None)?;
        if is_changed && is_active {
            planning.poke(Poke::Restart(unit));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;
    use crate::spec::Node;
    use crate::steps::testing::{debian, lives, package, plan_of, rocky, shown};

    fn node() -> Node {
        serde_json::from_value(serde_json::json!({
            "kubernetes": {"version": "1.35"},
            "swap": "keep",
            "kubelet": {"nodeIp": "10.0.0.1", "extraArgs": [{"name": "v", "value": "2"}]},
        }))
        .unwrap()
    }

    fn installed(host: FakeHost, active: bool) -> FakeHost {
        host.set_unit("kubelet.service", "disabled", active);
        host
    }

    #[test]
    fn arguments_join_those_that_are_there() {
        let prepare = || {
            let host = installed(debian(), true);
            host.set("/etc/default/kubelet", "# ours\nKUBELET_EXTRA_ARGS=--v=4\n");
            host
        };
        insta::assert_snapshot!(lives(prepare, &node(), &Kubelet), @r#"
        edit /etc/default/kubelet
          -KUBELET_EXTRA_ARGS=--v=4
          +KUBELET_EXTRA_ARGS="--v=2 --node-ip=10.0.0.1 --fail-swap-on=false"
        enable kubelet.service
        restart kubelet.service
        "#);
    }

    #[test]
    fn it_is_told_name_servers_that_do_not_lead_back_to_the_cluster() {
        let node = Node {
            cluster_dns: Some(crate::spec::ClusterDns::default()),
            swap: Swap::Ignore,
            ..node()
        };
        let prepare = || {
            let host = installed(debian(), false);
            host.set("/etc/resolv.conf", "nameserver 10.0.0.2\n");
            host
        };
        insta::assert_snapshot!(lives(prepare, &node, &Kubelet), @r#"
        make folder /etc/default (mode 0755)
        edit /etc/default/kubelet
          +KUBELET_EXTRA_ARGS="--node-ip=10.0.0.1 --resolv-conf=/etc/kubernetes/node-prep/resolv.conf --v=2"
        enable kubelet.service
        "#);
        let host = installed(debian(), false);
        host.set("/etc/resolv.conf", "nameserver 127.0.0.1\n");
        let node = Node { cluster_dns: None, ..node };
        let said = shown(&plan_of(&host, &node, &Kubelet));
        assert!(said.contains("note: /etc/resolv.conf names 127.0.0.1"), "{said}");
    }

    #[test]
    fn one_that_does_not_run_yet_is_not_started() {
        insta::assert_snapshot!(lives(|| installed(rocky(), false), &node(), &Kubelet), @r#"
        edit /etc/sysconfig/kubelet
          +KUBELET_EXTRA_ARGS="--node-ip=10.0.0.1 --fail-swap-on=false --v=2"
        enable kubelet.service
        "#);
    }

    #[test]
    fn without_a_kubelet_the_step_is_refused() {
        let host = debian();
        let node = Node { kubernetes: None, ..node() };
        let plan = plan_of(&host, &node, &Kubelet);
        assert!(shown(&plan).contains("refused: there is no kubelet.service"), "{}", shown(&plan));
        package(&host, "kubelet", &["kubelet.service"]);
        host.with(|world| drop(world.packages.insert("kubelet".to_owned(), "1".to_owned())));
        host.set_unit("kubelet.service", "enabled", false);
        assert!(plan_of(&host, &node, &Kubelet).refusals().next().is_none());
    }
}
