//! Whether `SELinux` forbids, or only tells.

use crate::change::{Change, ChangeError};
use crate::edit::{Edit, EditError};
use crate::host::HostError;
use crate::plan::{Planning, Step};
use crate::spec;
use crate::text::{kernel_command_line, key_value};

/// The mode of every boot.
const FILE: &str = "/etc/selinux/config";
/// Whether it forbids now; not there where it is disabled.
const ENFORCE: &str = "/sys/fs/selinux/enforce";
/// Where this file is, the next boot labels all files.
const RELABEL: &str = "/.autorelabel";

/// Whether `SELinux` forbids, or only tells.
#[derive(Debug)]
pub(super) struct Selinux;

impl Step for Selinux {
    fn id(&self) -> &'static str {
        "selinux"
    }

    fn why(&self) -> &'static str {
        "SELinux is told to forbid or only to tell, now and, by /etc/selinux/config, at every boot. It is never \
         disabled: kernels do not take that from this file any more, and files would lose their labels."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let wish = planning.node.selinux;
        if wish == spec::Selinux::Ignore {
            return Ok(());
        }
        let Some(text) = planning.text(FILE)? else {
            if wish == spec::Selinux::Enforcing {
                planning.refuse(format!(
                    "this host has no SELinux ({FILE} is not there): install its policy, or say `selinux: ignore`"
                ));
            }
            return Ok(());
        };
        let mode = key_value::get(&text, "SELINUX").map_err(|fault| ChangeError::Edit {
            path: FILE.to_owned(),
            source: EditError::new(fault),
        })?;
        let mode = mode.unwrap_or_default().to_lowercase();
        let now = enforces(planning)?;
        match wish {
            spec::Selinux::Ignore => {}
            // It forbids nothing, as is wished; to turn it on would label all files anew.
            spec::Selinux::Permissive if mode == "disabled" => {}
            spec::Selinux::Permissive => {
                set(planning, "permissive")?;
                if now == Some(true) || !planning.is_live() {
                    planning.live(Change::SetSelinux { enforcing: false });
                }
            }
            // A tree that has been told so already.
            spec::Selinux::Enforcing
                if !planning.is_live() && mode == "permissive" && planning.exists(RELABEL)? =>
            {
                enable(planning)?;
            }
            spec::Selinux::Enforcing
                if mode == "disabled" || (planning.is_live() && now.is_none()) =>
            {
                enable(planning)?;
            }
            spec::Selinux::Enforcing => {
                set(planning, "enforcing")?;
                if now == Some(false) || !planning.is_live() {
                    planning.live(Change::SetSelinux { enforcing: true });
                }
            }
        }
        Ok(())
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let wish = planning.node.selinux;
        if wish == spec::Selinux::Ignore || !planning.is_live() || !planning.exists(FILE)? {
            return Ok(());
        }
        let words = planning.text("/proc/cmdline")?.unwrap_or_default();
        let against: &[&str] = match wish {
            spec::Selinux::Enforcing => &["selinux=0", "enforcing=0"],
            _ => &["enforcing=1"],
        };
        for word in against.iter().filter(|word| kernel_command_line::has(&words, word)) {
            planning.refuse(format!(
                "the kernel is booted with {word}, which counts more than {FILE}; take it out of the boot loader's \
                 configuration"
            ));
        }
        Ok(())
    }
}

/// Whether it forbids now; `None` where it is disabled, and of a tree.
fn enforces(planning: &Planning<'_>) -> Result<Option<bool>, HostError> {
    if !planning.is_live() {
        return Ok(None);
    }
    Ok(planning.text(ENFORCE)?.map(|value| value.trim() == "1"))
}

fn set(planning: &mut Planning<'_>, mode: &str) -> Result<(), ChangeError> {
    let (key, value) = ("SELINUX".to_owned(), mode.to_owned());
    planning.write(FILE, Edit::KeyValue { key, value }, None)
}

