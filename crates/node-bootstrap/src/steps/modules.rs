//! Kernel modules: loaded now, and at every boot.

use crate::change::{Change, ChangeError};
use crate::data::{self, distribution::Family};
use crate::edit::Edit;
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::text::modules;

/// The file that has the modules loaded at boot.
const FILE: &str = "/etc/modules-load.d/node-prep.conf";

/// Kernel modules.
#[derive(Debug)]
pub(super) struct Modules;

/// How a kernel has a module.
enum Presence {
    /// It works now.
    Works,
    /// It can be loaded.
    Loadable,
    /// There is none.
    Missing,
}

impl Step for Modules {
    fn id(&self) -> &'static str {
        "modules"
    }

    fn why(&self) -> &'static str {
        "Containers need overlay, bridged pods br_netfilter, and kube-proxy its own. They are loaded now and, by \
         /etc/modules-load.d/node-prep.conf, at every boot."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let Some(wish) = &planning.node.modules else { return Ok(()) };
        if wish.load.is_empty() {
            return Ok(());
        }
        let text = modules::render(wish.load.iter().map(String::as_str));
        planning.write(FILE, Edit::Content(text), Some(0o644))?;
        for name in &wish.load {
            if !planning.is_live() {
                planning.live(Change::LoadModule { name: name.clone() });
                continue;
            }
            match presence(planning, name)? {
                Presence::Works => {}
                Presence::Loadable => planning.live(Change::LoadModule { name: name.clone() }),
                Presence::Missing if comes_with_package(planning)? => {
                    let name = name.clone();
                    planning.live(Change::LoadModule { name });
                }
                // The boot that is told of brings it.
                Presence::Missing if planning.will_reboot() => {}
                Presence::Missing => {
                    let kernel = &planning.facts.kernel;
                    let package = match planning.facts.distribution.family {
                        Family::Debian => format!("on Ubuntu linux-modules-extra-{kernel}"),
                        Family::Rhel => format!("kernel-modules-extra-{}", kernel_version(kernel)),
                    };
                    planning.refuse(format!(
                        "the kernel {kernel} has no module {name}: it is neither built in nor below \
                         /lib/modules/{kernel}. Install the package with it ({package}), or take it out of `modules`"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The version of packages of the kernel that runs: `6.12.0-55.el10` of `6.12.0-55.el10.x86_64`.
pub(super) fn kernel_version(kernel: &str) -> &str {
    kernel.rsplit_once('.').map_or(kernel, |(version, _)| version)
}

/// Whether the package with more modules comes for the kernel that runs.
fn comes_with_package(planning: &Planning<'_>) -> Result<bool, HostError> {
    let Some(name) = &planning.facts.distribution.packages.kernel_modules_extra else {
        return Ok(false);
    };
    let coming = planning.version_of(name)?;
    let is_new = planning.installed(name)? != coming.as_deref();
    Ok(is_new && coming.as_deref() == Some(kernel_version(&planning.facts.kernel)))
}

/// Whether the kernel that runs has no module of this name.
pub(super) fn is_missing(planning: &Planning<'_>, name: &str) -> Result<bool, HostError> {
    Ok(matches!(presence(planning, name)?, Presence::Missing))
}

/// What the kernel says. Some have modules built in and no list of them, so what a module brings is looked at first.
fn presence(planning: &Planning<'_>, name: &str) -> Result<Presence, HostError> {
    let name = modules::normalise(name);
    if let Some(feature) = data::modules::find(&name).and_then(|known| known.feature.as_ref())
        && feature.is_shown(planning.text(&feature.file)?.as_deref())
    {
        return Ok(Presence::Works);
    }
    if planning.exists(&format!("/sys/module/{name}"))? {
        return Ok(Presence::Works);
    }
    let folder = format!("/lib/modules/{}", planning.facts.kernel);
    let built_in = planning.text(&format!("{folder}/modules.builtin"))?.unwrap_or_default();
    if modules::built_in(&built_in).contains(&name) {
        return Ok(Presence::Works);
    }
    let known = planning.look(&["modinfo", "-n", "--", &name]);
    Ok(if known.is_ok_and(|output| output.is_ok()) {
        Presence::Loadable
    } else {
        Presence::Missing
    })
}
