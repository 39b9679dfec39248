//! Roxie clusters: their servers, ports and copies.

use super::Rule;
use super::context::Context;
use super::findings::Findings;
use super::thor::machines_of;
use super::values::number;
use crate::view::Part;

pub(super) fn check<'d>(context: &Context<'_, 'd>, found: &mut Findings<'d>) {
    for roxie in context.of("RoxieCluster") {
        let element = roxie.component.element;
        let servers = machines_of(roxie, Part::RoxieServer).len() as u32;
        let copies = number(element, "numDataCopies", 1);
        if roxie.component.part(Part::RoxieServer).next().is_none() {
            found.add(
                Rule::RoxieWithoutServers,
                &roxie.chain(),
                None,
                format!("{} has no RoxieServerProcess", roxie.title()),
                "add a RoxieServerProcess for each machine that is to answer",
            );
        } else if copies > servers && servers > 0 {
            found.add(
                Rule::RoxieCopies,
                &roxie.chain(),
                Some("numDataCopies"),
                format!(
                    "{copies} copies need as many servers, but {} has {servers}",
                    roxie.title()
                ),
                "set numDataCopies to a lower number, or add servers",
            );
        }
        let folder = element.get("directory").is_some_and(|folder| !folder.is_empty());
        if !folder && !roxie.component.instances.is_empty() {
            found.add(
                Rule::MissingDirectory,
                &roxie.chain(),
                Some("directory"),
                format!("{} has no directory", roxie.title()),
                format!("set directory, as /var/lib/HPCCSystems/{}", roxie.component.name),
            );
        }
        if element.child("RoxieFarmProcess").is_none() {
            found.add(
                Rule::RoxieWithoutFarm,
                &roxie.chain(),
                None,
                format!("{} has no RoxieFarmProcess", roxie.title()),
                "add a RoxieFarmProcess with a port, usually 9876",
            );
        }
    }
}
