//! Programs of a host in memory, as far as this crate calls them.

use super::network::{self, HAPROXY, SOCKETS};
use super::{FakePackage, FakeUnit, World};
use crate::change::Wanted;
use crate::host::{Entry, Kind, Meta, Output};

pub(super) fn said(code: i32, stdout: impl Into<String>) -> Output {
    Output { code: Some(code), stdout: stdout.into(), stderr: String::new() }
}

pub(super) fn failed(stderr: impl Into<String>) -> Output {
    Output { code: Some(1), stdout: String::new(), stderr: stderr.into() }
}

/// Whether a program changes nothing.
pub(super) fn only_looks(argv: &[&str]) -> bool {
    match argv {
        ["systemctl", verb, ..] => {
            matches!(*verb, "is-enabled" | "is-active" | "show" | "list-unit-files")
        }
        [
            "dpkg-query" | "rpm" | "findmnt" | "getent" | "id" | "getenforce" | "timedatectl"
            | "modinfo" | "df" | "sleep" | "uname" | "iptables-save" | "ip6tables-save",
            ..,
        ]
        | ["apt-mark", "showhold"]
        | ["dnf", "--quiet", "repoquery", ..]
        | ["ip", "-j", ..]
        | ["crictl", _, _, "pods" | "ps", ..]
        | ["grubby", "--info=ALL"]
        | ["containerd" | "kubeadm" | "kubelet", "--version" | "version", ..]
        | ["firewall-cmd", "--state"]
        | ["dpkg", "--audit"]
        | ["getsebool", _]
        | ["/usr/sbin/haproxy", "-c", ..]
        | ["ufw", "status", ..] => true,
        ["nft", rest @ ..] => rest.contains(&"list"),
        ["firewall-cmd", rest @ ..] => {
            rest.iter().any(|word| word.starts_with("--get-") || word.starts_with("--list-"))
        }
        ["apt-get" | "dnf", rest @ ..] => only_shows(rest),
        _ => false,
    }
}

fn only_shows(argv: &[&str]) -> bool {
    argv.contains(&"--simulate") || argv.contains(&"--assumeno")
}

/// What a program does and says; `None` where there is no such program.
pub(super) fn run(world: &mut World, live: bool, argv: &[&str]) -> Option<Output> {
    let plain: Vec<&str> = argv.iter().copied().filter(|word| *word != "--").collect();
    Some(match plain.as_slice() {
        ["systemctl", rest @ ..] => systemctl(world, live, rest)?,
        ["modprobe", "-r", name] => {
            world.files.remove(&format!("/sys/module/{}", name.replace('-', "_")));
            said(0, "")
        }
        ["modprobe", name] => {
            let path = format!("/sys/module/{}", name.replace('-', "_"));
            world.files.insert(path, Entry { kind: Kind::Folder, meta: Meta::root(0o755) });
            said(0, "")
        }
        ["swapoff", device] => swaps(world, |lines| {
            lines.retain(|line| line.split_whitespace().next() != Some(device));
        }),
        ["swapon", device] => swaps(world, |lines| lines.push(format!("{device} file 1024 0 -2"))),
        ["swapon", "-p", priority, device] => swaps(world, |lines| {
            lines.push(format!("{device} partition 1024 0 {priority}"));
        }),
        ["grubby", "--info=ALL"] => said(0, entries(world)),
        ["grubby", "--update-kernel=ALL", words] => {
            if let Some(word) = words.strip_prefix("--args=") {
                lines(world, ENTRIES, |lines| {
                    for line in lines {
                        line.push(' ');
                        line.push_str(word);
                    }
                });
            } else if let Some(word) = words.strip_prefix("--remove-args=") {
                lines(world, ENTRIES, |lines| {
                    for line in lines {
                        let kept: Vec<&str> = line.split(' ').filter(|it| *it != word).collect();
                        *line = kept.join(" ");
                    }
                });
            }
            said(0, "")
        }
        ["mount", "-t", kind, .., what, path] => {
            world.mounts.insert((*path).to_owned(), format!("{what} {kind}"));
            mounts(world)
        }
        ["rm", "-rf", "--one-file-system", path] => {
            let below = format!("{path}/");
            world.files.retain(|known, _| known != path && !known.starts_with(&below));
            said(0, "")
        }
        ["umount", path] | ["umount", "--lazy", path] => {
            world.mounts.remove(*path);
            mounts(world)
        }
        ["dpkg-query", ..] | ["rpm", "-qa", ..] => said(0, packages(world)),
        ["rpm", "--erase", "--test", "--allmatches", names @ ..] => needed(world, names),
        ["sleep" | "dpkg" | "update-grub" | "exportfs" | "update-initramfs" | "resolvconf", ..]
        | ["firewall-cmd", "--reload"] => said(0, ""),
        ["restorecon", "-F", path] => {
            if let Some(entry) = world.files.get_mut(*path) {
                entry.meta.xattrs.insert("security.selinux".to_owned(), b"its own".to_vec());
            }
            said(0, "")
        }
        ["getsebool", name] => {
            let now = if world.booleans.contains(*name) { "on" } else { "off" };
            said(0, format!("{name} --> {now}\n"))
        }
        ["setsebool", "-P", name, "on"] => {
            world.booleans.insert((*name).to_owned());
            said(0, "")
        }
        ["setsebool", "-P", name, "off"] => {
            world.booleans.remove(*name);
            said(0, "")
        }
        ["ufw", words @ ..] => ufw(world, words),
        ["nft", words @ ..] => nft(world, words),
        ["apt-mark", "showhold"] => {
            said(0, world.held.iter().flat_map(|name| [name, "\n"]).collect::<String>())
        }
        ["apt-mark", verb, names @ ..] => {
            for name in names {
                if *verb == "hold" {
                    world.held.insert((*name).to_owned());
                } else {
                    world.held.remove(*name);
                }
            }
            said(0, "")
        }
        ["apt-get" | "dnf", ..] => install(world, argv),
        _ => return None,
    })
}

