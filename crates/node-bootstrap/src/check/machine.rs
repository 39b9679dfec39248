//! The machine and its kernel.

use std::collections::BTreeSet;
use std::io::Read as _;

use super::look::Looker;
use super::{Findings, Looked, Outcome, fail, pass, skip, warn};
use crate::data::{kubernetes, preflight};
use crate::facts::Cgroups;
use crate::host::HostError;
use crate::spec::Swap;
use crate::text::swaps::parse_swaps;

/// A kernel's configuration is not longer than this, in bytes.
const LONGEST_CONFIG: u64 = 8 << 20;

pub(super) fn add(looker: &Looker<'_>, found: &mut Findings) {
    found.live(looker, "IsPrivilegedUser", is_privileged_user);
    if looker.becomes_control_plane() {
        found.live(looker, "NumCPU", |looker| Ok(num_cpu(looker)));
        found.live(looker, "Mem", |looker| Ok(mem(looker)));
    }
    found.live(looker, "SystemVerification", system_verification);
    found.live(looker, "CgroupVersion", |looker| Ok(cgroup_version(looker)));
    found.live(looker, "Swap", swap);
    let (v4, v6) = looker.families();
    if v4 {
        found.live(looker, "FileContent--proc-sys-net-ipv4-ip_forward", |looker| {
            forwards(looker, "/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward")
        });
    }
    if v6 {
        found.live(looker, "FileContent--proc-sys-net-ipv6-conf-default-forwarding", |looker| {
            let path = "/proc/sys/net/ipv6/conf/default/forwarding";
            forwards(looker, path, "net.ipv6.conf.default.forwarding")
        });
    }
}

fn is_privileged_user(looker: &Looker<'_>) -> Looked {
    let status = looker.text("/proc/self/status")?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    // Real, effective, saved, of the file system.
    Ok(match ids.and_then(|ids| ids.split_whitespace().nth(1)) {
        Some("0") => pass("this is root"),
        Some(user) => fail(format!("this is user {user}"), "run it as root, such as by sudo"),
        None => skip("the kernel does not say who this is"),
    })
}

fn num_cpu(looker: &Looker<'_>) -> Outcome {
    let (there, wanted) = (looker.facts.processors, preflight::get().minimum.cpus);
    let message = format!("processors online: {there}; a control plane needs {wanted}");
    if there < wanted {
        fail(message, "give the machine more, or ignore NumCPU if it is only for trying")
    } else {
        pass(message)
    }
}

fn mem(looker: &Looker<'_>) -> Outcome {
    let (there, wanted) =
        (looker.facts.memory.total_kib / 1024, preflight::get().minimum.memory_megabytes);
    let message = format!("{there} MiB of memory; a control plane needs {wanted}");
    if there < wanted {
        fail(message, "give the machine more, or ignore Mem if it is only for trying")
    } else {
        pass(message)
    }
}

fn swap(looker: &Looker<'_>) -> Looked {
    let areas = parse_swaps(&looker.text("/proc/swaps")?);
    if areas.is_empty() {
        return Ok(pass("no swap is in use"));
    }
    let names: Vec<&str> = areas.iter().map(|area| area.path.as_str()).collect();
    let message = format!("swap is in use: {}", names.join(", "));
    Ok(if looker.node.swap == Swap::Keep {
        pass(format!("{message}; `swap: keep` wishes it"))
    } else {
        warn(message, "turn it off (`swap: off`), or have the kubelet accept it (`swap: keep`)")
    })
}

fn forwards(looker: &Looker<'_>, path: &str, key: &str) -> Looked {
    let help = format!("set {key} to 1, now and at every boot (`sysctls`)");
    Ok(match looker.host.text(path)?.as_deref().map(str::trim) {
        Some("1") => pass(format!("{key} is 1")),
        Some(other) => fail(format!("{key} is {other}"), help),
        None => fail(format!("there is no {path}"), help),
    })
}

fn cgroup_version(looker: &Looker<'_>) -> Outcome {
    let help = "have the kernel use version 2: systemd.unified_cgroup_hierarchy=1 on its command line, then start again";
    match looker.facts.cgroups {
        Cgroups::V2 => pass("control groups are of version 2"),
        Cgroups::Unknown => skip("no control groups are to be seen"),
        Cgroups::V1 => {
            let told = "control groups are of version 1";
            match looker.minor().and_then(kubernetes::find) {
                Some(minor) if !minor.cgroup_v1 && !accepts_v1(looker) => {
                    fail(format!("{told}; the kubelet of {} refuses them", minor.minor), help)
                }
                _ => warn(format!("{told}, which Kubernetes gives up"), help),
            }
        }
    }
}

