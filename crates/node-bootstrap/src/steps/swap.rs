//! Swap off: now, and whatever would turn it on at a boot.

mod sources;
#[cfg(test)]
mod tests;

use crate::change::{Change, ChangeError, Enablement, Poke};
use crate::edit::Edit;
use crate::plan::{Planning, Step};
use crate::spec;
use crate::text::{fstab, swaps};
use sources::Turns;

const FSTAB: &str = "/etc/fstab";
/// The word that keeps systemd from turning on swap that it finds by itself.
const NO_SWAP: &str = "systemd.swap=0";
/// What stands in a file of ours that takes the place of one that asks for zram.
const NO_ZRAM: &str = "# No swap on compressed memory: node-prep.\n";

/// Swap off.
#[derive(Debug)]
pub(super) struct Swap;

impl Step for Swap {
    fn id(&self) -> &'static str {
        "swap"
    }

    fn why(&self) -> &'static str {
        "The kubelet does not start while there is swap. What is swapped out comes back to memory now, and nothing turns \
         swap on at a boot: not /etc/fstab, not units of systemd or partitions that it finds, not zram, not the initramfs."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        if planning.node.swap != spec::Swap::Off || !fits(planning) {
            return Ok(());
        }
        let turns = sources::units(planning)?;
        let fstab = planning.text(FSTAB)?.unwrap_or_default();
        if fstab::swap_entries(&fstab).next().is_some() {
            planning.write(FSTAB, Edit::NoSwap, None)?;
        }
        for (unit, turns) in &turns {
            keep_off(planning, unit, *turns)?;
        }
        zram_generator(planning)?;
        planning.poke_if_changed(Poke::DaemonReload);
        if turns.iter().any(|(_, turns)| *turns == Turns::Found) {
            planning.want_kernel_word(NO_SWAP)?;
        }
        resume(planning)?;
        for area in in_use(planning)? {
            planning.live(Change::SwapOff { device: area.path });
        }
        services(planning)
    }

    fn verify(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        match planning.node.swap {
            spec::Swap::Ignore => return Ok(()),
            spec::Swap::Keep => {
                if planning.facts.cgroups == crate::facts::Cgroups::V1 {
                    planning.note(
                        "swap is kept, and pods cannot use it: that needs control groups of version 2",
                    );
                }
                return Ok(());
            }
            spec::Swap::Off => {}
        }
        for area in in_use(planning)? {
            planning.refuse(format!("{} is swapped to", area.path));
        }
        let fstab = planning.text(FSTAB)?.unwrap_or_default();
        for (line, entry) in fstab::swap_entries(&fstab) {
            planning.refuse(format!("{FSTAB}:{line}: swaps to {} at the next boot", entry.source));
        }
        for (unit, turns) in sources::units(planning)? {
            if sources::comes(planning, &unit, turns)? {
                planning.refuse(format!("{unit} turns swap on at the next boot"));
            }
        }
        let zram = sources::asks_for_zram(planning)?;
        for path in zram.swap.iter().chain(&zram.mixed) {
            planning.refuse(format!("{path}: makes swap on compressed memory at the next boot"));
        }
        for (path, line) in sources::scripts(planning)? {
            planning
                .refuse(format!("{path}:{line}: runs swapon at the next boot; take that line out"));
        }
        Ok(())
    }
}

/// What is swapped to now.
fn in_use(planning: &Planning<'_>) -> Result<Vec<swaps::Swap>, ChangeError> {
    if !planning.is_live() {
        return Ok(Vec::new());
    }
    Ok(swaps::parse_swaps(&planning.text("/proc/swaps")?.unwrap_or_default()))
}

/// Whether memory takes what is swapped out; refuses where it does not.
fn fits(planning: &mut Planning<'_>) -> bool {
    let memory = planning.facts.memory;
    if !planning.is_live() || memory.takes_swapped_pages() {
        return true;
    }
    let swapped = memory.swap_total_kib.saturating_sub(memory.swap_free_kib) / 1024;
    planning.refuse(format!(
        "{swapped} MiB are swapped out, and only {} MiB of memory are free for them: programs would be killed. Stop \
         some, or say `swap: keep`",
        memory.available_kib / 1024
    ));
    false
}

/// A unit that turns swap on does not do so at the next boot.
fn keep_off(planning: &mut Planning<'_>, unit: &str, turns: Turns) -> Result<(), ChangeError> {
    if !sources::comes(planning, unit, turns)? {
        return Ok(());
    }
    match turns {
        Turns::WhenEnabled => planning.want_unit(unit, Some(Enablement::Disabled), None)?,
        Turns::Always | Turns::Found => {
            planning.want_unit(unit, Some(Enablement::Masked), None)?;
        }
        // A file in the place of a mask cannot be masked: then what pulls in all swap is.
        Turns::ByLink => planning.want_unit(sources::TARGET, Some(Enablement::Masked), None)?,
    }
    Ok(())
}

/// An empty file of the same name counts more than those that ask for zram.
fn zram_generator(planning: &mut Planning<'_>) -> Result<(), ChangeError> {
    let asks = sources::asks_for_zram(planning)?;
    for path in asks.mixed {
        planning.refuse(format!(
            "{path}: asks for a file system on compressed memory beside swap; take its sections of swap out by hand"
        ));
    }
    for path in asks.swap {
        let ours = sources::overriding(&path);
        planning.write(&ours, Edit::Content(NO_ZRAM.to_owned()), Some(0o644))?;
    }
    Ok(())
}

/// The initramfs does not wait for swap to resume from.
fn resume(planning: &mut Planning<'_>) -> Result<(), ChangeError> {
    let files = sources::resumes(planning)?;
    for path in &files {
        let (key, value) = (sources::RESUME.to_owned(), "none".to_owned());
        planning.write(path, Edit::KeyValue { key, value }, None)?;
    }
    if !files.is_empty() {
        let argv = ["update-initramfs", "-u"].map(str::to_owned).to_vec();
        planning.poke(Poke::Program(argv));
    }
    Ok(())
}

/// Services that make swap of their own. They end after swap is off, and begin before it is on again.
fn services(planning: &mut Planning<'_>) -> Result<(), ChangeError> {
    if planning.is_live() {
        // Not those that are swapped to: a run may have been killed after it turned them off.
        let mounts = planning.text("/proc/self/mounts")?.unwrap_or_default();
        for device in planning.list("/sys/block")?.iter().filter(|name| name.starts_with("zram")) {
            let path = format!("/dev/{device}");
            if crate::text::mounts::entries(&mounts).any(|mounted| mounted.source == path) {
                continue;
            }
            let unit = format!("systemd-zram-setup@{device}.service");
            if planning.unit(&unit)?.1 {
                planning.want_unit(&unit, None, Some(false))?;
            }
        }
    }
    for unit in &crate::data::host::get().swap_services {
        let (enabled, _) = planning.unit(unit)?;
        let wanted = match enabled.as_str() {
            "" => continue,
            "static" | "generated" => Enablement::Masked,
            _ => Enablement::Disabled,
        };
        if enabled != "masked" {
            planning.want_unit(unit, Some(wanted), Some(false))?;
        }
    }
    Ok(())
}