/// Files that were written while it was disabled have no labels: a boot that forbade would not come up.
fn enable(planning: &mut Planning<'_>) -> Result<(), ChangeError> {
    set(planning, "permissive")?;
    planning.write(RELABEL, Edit::Content(String::new()), Some(0o644))?;
    planning.reboot(
        "SELinux is disabled. The next boot labels all files, and only tells; apply again after it to have SELinux \
         forbid",
    );
    planning.note("SELinux is disabled: it can forbid only after a boot that labels all files");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;
    use crate::plan::Plan;
    use crate::spec::Node;
    use crate::steps::testing::{
        carry_out, debian, findings, lives, plan_of, rocky, shown, take_back,
    };

    fn host(mode: &str, now: Option<&str>) -> FakeHost {
        let host = rocky();
        host.set(FILE, &format!("# This file\nSELINUX={mode}\nSELINUXTYPE=targeted\n"));
        if let Some(now) = now {
            host.set(ENFORCE, &format!("{now}\n"));
        }
        host
    }

    fn wish(selinux: spec::Selinux) -> Node {
        Node { selinux, ..Node::default() }
    }

    #[test]
    fn it_only_tells_now_and_at_every_boot() {
        let node = wish(spec::Selinux::Permissive);
        insta::assert_snapshot!(lives(|| host("enforcing", Some("1")), &node, &Selinux), @r"
        edit /etc/selinux/config
          -SELINUX=enforcing
          +SELINUX=permissive
        have SELinux only tell, now
        ");
    }

    #[test]
    fn it_forbids_now_and_at_every_boot() {
        let node = wish(spec::Selinux::Enforcing);
        insta::assert_snapshot!(lives(|| host("permissive", Some("0")), &node, &Selinux), @r"
        edit /etc/selinux/config
          -SELINUX=permissive
          +SELINUX=enforcing
        have SELinux enforce its rules now
        ");
    }

    #[test]
    fn what_is_disabled_forbids_only_after_a_boot_that_labels() {
        let node = wish(spec::Selinux::Enforcing);
        insta::assert_snapshot!(lives(|| host("disabled", None), &node, &Selinux), @r"
        edit /etc/selinux/config
          -SELINUX=disabled
          +SELINUX=permissive
        write /.autorelabel (mode 0644)
        note: SELinux is disabled: it can forbid only after a boot that labels all files
        reboot: SELinux is disabled. The next boot labels all files, and only tells; apply again after it to have SELinux forbid
        ");
        // After that boot.
        let booted = host("permissive", Some("0"));
        assert!(plan_of(&booted, &node, &Selinux).reboot.is_empty());
    }

    #[test]
    fn what_is_disabled_forbids_nothing_and_stays_so() {
        let node = wish(spec::Selinux::Permissive);
        assert!(plan_of(&host("disabled", None), &node, &Selinux).is_empty());
    }

    #[test]
    fn a_host_without_it_is_left_in_peace() {
        let node = wish(spec::Selinux::Permissive);
        assert_eq!(plan_of(&debian(), &node, &Selinux), Plan::default());
        let node = wish(spec::Selinux::Enforcing);
        insta::assert_snapshot!(shown(&plan_of(&debian(), &node, &Selinux)), @"refused: this host has no SELinux (/etc/selinux/config is not there): install its policy, or say `selinux: ignore`");
    }

    #[test]
    fn a_word_for_the_kernel_that_counts_more_is_found() {
        let host = host("enforcing", Some("1"));
        host.set("/proc/cmdline", "ro enforcing=0\n");
        insta::assert_snapshot!(findings(&host, &wish(spec::Selinux::Enforcing), &Selinux).join("\n"), @"the kernel is booted with enforcing=0, which counts more than /etc/selinux/config; take it out of the boot loader's configuration");
        assert!(findings(&host, &wish(spec::Selinux::Permissive), &Selinux).is_empty());
    }

    #[test]
    fn what_is_new_gets_the_label_of_its_place_and_is_taken_back() {
        let prepare = || {
            let host = host("enforcing", Some("1"));
            host.set("/usr/sbin/restorecon", "");
            host
        };
        let directories = serde_json::json!({"directories": [{"path": "/srv/a"}]});
        let node: Node = serde_json::from_value(directories).unwrap();
        let step = crate::steps::all().iter().find(|step| step.id() == "directories").unwrap();
        let host = prepare();
        let before = host.snapshot();
        carry_out(&host, &plan_of(&host, &node, *step));
        let calls = host.calls();
        assert!(calls.iter().any(|call| call == "restorecon -F -- /srv/a"), "{calls:?}");
        assert!(plan_of(&host, &node, *step).is_empty());
        take_back(&host);
        assert_eq!(host.snapshot(), before);
        let host = self::host("disabled", None);
        host.set("/usr/sbin/restorecon", "");
        carry_out(&host, &plan_of(&host, &node, *step));
        assert!(!host.calls().iter().any(|call| call.starts_with("restorecon")));
    }
}