/// Stands for the boot entries: the words of one in each line.
const ENTRIES: &str = "/boot/loader/entries";

fn entries(world: &World) -> String {
    match world.files.get(ENTRIES).map(|entry| &entry.kind) {
        Some(Kind::File(content)) => String::from_utf8_lossy(content)
            .lines()
            .flat_map(|line| ["index=0\nargs=\"", line, "\"\n"].map(str::to_owned))
            .collect(),
        _ => String::new(),
    }
}

fn swaps(world: &mut World, change: impl FnOnce(&mut Vec<String>)) -> Output {
    lines(world, "/proc/swaps", change);
    said(0, "")
}

fn mounts(world: &mut World) -> Output {
    let line = |(path, mounted): (&String, &String)| {
        let (what, kind) = mounted.split_once(' ').unwrap_or((mounted, "none"));
        format!("{what} {path} {kind} rw 0 0")
    };
    let all: Vec<String> = world.mounts.iter().map(line).collect();
    lines(world, "/proc/self/mounts", |lines| {
        lines.truncate(1);
        lines.extend(all);
    });
    said(0, "")
}

fn lines(world: &mut World, path: &str, change: impl FnOnce(&mut Vec<String>)) {
    if let Some(Entry { kind: Kind::File(content), .. }) = world.files.get_mut(path) {
        let mut lines: Vec<String> =
            String::from_utf8_lossy(content).lines().map(str::to_owned).collect();
        change(&mut lines);
        *content = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect::<String>().into();
    }
}

fn systemctl(world: &mut World, live: bool, argv: &[&str]) -> Option<Output> {
    let mut words: Vec<&str> =
        argv.iter().copied().filter(|word| !word.starts_with("--")).collect();
    if words == ["daemon-reload"] {
        return Some(said(0, ""));
    }
    let name = words.pop()?;
    let name = &if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
    let verb = words.first()?;
    let Some(unit) = world.units.get_mut(name) else {
        return Some(match *verb {
            "is-enabled" => said(4, "not-found\n"),
            "is-active" => said(4, ""),
            "mask" => {
                let unit = FakeUnit { enabled: "masked".to_owned(), active: false, beneath: None };
                world.units.insert(name.clone(), unit);
                said(0, "")
            }
            "try-restart" | "try-reload-or-restart" | "unmask" => said(0, ""),
            _ => failed(format!("Unit {name} could not be found.")),
        });
    };
    match *verb {
        "is-enabled" => {
            let code = i32::from(matches!(unit.enabled.as_str(), "disabled" | "masked"));
            return Some(said(code, format!("{}\n", unit.enabled)));
        }
        "is-active" => return Some(said(if unit.active { 0 } else { 3 }, "")),
        "enable" | "disable" | "start" | "restart" if unit.enabled == "masked" => {
            return Some(failed(format!("Unit {name} is masked.")));
        }
        "enable" => "enabled".clone_into(&mut unit.enabled),
        "disable" => "disabled".clone_into(&mut unit.enabled),
        "mask" if unit.enabled != "masked" => {
            unit.beneath = Some(std::mem::replace(&mut unit.enabled, "masked".to_owned()));
        }
        // One that is only its mask goes with it.
        "unmask" => match unit.beneath.take() {
            Some(beneath) => unit.enabled = beneath,
            None if unit.enabled == "masked" => {
                world.units.remove(name);
            }
            None => {}
        },
        "start" | "restart" | "try-reload-or-restart" if live => {
            unit.active = true;
            if name == HAPROXY {
                network::serve(world);
            }
        }
        "stop" if live => unit.active = false,
        _ => {}
    }
    Some(said(0, ""))
}