/// Whether the kubelet is told to run with control groups of version 1.
fn accepts_v1(looker: &Looker<'_>) -> bool {
    looker.node.kubelet.as_ref().and_then(|kubelet| kubelet.fail_cgroup_v1) == Some(false)
}

/// As the system-validators of kubeadm: the kernel's version, its configuration, the controllers of control groups.
fn system_verification(looker: &Looker<'_>) -> Looked {
    let (mut errors, mut warnings, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let table = preflight::get();
    let kernel = &looker.facts.kernel;
    match version(kernel) {
        Some((major, minor)) if table.kernel.is_supported(major, minor) => {}
        _ => errors.push(format!("the kernel {kernel} is not supported")),
    }
    let cgroup = if looker.facts.cgroups == Cgroups::V1 { 1 } else { 2 };
    match kernel_config(looker)? {
        None => warnings.push("the kernel's configuration is nowhere to be found".to_owned()),
        Some(config) => {
            for option in table.options_of(cgroup) {
                let names = option.aliases.iter().chain([&option.name]);
                if !{ names }.any(|name| config.contains(name.as_str())) {
                    // What is not required no kernel has all of: kubeadm does not warn of it either.
                    let list = if option.required { &mut errors } else { &mut notes };
                    list.push(format!("the kernel has no CONFIG_{}", option.name));
                }
            }
        }
    }
    controllers(looker, cgroup, &mut errors, &mut warnings)?;
    if cgroup == 1 {
        let told = "control groups are of version 1".to_owned();
        let refused = looker.minor().and_then(kubernetes::find).is_some_and(|it| !it.cgroup_v1);
        let list = if refused && !accepts_v1(looker) { &mut errors } else { &mut warnings };
        list.push(told);
    }
    let help = "take a kernel with these features; the distribution's own has them";
    let all: Vec<String> = errors.iter().chain(&warnings).cloned().collect();
    Ok(if !errors.is_empty() {
        fail(all.join("; "), help)
    } else if !warnings.is_empty() {
        warn(all.join("; "), help)
    } else {
        notes.insert(0, format!("the kernel {kernel} has what containers need"));
        pass(notes.join("; "))
    })
}

fn controllers(
    looker: &Looker<'_>,
    cgroup: u8,
    errors: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Result<(), HostError> {
    let table = &preflight::get().controllers;
    if looker.facts.cgroups == Cgroups::Unknown {
        errors.push("no control groups are mounted at /sys/fs/cgroup".to_owned());
        return Ok(());
    }
    let (there, required, optional) = if cgroup == 1 {
        let there = looker.text("/proc/cgroups")?;
        let enabled = there.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let mut fields = line.split_whitespace();
            let name = fields.next()?;
            (fields.nth(2)? == "1").then(|| name.to_owned())
        });
        (enabled.collect::<BTreeSet<_>>(), &table.v1, &table.v1_optional)
    } else {
        let there = looker.text("/sys/fs/cgroup/cgroup.controllers")?;
        // These two are no controllers of version 2: every kernel with it has them.
        let given = ["devices", "freezer"].map(str::to_owned);
        let there = there.split_whitespace().map(str::to_owned).chain(given).collect();
        (there, &table.v2, &table.v2_optional)
    };
    for (names, list) in [(required, errors), (optional, warnings)] {
        let missing = names.iter().filter(|name| !there.contains(*name));
        list.extend(
            missing.map(|name| format!("the controller {name} of control groups is missing")),
        );
    }
    Ok(())
}

/// The first two numbers of a kernel's version.
fn version(kernel: &str) -> Option<(u32, u32)> {
    let mut numbers = kernel.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The options that are built in or modules, without `CONFIG_`.
fn kernel_config(looker: &Looker<'_>) -> Result<Option<BTreeSet<String>>, HostError> {
    let kernel = &looker.facts.kernel;
    let mut text = None;
    for path in [
        format!("/boot/config-{kernel}"),
        format!("/lib/modules/{kernel}/config"),
        format!("/usr/lib/modules/{kernel}/config"),
    ] {
        if text.is_none() {
            text = looker.host.text(&path)?;
        }
    }
    if text.is_none()
        && let Some(packed) = looker.host.read("/proc/config.gz")?
    {
        let mut unpacked = String::new();
        let mut reader = flate2::read::GzDecoder::new(&packed[..]).take(LONGEST_CONFIG);
        // One that is broken is as good as none.
        text = reader.read_to_string(&mut unpacked).ok().map(|_| unpacked);
    }
    let set = |line: &str| {
        let (name, value) = line.strip_prefix("CONFIG_")?.split_once('=')?;
        matches!(value.trim(), "y" | "m").then(|| name.to_owned())
    };
    Ok(text.map(|text| text.lines().filter_map(set).collect()))
}
