//! Values of the kernel: set now, and at every boot.

use crate::change::{Change, ChangeError};
use crate::data;
use crate::edit::Edit;
use crate::plan::{Planning, Step};
use crate::spec::Sysctl;
use crate::text::sysctl::{self, Effective, Key, Line, Loader};

/// The file that has the values set at boot.
const FILE: &str = "/etc/sysctl.d/90-node-prep.conf";

/// Values of the kernel.
#[derive(Debug)]
pub(super) struct Sysctls;

impl Step for Sysctls {
    fn id(&self) -> &'static str {
        "sysctls"
    }

    fn why(&self) -> &'static str {
        "Packets of pods are forwarded, bridges show theirs to the firewall, and buffers and limits are large enough. \
         Values are set now and, by /etc/sysctl.d/90-node-prep.conf, at every boot. A minimum never lowers a higher value."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        if node.sysctls.is_empty() {
            return Ok(());
        }
        let files = planning.drop_ins("sysctl.d")?;
        let others: Vec<(&str, &str)> = files
            .iter()
            .filter(|(path, _)| path != FILE)
            .map(|(path, text)| (&**path, &**text))
            .collect();
        let others = Effective::of(&others, Loader::Systemd);
        let ours = planning.text(FILE)?.unwrap_or_default();
        let ours = Effective::of(&[(FILE, &ours)], Loader::Systemd);
        let (mut lines, mut live) = (Vec::new(), Vec::new());
        for (name, wish) in &node.sysctls {
            let key = Key::new(name);
            let current = planning.sysctl(name)?;
            let others = others.value(&key);
            let ours = ours.value(&key);
            let wanted = match wish.wish.wanted(current.as_deref(), others, ours) {
                Ok(wanted) => wanted,
                Err(fault) => {
                    planning.refuse(format!("{name}: {fault}"));
                    continue;
                }
            };
            if let Some(value) = wanted.line {
                let optional = wish.optional;
                lines.push(Line { key, value, optional, reason: String::new() });
            }
            if let Some(value) = wanted.live {
                live.push((name, wish, current.is_some(), value));
            }
        }
        if !lines.is_empty() {
            planning.write(FILE, Edit::Content(sysctl::render(&lines)), Some(0o644))?;
        } else if planning.exists(FILE)? {
            planning.remove(FILE)?;
        }
        for (name, wish, is_there, value) in live {
            set_now(planning, name, wish, is_there, value)?;
        }
        Ok(())
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        let files = planning.drop_ins("sysctl.d")?;
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let at_boot = Effective::of(&files, Loader::Systemd);
        for (name, wish) in &node.sysctls {
            if let Some(found) = at_boot.shadowed(&Key::new(name), &wish.wish, FILE) {
                let value = found.value.as_deref().unwrap_or_default();
                planning.refuse(format!(
                    "{}:{}: sets {name} to {value} at the next boot, after {FILE}; take that line out",
                    found.file, found.line
                ));
            }
        }
        Ok(())
    }
}

fn set_now(
    planning: &mut Planning<'_>,
    name: &str,
    wish: &Sysctl,
    is_there: bool,
    value: String,
) -> Result<(), ChangeError> {
    let change = Change::SetSysctl { key: name.to_owned(), value };
    if !planning.is_live() || planning.will_come(name) {
        planning.live(change);
        return Ok(());
    }
    let path = Key::new(name).path();
    if !is_there {
        // A module that only the next boot has brings it, and what is set at boot.
        let modules = planning.node.modules.iter().flat_map(|modules| &modules.load);
        let brings = |module: &String| data::modules::brings(module, name);
        if planning.will_reboot() && modules.into_iter().any(brings) {
            return Ok(());
        }
        if !wish.optional {
            planning.refuse(format!(
                "the kernel has no {name} ({path}): a module may be missing. Load it by `modules`, or say \
                 `optional: true`"
            ));
        }
        return Ok(());
    }
    let can_be_set = planning.entry(&path)?.is_some_and(|entry| entry.meta.mode & 0o200 != 0);
    if can_be_set {
        planning.live(change);
    } else if wish.optional {
        planning.note(format!("{name} stays as it is: the kernel lets {path} be read only here"));
    } else if name.starts_with("net.") && !planning.facts.own_network {
        planning.refuse(format!(
            "{name} cannot be set in this network namespace: only the machine's own has it. Set it on the machine \
             that this host runs on, or say `optional: true`"
        ));
    } else {
        planning.refuse(format!("{name} cannot be set: the kernel lets {path} be read only"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Entry, Kind, Meta};
    use crate::steps::testing::{debian, lives, plan_of, shown};

    #[test]
    fn a_value_that_can_only_be_read_is_refused_unless_it_is_optional() {
        let prepare = || {
            let host = debian();
            let kind = Kind::File(b"212992\n".to_vec());
            host.set_entry("/proc/sys/net/core/rmem_max", Entry { kind, meta: Meta::root(0o444) });
            host
        };
        let node = |optional: bool| {
            let wish = serde_json::json!({"atLeast": 1_638_400, "optional": optional});
            serde_json::from_value(serde_json::json!({"sysctls": {"net.core.rmem_max": wish}}))
                .unwrap()
        };
        let refused = shown(&plan_of(&prepare(), &node(false), &Sysctls));
        assert!(refused.contains("cannot be set in this network namespace"), "{refused}");
        let plan = lives(prepare, &node(true), &Sysctls);
        assert!(plan.starts_with("write /etc/sysctl.d/90-node-prep.conf"), "{plan}");
        assert!(!plan.contains("refused"), "{plan}");
    }
}
