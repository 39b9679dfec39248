//! The 21 faults that a set may have, each with its verdict.

use insta::assert_snapshot;

use crate::folder::Folder;

/// What is said of a set.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Verdict {
    Error,
    Warning,
    Accepted,
}

const CASES: [(&str, Verdict); 21] = [
    ("duplicate-hostname", Verdict::Error),
    ("duplicate-hostip", Verdict::Error),
    ("duplicate-etcdid", Verdict::Error),
    ("master-without-etcdid", Verdict::Error),
    ("even-masters", Verdict::Warning),
    ("no-master", Verdict::Error),
    ("two-proxies", Verdict::Warning),
    ("proxy-lb-mismatch", Verdict::Error),
    ("single-master-lb-mismatch", Verdict::Warning),
    ("unknown-machine-type", Verdict::Error),
    ("unknown-role", Verdict::Error),
    ("bad-ip", Verdict::Error),
    ("short-ip", Verdict::Error),
    ("bad-port", Verdict::Error),
    ("service-range-overlap", Verdict::Error),
    ("no-dashboard", Verdict::Error),
    ("two-openi-masters", Verdict::Error),
    ("zkid-missing", Verdict::Error),
    ("unquoted-true", Verdict::Accepted),
    ("capacity-over-100", Verdict::Warning),
    ("role-with-unknown-component", Verdict::Error),
];

#[test]
fn each_fault_is_told_under_its_code_and_nothing_else_is() {
    for (case, verdict) in CASES {
        let loaded = Folder::over_sound(&format!("negative/{case}")).load();
        let found: Vec<_> =
            loaded.problems.iter().map(|one| (&*one.code, one.is_error())).collect();
        let wanted = match verdict {
            Verdict::Error => vec![(case, true)],
            Verdict::Warning => vec![(case, false)],
            Verdict::Accepted => vec![],
        };
        assert_eq!(found, wanted, "{case}");
        assert!(
            loaded.problems.iter().all(|one| one.help.is_some() && one.place.is_some()),
            "{case}"
        );
        assert_eq!(loaded.cluster.is_some(), verdict != Verdict::Error, "{case}");
    }
}

#[test]
fn every_case_of_the_collection_has_a_file_here() {
    let Some(folder) = crate::folder::collection("negative") else { return };
    let text = std::fs::read_to_string(folder.join("cases.json")).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let mut ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    let mut ours = CASES.map(|(case, _)| case).to_vec();
    ids.sort_unstable();
    ours.sort_unstable();
    assert_eq!(ids, ours);
}

#[test]
fn faults_are_shown_with_their_lines_and_with_how_to_mend_them() {
    let shown: Vec<String> = CASES
        .iter()
        .map(|(case, _)| Folder::over_sound(&format!("negative/{case}")).report())
        .collect();
    assert_snapshot!(shown.join("\n"));
}
