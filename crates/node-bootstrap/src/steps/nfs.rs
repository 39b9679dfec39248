//! Shares of files over the network: offered, and to be mounted.

use crate::change::{ChangeError, Enablement, Poke, Wanted};
use crate::edit::Edit;
use crate::host::Kind;
use crate::plan::{Planning, Step};
use crate::spec::Export;
use crate::text::exports;

const FILE: &str = "/etc/exports.d/node-prep.exports";
/// The file of the administrator.
const THEIRS: &str = "/etc/exports";

/// Shares of files over the network.
#[derive(Debug)]
pub(super) struct Nfs;

impl Step for Nfs {
    fn id(&self) -> &'static str {
        "nfs"
    }

    fn why(&self) -> &'static str {
        "Pods' volumes on NFS are mounted by their host, which needs the client. A server offers its folders by \
         /etc/exports.d/node-prep.exports."
    }

    fn plan(&self, planning: &mut Planning<'_>) -> Result<(), ChangeError> {
        let node = planning.node;
        let Some(nfs) = &node.nfs else { return Ok(()) };
        let distribution = planning.facts.distribution;
        let mut packages = Vec::new();
        if nfs.server.is_some() {
            packages.push(&distribution.packages.nfs_server);
        }
        if nfs.client && !packages.contains(&&distribution.packages.nfs_client) {
            packages.push(&distribution.packages.nfs_client);
        }
        let packages: Vec<Wanted> =
            packages.into_iter().map(|name| Wanted { name: name.clone(), version: None }).collect();
        planning.want_packages(&packages, &[])?;
        let Some(server) = &nfs.server else { return Ok(()) };
        for export in &server.exports {
            look_at(planning, export)?;
        }
        let before = planning.text(FILE)?;
        if !server.exports.is_empty() {
            let text = exports::render(&server.exports).map_err(|fault| ChangeError::Edit {
                path: FILE.to_owned(),
                source: crate::edit::EditError::new(fault),
            })?;
            planning.write(FILE, Edit::Content(text), Some(0o644))?;
        } else if before.is_some() {
            planning.remove(FILE)?;
        }
        let unit = format!("{}.service", distribution.services.nfs_server);
        planning.want_unit(&unit, Some(Enablement::Enabled), Some(true))?;
        if planning.text(FILE)? != before {
            planning.poke(Poke::Program(["exportfs", "-ra"].map(str::to_owned).to_vec()));
        }
        Ok(())
    }
}

/// Whether a folder can be offered.
fn look_at(planning: &mut Planning<'_>, export: &Export) -> Result<(), ChangeError> {
    let path = &export.path;
    let real = planning.resolve(path)?;
    if planning.entry(&real)?.is_none_or(|entry| entry.kind != Kind::Folder) {
        planning.refuse(format!(
            "{path} is to be offered and is no folder; make it, or name it in `directories`"
        ));
    }
    let theirs = planning.text(THEIRS)?.unwrap_or_default();
    for (line, other) in exports::paths(&theirs) {
        if other.trim_end_matches('/') == path.trim_end_matches('/') {
            planning.note(format!(
                "{THEIRS}:{line}: offers {path} too; where both name a client, the options there count"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;
    use crate::spec::{self, ExportClient, NfsServer, Node};
    use crate::steps::testing::{debian, lives, package, plan_of, rocky, shown};

    fn export(path: &str, clients: &[(&str, &[&str])]) -> Export {
        let client = |(to, options): &(&str, &[&str])| ExportClient {
            to: (*to).to_owned(),
            options: options.iter().map(ToString::to_string).collect(),
        };
        Export { path: path.to_owned(), clients: clients.iter().map(client).collect() }
    }

    fn node(client: bool, exports: Option<Vec<Export>>) -> Node {
        let server = exports.map(|exports| NfsServer { exports });
        Node { nfs: Some(spec::Nfs { server, client }), ..Node::default() }
    }

    fn with_packages(host: FakeHost) -> FakeHost {
        package(&host, "nfs-kernel-server", &["nfs-kernel-server.service", "nfs-server.service"]);
        package(&host, "nfs-utils", &["nfs-server.service"]);
        package(&host, "nfs-common", &[]);
        host.set_folder("/srv/data");
        host.set_folder("/srv/with blank");
        host
    }

    #[test]
    fn folders_are_offered_and_others_can_be_mounted() {
        let wish = node(
            true,
            Some(vec![
                export(
                    "/srv/data",
                    &[("10.0.0.0/8", &["rw", "sync", "no_subtree_check"]), ("n1", &[])],
                ),
                export("/srv/with blank", &[("*", &["ro"])]),
            ]),
        );
        insta::assert_snapshot!(lives(|| with_packages(debian()), &wish, &Nfs), @r#"
        install nfs-kernel-server, nfs-common
        make folder /etc/exports.d (mode 0755)
        write /etc/exports.d/node-prep.exports (mode 0644)
          +# Written by node-prep.
          +/srv/data 10.0.0.0/8(rw,sync,no_subtree_check) n1
          +"/srv/with blank" *(ro)
        enable and start nfs-server.service
        run exportfs -ra
        "#);
        insta::assert_snapshot!(lives(|| with_packages(rocky()), &wish, &Nfs), @r#"
        install nfs-utils
        make folder /etc/exports.d (mode 0755)
        write /etc/exports.d/node-prep.exports (mode 0644)
          +# Written by node-prep.
          +/srv/data 10.0.0.0/8(rw,sync,no_subtree_check) n1
          +"/srv/with blank" *(ro)
        enable and start nfs-server.service
        run exportfs -ra
        "#);
    }

    #[test]
    fn a_client_needs_one_package_and_an_empty_server_no_file() {
        insta::assert_snapshot!(lives(|| with_packages(debian()), &node(true, None), &Nfs), @"install nfs-common");
        insta::assert_snapshot!(lives(|| with_packages(rocky()), &node(true, Some(Vec::new())), &Nfs), @r"
        install nfs-utils
        enable and start nfs-server.service
        ");
    }

    #[test]
    fn what_is_not_there_is_not_offered_and_what_is_offered_twice_is_told() {
        let host = with_packages(debian());
        host.set("/etc/exports", "# none\n\"/srv/data\" n1(ro)\n");
        let wish = node(
            false,
            Some(vec![export("/srv/gone", &[("*", &[])]), export("/srv/data", &[("*", &[])])]),
        );
        let plan = plan_of(&host, &wish, &Nfs);
        let said = shown(&plan);
        let said: Vec<&str> = said.lines().filter(|line| line.contains(": ")).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        note: /etc/exports:2: offers /srv/data too; where both name a client, the options there count
        refused: /srv/gone is to be offered and is no folder; make it, or name it in `directories`
        ");
    }
}
