//! What is right now but not after the next boot, and what waits for one.

use super::look::{Looker, UnitFile};
use super::{Findings, Looked, fail, pass, skip, warn};
use crate::host::HostError;
use crate::spec::{Swap, Sysctl};
use crate::text::modules::{built_in, normalise, persistent};
use crate::text::sysctl::{Effective, Key, Loader};
use crate::text::{fstab, kernel_command_line};

/// What every node has loaded, where node.yaml does not say.
const MODULES: [&str; 2] = ["overlay", "br_netfilter"];
/// The file with our own values: what is read before it does not matter.
const OURS: &str = "/etc/sysctl.d/90-node-prep.conf";
/// Folders of units.
const UNITS: [&str; 4] = [
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/system",
];

pub(super) fn add(looker: &Looker<'_>, found: &mut Findings) {
    found.add("SwapPersistent", swap_persistent(looker));
    found.add("SysctlShadowed", sysctl_shadowed(looker));
    if looker.becomes_node() {
        found.live(looker, "BridgeNfCall", bridge_nf_call);
        found.add("ModulePersistent", module_persistent(looker));
    }
    found.live(looker, "RebootRequired", reboot_required);
}

fn swap_persistent(looker: &Looker<'_>) -> Looked {
    if looker.node.swap == Swap::Keep {
        return Ok(skip("`swap: keep` wishes swap"));
    }
    let mut sources = Vec::new();
    for (line, entry) in fstab::swap_entries(&looker.text("/etc/fstab")?) {
        sources.push(format!("/etc/fstab:{line} ({})", entry.source));
    }
    for folder in UNITS {
        for name in looker.host.list(folder)? {
            if name.rsplit_once('.').is_some_and(|(_, kind)| kind == "swap")
                && looker.unit(&name)? != UnitFile::Masked
            {
                sources.push(format!("{folder}/{name}"));
            }
        }
    }
    let zram = "/etc/systemd/zram-generator.conf";
    if looker.text(zram)?.lines().any(|line| line.trim().starts_with("[zram")) {
        sources.push(zram.to_owned());
    }
    for unit in ["zramswap.service", "dphys-swapfile.service", "zram-config.service"] {
        if looker.unit(unit)? == UnitFile::Enabled {
            sources.push(unit.to_owned());
        }
    }
    let masked = looker.unit("swap.target")? == UnitFile::Masked;
    let cmdline = if looker.facts.live { looker.text("/proc/cmdline")? } else { String::new() };
    Ok(if sources.is_empty() {
        pass("no file turns swap on at boot")
    } else if masked || kernel_command_line::has(&cmdline, "systemd.swap=0") {
        pass(format!("systemd is told to leave swap off: {}", sources.join(", ")))
    } else {
        warn(
            format!("swap is turned on at the next boot by {}", sources.join(", ")),
            "take it away; `node-prep apply` with `swap: off` does it, and can take it back",
        )
    })
}

fn sysctl_shadowed(looker: &Looker<'_>) -> Looked {
    let mut wishes: Vec<(String, Sysctl)> =
        looker.node.sysctls.iter().map(|(key, wish)| (key.clone(), wish.clone())).collect();
    if looker.becomes_node() {
        let (v4, v6) = looker.families();
        let forwarding = [(v4, "net.ipv4.ip_forward"), (v6, "net.ipv6.conf.all.forwarding")];
        for (wanted, key) in forwarding {
            if wanted && !looker.node.sysctls.contains_key(key) {
                wishes.push((key.to_owned(), Sysctl::exact("1")));
            }
        }
    }
    let files = looker.drop_ins("sysctl.d")?;
    let mut texts: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (&**path, &**text)).collect();
    // As it will be with our file: only what is read after it can be in the way.
    let ours: String = wishes.iter().flat_map(|(key, _)| [key.as_str(), " = ours\n"]).collect();
    texts.retain(|(path, _)| *path != OURS);
    texts.push((OURS, &ours));
    let at_boot = Effective::of(&texts, Loader::Systemd);
    let shadows: Vec<String> = wishes
        .iter()
        .filter_map(|(key, wish)| {
            let by = at_boot.shadowed(&Key::new(key), &wish.wish, OURS)?;
            let value = by.value.as_deref().unwrap_or_default();
            Some(format!("{}:{} sets {key} to {value}", by.file, by.line))
        })
        .collect();
    Ok(if shadows.is_empty() {
        pass("no file of sysctl.d stands against what is wished")
    } else {
        fail(
            format!("at the next boot {}", shadows.join("; ")),
            "take these lines out: what is set now lasts only until then",
        )
    })
}

