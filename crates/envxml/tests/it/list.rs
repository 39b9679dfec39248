//! The lists of `configgen`.

use envxml::list::{self, ListError, Row, to_text};
use envxml::{Document, ReadError};

use crate::data::shared;

const SMALL: &str = include_str!("../fixtures/small.xml");

/// All lists of an environment, each under its option's name.
fn lists(document: &Document, local: &str) -> Result<Vec<(&'static str, String)>, ListError> {
    let all = list::processes(document, local)?;
    let without_workers: Vec<_> = all.iter().filter(|row| !row.is_thor_worker()).cloned().collect();
    Ok(vec![
        ("listall", to_text(&without_workers)),
        ("listall2", to_text(&all)),
        ("machines", to_text(&list::machines(document, local)?)),
        ("listespservices", to_text(&list::esp_services(document, local))),
        ("listcommondirs", to_text(&list::common_directories(document)?)),
        ("listdropzones", to_text(&list::drop_zones(document, local)?)),
    ])
}

#[test]
fn the_lists_of_the_goldens_are_those_of_configgen() {
    const TEST: &str = "the_lists_of_the_goldens_are_those_of_configgen";
    let (Some(golden), Some(environments)) = (shared("configgen", TEST), shared("envgen", TEST))
    else {
        return;
    };
    let mut seen = 0;
    for entry in std::fs::read_dir(&golden).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let Some(case) = name.strip_suffix("-listall.txt") else { continue };
        let text = std::fs::read_to_string(environments.join(format!("{case}.xml"))).unwrap();
        let document = Document::parse(&text).unwrap();
        for (option, text) in lists(&document, ".").unwrap() {
            let path = golden.join(format!("{case}-{option}.txt"));
            assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 36, "only {seen} lists");
}

#[test]
fn every_list_of_a_small_cluster() -> Result<(), ListError> {
    let document = Document::parse(SMALL).unwrap();
    let mut shown = lists(&document, ".")?;
    let local = list::local_components(&document, "10.8.0.1", ".")?;
    shown.push(("list -ip 10.8.0.1", to_text(&local)));
    shown.push(("listldaps", to_text(&list::ldap_servers(&document, ".")?)));
    let shown: Vec<_> = shown.iter().map(|(option, rows)| format!("-{option}\n{rows}")).collect();
    insta::assert_snapshot!(shown.join("\n"));
    let here = list::local_directories(&document, "10.8.0.2", ".")?;
    assert_eq!(here, [Some("/var/lib/HPCCSystems/mydropzone".into()), Some("/data/in".into())],);
    Ok(())
}

#[test]
fn rows_have_cells_for_their_header_and_json() -> Result<(), ListError> {
    fn first<R: Row>(rows: &[R]) -> String {
        let row = &rows[0];
        assert_eq!(row.cells().len(), R::HEADER.len());
        format!("{}\n  {}", R::HEADER.join(" | "), serde_json::to_string(row).unwrap())
    }
    let document = Document::parse(SMALL).unwrap();
    let shown = [
        first(&list::processes(&document, ".")?),
        first(&list::local_components(&document, "10.8.0.1", ".")?),
        first(&list::machines(&document, ".")?),
        first(&list::ldap_servers(&document, ".")?),
        first(&list::esp_services(&document, ".")),
        first(&list::common_directories(&document)?),
        first(&list::drop_zones(&document, ".")?),
    ];
    insta::assert_snapshot!(shown.join("\n"));
    Ok(())
}

#[test]
fn a_dot_is_the_local_machine_also_before_a_port_but_not_in_a_server_list() -> Result<(), ReadError>
{
    let document = Document::parse(
        "<Environment><Hardware><Computer name='a' netAddress='.'/></Hardware><Software>\
         <EspProcess name='e'><Instance computer='a' netAddress='.'/>\
         <Instance computer='a' netAddress='http://.:80/'/><EspBinding/></EspProcess>\
         <DropZone name='old' computer='a' directory='/a'/>\
         <DropZone name='new'><ServerList server='.'/></DropZone></Software></Environment>",
    )?;
    let text = |local| {
        let lists = lists(&document, local).unwrap();
        lists.into_iter().map(|(_, text)| text).collect::<String>()
    };
    insta::assert_snapshot!(format!("{}---\n{}", text("10.0.0.9"), text(".")), @r"
    10.0.0.9,
    EspProcess,e,,,10.0.0.9,,
    EspProcess,e,,,http://10.0.0.9:80/,,
    10.0.0.9,/a
    .,(null)
    ---
    .,
    EspProcess,e,,,.,,
    EspProcess,e,,,http://.:80/,,
    .,/a
    .,(null)
    ");
    Ok(())
}

#[test]
fn what_configgen_refuses_is_refused_with_the_place() {
    let thor = "<ThorCluster name='t' buildSet='thor'><ThorSlaveProcess computer='a'/></ThorCluster>\
                <Topology><Cluster><ThorCluster process='t'/></Cluster></Topology>";
    let error = |hardware: &str, software: &str| {
        let text = format!(
            "<Environment><Hardware>{hardware}</Hardware><Software>{software}</Software></Environment>"
        );
        lists(&Document::parse(&text).unwrap(), ".").unwrap_err().to_string()
    };
    let two = "<Computer name='a' computerType='k'/><Computer name='a'/>";
    let kinds =
        "<Computer name='a' computerType='k'/><ComputerType name='k'/><ComputerType name='k'/>";
    let user = "<EspProcess><Instance computer='a'/></EspProcess>";
    let folders = "<Directories/><Directories/>";
    let errors = [error("", thor), error(two, thor), error(kinds, user), error("", folders)];
    insta::assert_snapshot!(errors.join("\n"), @r"
    Software/ThorCluster[@name='t']/ThorSlaveProcess[@computer='a'] needs Hardware/Computer[@name='a'], which is not there
    Hardware/Computer[@name='a'] names 2 elements, where one is needed
    Hardware/ComputerType[@name='k'] names 2 elements, where one is needed
    Software/Directories names 2 elements, where one is needed
    ");
}

#[test]
fn an_empty_environment_has_empty_lists() {
    let document = Document::parse("<Environment/>").unwrap();
    assert!(lists(&document, ".").unwrap().iter().all(|(_, text)| text.is_empty()));
}
