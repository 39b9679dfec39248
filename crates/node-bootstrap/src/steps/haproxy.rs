//! haproxy leads to the API servers of all control planes.

use crate::change::{ChangeError, Enablement, Poke, Shown, Wanted};
use crate::edit::Edit;
use crate::host::{Command, HostError, Output};
use crate::plan::{Planning, Step};
use crate::text::haproxy::render;

const FILE: &str = "/etc/haproxy/haproxy.cfg";
const PROGRAM: &str = "/usr/sbin/haproxy";
const UNIT: &str = "haproxy.service";

/// haproxy leads to the API servers of all control planes.
#[derive(Debug)]
pub(super) struct Haproxy;

impl Step for Haproxy {
    fn id(&self) -> &'static str {
        "haproxy"
    }

    fn why(&self) -> &'static str {
        "A cluster with several control planes has one address. haproxy leads from it to the API servers that are ready, and passes \
         TLS on as it is. A change is read by it without a connection being cut."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        let Some(wish) = &node.haproxy else { return Ok(()) };
        planning.want_packages(&[Wanted { name: "haproxy".to_owned(), version: None }], &[])?;
        let before = planning.text(FILE)?;
        let text = render(wish);
        if before.as_ref() != Some(&text)
            && let Some(why) = fault(planning, &text)?
        {
            planning.refuse(format!("haproxy does not take the file that is made for it: {why}"));
            return Ok(());
        }
        selinux(planning)?;
        planning.write(FILE, Edit::Content(text), Some(0o644))?;
        planning.want_unit(UNIT, Some(Enablement::Enabled), Some(true))?;
        let port = wish.bind;
        let listens = Poke::Listens { unit: UNIT.to_owned(), port };
        if planning.text(FILE)? != before {
            let argv = ["systemctl", "try-reload-or-restart", UNIT];
            planning.poke(Poke::Program(argv.map(str::to_owned).to_vec()));
            planning.poke(listens);
        } else if planning.is_live() && !planning.is_served(port)? {
            if !planning.has_changes() {
                planning.poke(Poke::Restart(UNIT.to_owned()));
            }
            planning.poke(listens);
        }
        Ok(())
    }
}

/// What haproxy itself says of a file, where it is installed already; `None` where that is nothing bad.
fn fault(planning: &Planning<'_>, text: &str) -> Result<Option<String>, HostError> {
    if !planning.is_live() || !planning.exists(PROGRAM)? {
        return Ok(None);
    }
    let command = Command::new([PROGRAM, "-c", "-q", "-f", "/dev/stdin"]).reading(text);
    let Output { code, stderr, .. } = planning.look_reading(&command)?;
    Ok((code != Some(0)).then(|| stderr.lines().collect::<Vec<_>>().join("; ")))
}