fn packages(world: &World) -> String {
    let lines =
        world.packages.iter().flat_map(|(name, version)| ["ii \t", name, "\t", version, "\n"]);
    lines.collect()
}

fn install(world: &mut World, argv: &[&str]) -> Output {
    let end = argv.iter().position(|word| *word == "--");
    let names = end.map_or(&[][..], |end| &argv[end + 1..]);
    if argv.contains(&"update") {
        return said(0, "");
    }
    if only_shows(argv) {
        let mut then = world.clone();
        let real: Vec<&str> = argv.iter().copied().filter(|word| !only_shows(&[*word])).collect();
        let output = install(&mut then, &real);
        return if output.is_ok() { said(0, shown(world, &then, argv)) } else { output };
    }
    if argv.contains(&"purge") || argv.contains(&"remove") {
        for name in with_dependents(world, names) {
            remove(world, &name);
        }
        return said(0, "");
    }
    if let Some(name) = names.iter().find(|name| world.lost.contains(**name)) {
        let (name, version) = name.split_once('=').unwrap_or((name, ""));
        return failed(format!("E: Version '{version}' for '{name}' was not found"));
    }
    for named in names {
        let Some(package) =
            world.available.iter().rev().find(|package| is_named(package, named)).cloned()
        else {
            return failed(format!("E: Unable to locate package {named}"));
        };
        add(world, &package);
    }
    said(0, "")
}

/// These packages and all that need them.
fn with_dependents(world: &World, names: &[&str]) -> Vec<String> {
    let mut going: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut at = 0;
    while let Some(name) = going.get(at).cloned() {
        at += 1;
        let needs = |other: &&FakePackage| {
            world.packages.get(&other.name) == Some(&other.version) && other.depends.contains(&name)
        };
        for other in world.available.iter().filter(needs) {
            if !going.contains(&other.name) {
                going.push(other.name.clone());
            }
        }
    }
    going
}

/// What `rpm --test` says.
fn needed(world: &World, names: &[&str]) -> Output {
    let going = with_dependents(world, names);
    let others = going.iter().filter(|name| !names.contains(&name.as_str()));
    let line = |name: &String| {
        format!("\tit is needed by (installed) {name}-{}.x86_64\n", world.packages[name])
    };
    let lines = others.map(line).collect::<Vec<_>>().concat();
    if lines.is_empty() {
        said(0, "")
    } else {
        failed(format!("error: Failed dependencies:\n{lines}"))
    }
}

/// How a transaction is shown.
fn shown(now: &World, then: &World, argv: &[&str]) -> String {
    let is_apt = argv.first() == Some(&"apt-get");
    let line = |verb: &str, name: &str, version: &str| {
        if is_apt {
            format!("{verb} {name} ({version})\n")
        } else {
            format!(" {name} x86_64 {version}\n")
        }
    };
    let gone = now.packages.iter().filter(|(name, _)| !then.packages.contains_key(*name));
    let new =
        then.packages.iter().filter(|(name, version)| now.packages.get(*name) != Some(*version));
    gone.map(|(name, version)| line("Remv", name, version))
        .chain(new.map(|(name, version)| line("Inst", name, version)))
        .collect()
}

fn is_named(package: &FakePackage, named: &str) -> bool {
    let Some(rest) = named.strip_prefix(package.name.as_str()) else { return false };
    let Some(version) = rest.strip_prefix(['=', '-']) else { return rest.is_empty() };
    let wanted = Wanted { name: package.name.clone(), version: Some(version.to_owned()) };
    wanted.fits(&package.version)
}

