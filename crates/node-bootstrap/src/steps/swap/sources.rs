//! What turns swap on at a boot.

use std::collections::BTreeMap;

use crate::change::ChangeError;
use crate::edit::EditError;
use crate::host::{HostError, Kind};
use crate::plan::Planning;
use crate::text::key_value;

/// What pulls in all units of swap.
pub(super) const TARGET: &str = "swap.target";
/// The key of initramfs-tools for the device to resume from.
pub(super) const RESUME: &str = "RESUME";

/// Where units are, the highest rank first.
const UNITS: [&str; 8] = [
    "/etc/systemd/system",
    "/run/systemd/generator.early",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];
/// Where zram-generator reads, the highest rank first.
const ZRAM: [&str; 4] =
    ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];
const ZRAM_FILE: &str = "zram-generator.conf";
const ZRAM_DROP_INS: &str = "zram-generator.conf.d";

/// What makes a unit of swap come at a boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turns {
    /// That it is enabled.
    WhenEnabled,
    /// A link by hand: it has nothing to be enabled by, and its file stands where its mask would.
    ByLink,
    /// That it is there.
    Always,
    /// That systemd finds its partition.
    Found,
}

/// Units of swap, but for those that come from `/etc/fstab` or zram-generator and go with them.
pub(super) fn units(planning: &Planning<'_>) -> Result<Vec<(String, Turns)>, HostError> {
    let mut units = BTreeMap::new();
    for folder in UNITS {
        for name in planning.list(folder)? {
            if name.strip_suffix(".swap").is_none() || units.contains_key(&name) {
                continue;
            }
            let path = format!("{folder}/{name}");
            let is_link =
                planning.entry(&path)?.is_some_and(|entry| matches!(entry.kind, Kind::Link(_)));
            let text = planning.text(&path)?.unwrap_or_default();
            let is_generated = folder.starts_with("/run/systemd/generator");
            let turns = if text.contains("systemd-gpt-auto-generator") {
                Some(Turns::Found)
            } else if is_generated {
                let goes = text.contains("/etc/fstab") || text.contains("zram-generator");
                (!goes).then_some(Turns::Always)
            } else if text.is_empty() && is_link && folder.starts_with("/etc/") {
                // A mask. What it masks may be one that systemd finds at every boot.
                continue;
            } else if text.lines().any(|line| line.trim() == "[Install]") {
                Some(Turns::WhenEnabled)
            } else if folder.starts_with("/etc/") {
                Some(Turns::ByLink)
            } else {
                Some(Turns::Always)
            };
            units.insert(name, turns);
        }
    }
    Ok(units.into_iter().filter_map(|(name, turns)| Some((name, turns?))).collect())
}

/// Whether a unit comes at the next boot.
pub(super) fn comes(planning: &Planning<'_>, unit: &str, turns: Turns) -> Result<bool, HostError> {
    let enabled = planning.unit(unit)?.0;
    Ok(match turns {
        Turns::WhenEnabled => enabled.starts_with("enabled"),
        Turns::Always | Turns::Found => enabled != "masked",
        Turns::ByLink => planning.unit(TARGET)?.0 != "masked",
    })
}

/// Files of zram-generator that count.
#[derive(Debug, Default)]
pub(super) struct Zram {
    /// Those that ask for swap alone.
    pub(super) swap: Vec<String>,
    /// Those that ask for swap, and for a file system.
    pub(super) mixed: Vec<String>,
}

/// What asks zram-generator for something.
pub(super) fn asks_for_zram(planning: &Planning<'_>) -> Result<Zram, HostError> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for folder in ZRAM {
        let main = format!("{folder}/{ZRAM_FILE}");
        if planning.exists(&main)? {
            files.entry(ZRAM_FILE.to_owned()).or_insert(main);
        }
        for name in planning.list(&format!("{folder}/{ZRAM_DROP_INS}"))? {
            if name.strip_suffix(".conf").is_some() {
                let path = format!("{folder}/{ZRAM_DROP_INS}/{name}");
                files.entry(format!("{ZRAM_DROP_INS}/{name}")).or_insert(path);
            }
        }
    }
    let mut asks = Zram::default();
    for path in files.into_values() {
        let text = planning.text(&path)?.unwrap_or_default();
        // Of each section whether it asks for a file system.
        let mut sections: Vec<bool> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.starts_with("[zram") {
                sections.push(false);
            }
            let (key, value) = line.split_once('=').unwrap_or_default();
            let is_file_system = match key.trim() {
                "mount-point" => true,
                "fs-type" => value.trim() != "swap",
                _ => false,
            };
            if let Some(section) = sections.last_mut() {
                *section |= is_file_system;
            }
        }
        if sections.contains(&false) {
            let list = if sections.contains(&true) { &mut asks.mixed } else { &mut asks.swap };
            list.push(path);
        }
    }
    Ok(asks)
}

/// The file that counts more than this one of zram-generator.
pub(super) fn overriding(path: &str) -> String {
    let rest = ZRAM.iter().find_map(|folder| path.strip_prefix(folder)).unwrap_or(path);
    format!("{}{rest}", ZRAM[0])
}

/// Files of initramfs-tools that name a device to resume from.
pub(super) fn resumes(planning: &Planning<'_>) -> Result<Vec<String>, ChangeError> {
    const FOLDER: &str = "/etc/initramfs-tools";
    let mut files = vec![format!("{FOLDER}/initramfs.conf")];
    let drop_ins = planning.list(&format!("{FOLDER}/conf.d"))?;
    files.extend(drop_ins.into_iter().map(|name| format!("{FOLDER}/conf.d/{name}")));
    let mut found = Vec::new();
    for path in files {
        let Some(text) = planning.text(&path)? else { continue };
        let fault = |fault| ChangeError::Edit { path: path.clone(), source: EditError::new(fault) };
        let value = key_value::get(&text, RESUME).map_err(fault)?.unwrap_or_default();
        if !value.is_empty() && value != "none" {
            found.push(path);
        }
    }
    Ok(found)
}

/// Scripts of the boot that turn swap on, with the line.
pub(super) fn scripts(planning: &Planning<'_>) -> Result<Vec<(String, usize)>, HostError> {
    let mut found = Vec::new();
    for path in ["/etc/rc.local", "/etc/rc.d/rc.local"] {
        if planning.resolve(path)? != path {
            continue;
        }
        let text = planning.text(path)?.unwrap_or_default();
        for (at, line) in text.lines().enumerate() {
            let code = line.split('#').next().unwrap_or_default();
            if code.split([' ', '\t', ';', '&', '/']).any(|word| word == "swapon") {
                found.push((path.to_owned(), at + 1));
            }
        }
    }
    Ok(found)
}