fn bridge_nf_call(looker: &Looker<'_>) -> Looked {
    let (v4, v6) = looker.families();
    let mut wrong = Vec::new();
    for (wanted, key) in [(v4, "iptables"), (v6, "ip6tables")] {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{key}");
        match looker.host.text(&path)? {
            Some(value) if value.trim() == "1" => {}
            _ if !wanted => {}
            Some(value) => {
                wrong.push(format!("net.bridge.bridge-nf-call-{key} is {}", value.trim()));
            }
            None => wrong.push(format!("there is no {path}: br_netfilter is not loaded")),
        }
    }
    Ok(if wrong.is_empty() {
        pass("bridges show their packets to the firewall")
    } else {
        let help = "load br_netfilter, then set net.bridge.bridge-nf-call-iptables to 1 (`modules`, `sysctls`)";
        warn(wrong.join("; "), help)
    })
}

fn module_persistent(looker: &Looker<'_>) -> Looked {
    let wanted: Vec<String> = match &looker.node.modules {
        Some(modules) => modules.load.iter().map(|name| normalise(name)).collect(),
        None => MODULES.map(str::to_owned).to_vec(),
    };
    let files = looker.drop_ins("modules-load.d")?;
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    let mut loaded = persistent(&files);
    // systemd reads it by a link of Debian's, which may be missing.
    let modules = looker.text("/etc/modules")?;
    loaded.extend(persistent(&[("/etc/modules-load.d/modules.conf", &modules)]));
    let kernel = &looker.facts.kernel;
    let within = built_in(&looker.text(&format!("/lib/modules/{kernel}/modules.builtin"))?);
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|name| {
            !within.contains(*name) && !loaded.iter().any(|there| there.module == **name)
        })
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        return Ok(pass("the modules are loaded at every boot"));
    }
    if looker.facts.live && !looker.exists(&format!("/lib/modules/{kernel}"))? {
        return Ok(skip(format!("the kernel {kernel} has no modules on this host")));
    }
    Ok(warn(
        format!("not loaded at boot: {}", missing.join(", ")),
        "name them in a file of /etc/modules-load.d (`modules` in node.yaml)",
    ))
}

fn reboot_required(looker: &Looker<'_>) -> Looked {
    let help = "start the machine again before it becomes a node";
    if looker.exists("/run/reboot-required")? {
        let packages = looker.text("/run/reboot-required.pkgs")?;
        let mut packages: Vec<&str> = packages.lines().collect();
        packages.dedup();
        let of =
            if packages.is_empty() { String::new() } else { format!(" ({})", packages.join(", ")) };
        return Ok(warn(format!("packages wait for a new start{of}"), help));
    }
    let running = &looker.facts.kernel;
    let kernels = installed_kernels(looker)?;
    let newer = kernels.iter().filter(|kernel| is_newer(kernel, running)).max_by(|one, other| {
        if is_newer(one, other) { std::cmp::Ordering::Greater } else { std::cmp::Ordering::Less }
    });
    Ok(match newer {
        // Without the running one among them they are no guide: another machine may bring the kernel.
        Some(newer) if kernels.contains(running) => {
            warn(format!("the kernel {newer} is installed, but {running} runs"), help)
        }
        _ => pass("nothing waits for a new start"),
    })
}

/// The kernels that can be started: those in /boot.
fn installed_kernels(looker: &Looker<'_>) -> Result<Vec<String>, HostError> {
    let names = looker.host.list("/boot")?;
    let kernels = names.iter().filter_map(|name| name.strip_prefix("vmlinuz-"));
    Ok(kernels.filter(|name| !name.contains("rescue")).map(str::to_owned).collect())
}

/// Compares numbers as numbers, and words only with their like: another flavour is no newer kernel.
fn is_newer(one: &str, other: &str) -> bool {
    let parts = |version: &str| -> Vec<u64> {
        version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    let words = |version: &str| version.replace(|c: char| c.is_ascii_digit() || c == '.', "");
    words(one) == words(other) && parts(one) > parts(other)
}