fn add(world: &mut World, package: &FakePackage) {
    for name in &package.depends {
        if !world.packages.contains_key(name)
            && let Some(other) =
                world.available.iter().rev().find(|other| other.name == *name).cloned()
        {
            add(world, &other);
        }
    }
    for name in &package.conflicts {
        remove(world, name);
    }
    let before = world.packages.insert(package.name.clone(), package.version.clone());
    if before.as_ref() != Some(&package.version) {
        // As apt does.
        world.held.remove(&package.name);
    }
    for unit in &package.units {
        let new = FakeUnit { enabled: "disabled".to_owned(), active: false, beneath: None };
        world.units.entry(unit.clone()).or_insert(new);
    }
    for (path, content) in &package.files {
        let entry =
            Entry { kind: Kind::File(content.clone().into_bytes()), meta: Meta::root(0o644) };
        let mut above = crate::host::folder_of(path).to_owned();
        while !world.files.contains_key(&above) {
            let folder = Entry { kind: Kind::Folder, meta: Meta::root(0o755) };
            world.files.insert(above.clone(), folder);
            above = crate::host::folder_of(&above).to_owned();
        }
        world.files.entry(path.clone()).or_insert(entry);
    }
}

fn remove(world: &mut World, name: &str) {
    world.packages.remove(name);
    world.held.remove(name);
    let gone: Vec<FakePackage> =
        world.available.iter().filter(|package| package.name == name).cloned().collect();
    for package in gone {
        for unit in &package.units {
            world.units.remove(unit);
            if unit == HAPROXY {
                world.files.remove(SOCKETS);
            }
        }
        for (path, _) in &package.files {
            world.files.remove(path);
        }
        // As dpkg does: no package lists it.
        let is_used = world.files.keys().any(|path| path.starts_with("/opt/"));
        if package.files.iter().any(|(path, _)| path.starts_with("/opt/")) && !is_used {
            world.files.remove("/opt");
        }
    }
}

/// Adds or removes the line by which ufw knows a rule.
fn ufw(world: &mut World, words: &[&str]) -> Output {
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at + 1).copied().filter(|value| *value != "any")
    };
    let named = [after("from"), after("to")];
    let is_6 = named.iter().flatten().any(|address| address.contains("::"));
    let (path, any) =
        if is_6 { ("/etc/ufw/user6.rules", "::/0") } else { ("/etc/ufw/user.rules", "0.0.0.0/0") };
    let action = if words.first() == Some(&"route") { "route:allow" } else { "allow" };
    let protocol = after("proto").unwrap_or("any");
    let (port, to) = (after("port").unwrap_or("any"), named[1].unwrap_or(any));
    let from = named[0].unwrap_or(any);
    let tuple = format!("### tuple ### {action} {protocol} {port} {to} any {from} in");
    lines(world, path, |lines| {
        lines.retain(|line| !line.starts_with(&tuple));
        if !words.contains(&"delete") {
            let end = lines.iter().position(|line| line == "### END RULES ###");
            lines.insert(end.unwrap_or(lines.len()), tuple);
        }
    });
    said(0, "")
}

/// Keeps what each chain has as a file that nobody else sees.
fn nft(world: &mut World, words: &[&str]) -> Output {
    let place = |family: &str, table: &str, chain: &str| format!("nft {family} {table} {chain}");
    match words {
        ["-f", path] => {
            let Some(Entry { kind: Kind::File(content), .. }) = world.files.get(*path) else {
                return failed("no such file");
            };
            let text = String::from_utf8_lossy(content).into_owned();
            // The last declaration of each chain has its rules.
            for part in text.split("flush chain ").skip(1) {
                let head: Vec<&str> = part.lines().next().unwrap_or_default().split(' ').collect();
                if let [family, table, chain] = head[..] {
                    world.mounts.insert(place(family, table, chain), part.to_owned());
                }
            }
            said(0, "")
        }
        ["insert", "rule", family, table, chain, rule @ ..] => {
            let chain = world.mounts.entry(place(family, table, chain)).or_default();
            chain.insert_str(0, &format!("{}\n", rule.join(" ")));
            said(0, "")
        }
        ["flush", "chain", family, table, chain] => {
            world.mounts.insert(place(family, table, chain), String::new());
            said(0, "")
        }
        ["list", "chain", family, table, chain] => {
            let found = world.mounts.get(&place(family, table, chain));
            found.map_or_else(|| failed("no such chain"), |rules| said(0, rules.clone()))
        }
        _ => failed("nft: not understood"),
    }
}
