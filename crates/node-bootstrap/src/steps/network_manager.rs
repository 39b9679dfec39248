//! `NetworkManager` leaves the links of network plugins alone.

use crate::change::{ChangeError, Poke};
use crate::data;
use crate::edit::Edit;
use crate::host::HostError;
use crate::plan::{Planning, Step};

const UNIT: &str = "NetworkManager.service";
const FILE: &str = "/etc/NetworkManager/conf.d/90-node-prep.conf";

/// `NetworkManager` leaves the links of network plugins alone.
#[derive(Debug)]
pub(super) struct NetworkManager;

impl Step for NetworkManager {
    fn id(&self) -> &'static str {
        "network-manager"
    }

    fn why(&self) -> &'static str {
        "NetworkManager would take addresses and routes from the links that network plugins make. A drop-in tells it to \
         leave them alone."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let is_wished = planning.node.network_manager.as_ref().is_some_and(|it| it.unmanaged);
        if !is_wished || !is_installed(planning)? {
            return Ok(());
        }
        planning.write(FILE, Edit::Content(text()), Some(0o644))?;
        planning.poke_if_changed(reload());
        Ok(())
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let is_wished = planning.node.network_manager.as_ref().is_some_and(|it| it.unmanaged);
        if !is_wished || !is_installed(planning)? {
            return Ok(());
        }
        for unit in ["nm-cloud-setup.service", "nm-cloud-setup.timer"] {
            if planning.unit(unit)?.0.starts_with("enabled") {
                planning.note(format!(
                    "{unit} is enabled: the rules of routing that it makes can cut pods off; disable it unless the \
                     host needs the addresses of its cloud from it"
                ));
            }
        }
        Ok(())
    }
}

/// Whether `NetworkManager` is there.
pub(super) fn is_installed(planning: &Planning<'_>) -> Result<bool, HostError> {
    Ok(!planning.unit(UNIT)?.0.is_empty())
}

/// `NetworkManager` reads its files again, if it runs.
pub(super) fn reload() -> Poke {
    let argv = ["systemctl", "try-reload-or-restart", UNIT];
    Poke::Program(argv.map(str::to_owned).to_vec())
}

/// With `+=` the links that others have named stay left alone.
fn text() -> String {
    let links: Vec<String> = data::host::get()
        .plugin_links
        .iter()
        .map(|pattern| format!("interface-name:{pattern}"))
        .collect();
    format!(
        "# Links of network plugins: node-prep.\n[keyfile]\nunmanaged-devices+={}\n",
        links.join(";")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;
    use crate::plan::Plan;
    use crate::spec::{self, Node};
    use crate::steps::testing::{debian, findings, lives, plan_of, rocky};

    fn node() -> Node {
        let network_manager = Some(spec::NetworkManager { unmanaged: true });
        Node { network_manager, ..Node::default() }
    }

    fn with_it(host: FakeHost) -> FakeHost {
        host.set_unit(UNIT, "enabled", true);
        host.set_folder("/etc/NetworkManager/conf.d");
        host
    }

    #[test]
    fn links_of_plugins_are_left_alone_where_it_is_installed() {
        insta::allow_duplicates! {
            for prepare in [debian, rocky] {
                insta::assert_snapshot!(lives(|| with_it(prepare()), &node(), &NetworkManager), @r"
                write /etc/NetworkManager/conf.d/90-node-prep.conf (mode 0644)
                  +# Links of network plugins: node-prep.
                  +[keyfile]
                  +unmanaged-devices+=interface-name:cali*;interface-name:tunl*;interface-name:vxlan.calico;interface-name:vxlan-v6.calico;interface-name:wireguard.cali;interface-name:wg-v6.cali;interface-name:flannel*;interface-name:cni*;interface-name:cilium_*;interface-name:lxc*;interface-name:kube-ipvs0;interface-name:nodelocaldns
                run systemctl try-reload-or-restart NetworkManager.service
                ");
            }
        }
    }

    #[test]
    fn a_host_without_it_is_left_in_peace() {
        assert_eq!(plan_of(&debian(), &node(), &NetworkManager), Plan::default());
        assert_eq!(plan_of(&with_it(debian()), &Node::default(), &NetworkManager), Plan::default());
    }

    #[test]
    fn what_cuts_pods_off_in_clouds_is_told() {
        let host = with_it(rocky());
        host.set_unit("nm-cloud-setup.timer", "enabled", true);
        assert_eq!(findings(&host, &node(), &NetworkManager).len(), 1);
    }
}