/// `SELinux` lets haproxy use the ports of the web only, unless it is told.
fn selinux(planning: &mut Planning<'_>) -> Result<(), HostError> {
    const BOOLEAN: &str = "haproxy_connect_any";
    if !planning.is_live() || !super::containerd::enforces_selinux(planning)? {
        return Ok(());
    }
    let words = |argv: &[&str]| argv.iter().map(ToString::to_string).collect::<Vec<_>>();
    planning.want_rule(
        words(&["setsebool", "-P", BOOLEAN, "on"]),
        words(&["setsebool", "-P", BOOLEAN, "off"]),
        Shown::Said { argv: words(&["getsebool", BOOLEAN]), text: format!("{BOOLEAN} --> on") },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeHost, FakePackage};
    use crate::spec::{self, HaproxyServer, Node};
    use crate::steps::testing::{carry_out, debian, lives, plan_of, rocky, shown};

    fn node(addresses: &[&str]) -> Node {
        let server = |(at, address): (usize, &&str)| HaproxyServer {
            name: format!("n{at}"),
            address: (*address).to_owned(),
            port: 6443,
        };
        let servers = addresses.iter().enumerate().map(server).collect();
        let haproxy = Some(spec::Haproxy { servers, ..spec::Haproxy::default() });
        Node { haproxy, ..Node::default() }
    }

    fn with_package(host: FakeHost) -> FakeHost {
        // Packages in memory leave their folders.
        host.set_folder("/usr/sbin");
        host.set_folder("/etc/haproxy");
        host.with(|world| {
            world.available.push(FakePackage {
                name: "haproxy".to_owned(),
                version: "2.6.12-1".to_owned(),
                units: vec![UNIT.to_owned()],
                files: vec![
                    (PROGRAM.to_owned(), "a program".to_owned()),
                    (FILE.to_owned(), "# of the package\n".to_owned()),
                ],
                ..FakePackage::default()
            });
        });
        host
    }

    #[test]
    fn it_is_installed_told_and_started() {
        let done = lives(|| with_package(debian()), &node(&["10.0.0.1", "10.0.0.2"]), &Haproxy);
        let kept =
            done.lines().filter(|line| !line.starts_with("  +")).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(kept, @r"
        install haproxy
        write /etc/haproxy/haproxy.cfg (mode 0644)
        enable and start haproxy.service
        run systemctl try-reload-or-restart haproxy.service
        wait for haproxy.service to listen on port 6443
        ");
        assert!(done.contains("server n0 10.0.0.1:6443"), "{done}");
    }

    #[test]
    fn selinux_is_told_that_it_may() {
        let enforcing = || {
            let host = with_package(rocky());
            host.set("/sys/fs/selinux/enforce", "1");
            host
        };
        let done = lives(enforcing, &node(&["10.0.0.1"]), &Haproxy);
        assert!(done.contains("run setsebool -P haproxy_connect_any on"), "{done}");
        let done = lives(|| with_package(rocky()), &node(&["10.0.0.1"]), &Haproxy);
        assert!(!done.contains("setsebool"), "{done}");
    }

    #[test]
    fn another_server_is_read_without_a_connection_being_cut() {
        let host = with_package(debian());
        carry_out(&host, &plan_of(&host, &node(&["10.0.0.1"]), &Haproxy));
        insta::assert_snapshot!(shown(&plan_of(&host, &node(&["10.0.0.1", "10.0.0.2"]), &Haproxy)), @r"
        write /etc/haproxy/haproxy.cfg (mode 0644)
          +    server n1 10.0.0.2:6443
        run systemctl try-reload-or-restart haproxy.service
        wait for haproxy.service to listen on port 6443
        ");
    }

    #[test]
    fn one_that_runs_and_does_not_listen_is_started_again() {
        let host = with_package(debian());
        let wish = node(&["10.0.0.1"]);
        carry_out(&host, &plan_of(&host, &wish, &Haproxy));
        assert!(plan_of(&host, &wish, &Haproxy).is_empty());
        // As one is that could not load its file when it was told to read it again.
        host.set("/proc/net/tcp", "");
        let plan = plan_of(&host, &wish, &Haproxy);
        insta::assert_snapshot!(shown(&plan), @r"
        restart haproxy.service
        wait for haproxy.service to listen on port 6443
        ");
        carry_out(&host, &plan);
        assert!(plan_of(&host, &wish, &Haproxy).is_empty());
        host.set_unit(UNIT, "enabled", false);
        host.set("/proc/net/tcp", "");
        insta::assert_snapshot!(shown(&plan_of(&host, &wish, &Haproxy)), @r"
        start haproxy.service
        wait for haproxy.service to listen on port 6443
        ");
    }

    #[test]
    fn what_haproxy_does_not_take_never_takes_its_place() {
        let host = with_package(debian());
        carry_out(&host, &plan_of(&host, &node(&["10.0.0.1"]), &Haproxy));
        let plan = plan_of(&host, &node(&["10.0.0.1", "broken.example.org"]), &Haproxy);
        assert!(plan.is_empty());
        insta::assert_snapshot!(shown(&plan), @"refused: haproxy does not take the file that is made for it: [ALERT] parsing [/dev/stdin:35]: broken");
    }
}
