//! A host in memory that needs a change of every kind, and a step that wishes them.

use node_bootstrap::apply::{Applied, ApplyError, Event, Watch, apply};
use node_bootstrap::change::{Change, ChangeError, Enablement, Poke, Wanted};
use node_bootstrap::edit::Edit;
use node_bootstrap::facts::Facts;
use node_bootstrap::fake::{Death, FakeHost, FakePackage};
use node_bootstrap::host::{Entry, Kind, Meta};
use node_bootstrap::journal::{By, Journal};
use node_bootstrap::plan::{Plan, Planning, Step, plan};
use node_bootstrap::spec::{Modules, Node, Sysctl};
use node_bootstrap::undo::{Options, UndoError, Undone, undo};

/// Wishes a change of every kind that the steps of this crate do not wish here.
pub(crate) struct Everything;

impl Step for Everything {
    fn id(&self) -> &'static str {
        "everything"
    }

    fn why(&self) -> &'static str {
        "A change of every kind."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        planning.write("/etc/motd", Edit::Content("ours\n".to_owned()), Some(0o640))?;
        planning.write("/etc/hosts", Edit::Block(vec!["10.0.0.1 n1".to_owned()]), None)?;
        planning.write("/etc/linked", Edit::Content("through the link\n".to_owned()), None)?;
        planning.write("/etc/deep/er/new", Edit::Content("new\n".to_owned()), None)?;
        planning.remove("/etc/stale")?;
        planning.link("/etc/pointer", "motd")?;
        planning.folder_as("/srv/data", 0o1777, (0, 0))?;
        let wanted = Wanted { name: "kubelet".to_owned(), version: Some("1.35.*".to_owned()) };
        planning.want_packages(&[wanted], &[])?;
        planning.want_held(&["kubelet"])?;
        planning.write("/etc/kubelet.conf", Edit::Content("of ours\n".to_owned()), None)?;
        planning.want_unit("kubelet.service", Some(Enablement::Enabled), Some(true))?;
        planning.want_unit("noise.service", Some(Enablement::Masked), Some(false))?;
        if planning.text("/proc/swaps")?.is_some_and(|swaps| swaps.contains("/swapfile")) {
            planning.live(Change::SwapOff { device: "/swapfile".to_owned() });
        }
        if planning.text("/proc/sys/kernel/hostname")?.as_deref() != Some("n1\n") {
            planning.live(Change::SetHostname { name: "n1".to_owned() });
        }
        if !planning.text("/proc/self/mounts")?.unwrap_or_default().contains("/srv/share") {
            planning.folder("/srv/share")?;
            planning.live(Change::Mount {
                what: "nas:/share".to_owned(),
                path: "/srv/share".to_owned(),
                kind: "nfs4".to_owned(),
                options: vec!["ro".to_owned()],
            });
        }
        planning.poke_if_changed(Poke::Restart("kubelet.service".to_owned()));
        Ok(())
    }
}

/// The host.
pub(crate) fn host() -> FakeHost {
    let host = FakeHost::new();
    host.set("/etc/motd", "theirs\n");
    host.set("/etc/hosts", "127.0.0.1 localhost\n");
    let mut stale = Entry { kind: Kind::File(b"stale\n".to_vec()), meta: Meta::root(0o600) };
    stale.meta.uid = 7;
    stale.meta.xattrs.insert("security.selinux".to_owned(), b"label".to_vec());
    host.set_entry("/etc/stale", stale);
    host.set("/etc/elsewhere/file", "elsewhere\n");
    host.set_link("/etc/linked", "elsewhere/file");
    host.set("/proc/swaps", "Filename Type Size Used Priority\n/swapfile file 1024 0 -2\n");
    host.set("/proc/filesystems", "nodev\tproc\n\text4\n");
    host.set("/proc/sys/net/ipv4/ip_forward", "0\n");
    host.set("/proc/sys/net/core/rmem_max", "212992\n");
    host.answer(&["modinfo"], 0, "/lib/modules/x/overlay.ko\n");
    host.set_unit("noise.service", "enabled", true);
    host.with(|world| {
        world.available.push(FakePackage {
            name: "kubelet".to_owned(),
            version: "1.35.4-1.1".to_owned(),
            units: vec!["kubelet.service".to_owned()],
            files: vec![("/etc/kubelet.conf".to_owned(), "of the package\n".to_owned())],
            depends: vec!["cri-tools".to_owned()],
            ..FakePackage::default()
        });
        world.available.push(FakePackage {
            name: "cri-tools".to_owned(),
            version: "1.35.0-1.1".to_owned(),
            ..FakePackage::default()
        });
    });
    host
}

/// What it shall be, beside [`Everything`].
pub(crate) fn node() -> Node {
    let modules = Some(Modules { load: vec!["overlay".to_owned()] });
    let mut node = Node { modules, ..Node::default() };
    node.sysctls.insert("net.ipv4.ip_forward".to_owned(), Sysctl::exact("1"));
    node.sysctls.insert("net.core.rmem_max".to_owned(), Sysctl::at_least(1_638_400));
    node
}

pub(crate) fn by() -> By {
    By { user: "tester".to_owned(), at: "2026-01-01T00:00:00Z".to_owned(), version: "0".to_owned() }
}

/// What is to be done on a host.
pub(crate) fn plan_for(host: &FakeHost, node: &Node) -> Plan {
    let facts = Facts::of(host).unwrap();
    let journal = Journal::read(host).unwrap();
    let steps = node_bootstrap::steps::all().iter().copied().chain([&Everything as &dyn Step]);
    plan(host, node, &facts, steps, journal.owed().cloned()).unwrap()
}

/// Carries a plan out.
pub(crate) fn carry_out(host: &FakeHost, plan: &Plan) -> Result<Applied, ApplyError> {
    apply(host, plan, by(), &mut Watch { tell: &mut |_: &Event<'_>| {}, stop: &|| false })
}

/// Takes everything back.
pub(crate) fn take_back(host: &FakeHost, options: &Options) -> Result<Undone, UndoError> {
    undo(host, options, by(), &mut Watch { tell: &mut |_: &Event<'_>| {}, stop: &|| false })
}

/// Runs `work` on hosts that die at each of its changes, in each way, until one survives.
pub(crate) fn die_everywhere(
    prepare: impl Fn() -> FakeHost,
    work: impl Fn(&FakeHost),
    after: impl Fn(&FakeHost, &str),
) -> usize {
    let mut deaths = 0;
    for death in [Death::Before, Death::Within, Death::After] {
        for at in 0.. {
            let host = prepare();
            host.kill_at(at, death);
            work(&host);
            if !host.revive() {
                break;
            }
            deaths += 1;
            after(&host, &format!("death {death:?} at change {at}"));
        }
    }
    deaths
}
