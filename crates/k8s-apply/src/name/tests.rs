use proptest::prelude::*;

use super::*;
use crate::object::GroupKind;

#[test]
fn a_refused_name_comes_with_one_that_would_do() {
    let of = |kind: &str, name: &str| {
        check_object(&GroupKind::parse(kind), name).unwrap_err().to_string()
    };
    insta::assert_snapshot!(
        [
            of("ConfigMap", "Web_1"),
            of("ConfigMap", "a..b"),
            of("ConfigMap", ""),
            of("Namespace", "team.web"),
            of("Service", "9lives"),
            of("Service", "-"),
            of("StatefulSet.apps", "web.db"),
            of("CronJob.batch", &"nightly-".repeat(7)),
            of("Role.rbac.authorization.k8s.io", "system/reader"),
            of("Role.rbac.authorization.k8s.io", ".."),
            of("HapContainer.hap.org", "Über"),
            of("ConfigMap", "a\nb"),
        ]
        .join("\n"),
        @r"
        `Web_1` is no name of a ConfigMap: expected at most 253 characters of a-z, 0-9, `-` and `.`, each part between dots with a letter or a digit at both ends; `web-1` would do
        `a..b` is no name of a ConfigMap: expected at most 253 characters of a-z, 0-9, `-` and `.`, each part between dots with a letter or a digit at both ends; `a.b` would do
        an empty text is no name of a ConfigMap: expected at most 253 characters of a-z, 0-9, `-` and `.`, each part between dots with a letter or a digit at both ends
        `team.web` is no name of a Namespace: expected at most 63 characters of a-z, 0-9 and `-`, with a letter or a digit at both ends; `team-web` would do
        `9lives` is no name of a Service: expected at most 63 characters of a-z, 0-9 and `-`, with a letter at the begin and no `-` at the end; `x9lives` would do
        `-` is no name of a Service: expected at most 63 characters of a-z, 0-9 and `-`, with a letter at the begin and no `-` at the end
        `web.db` is no name of a StatefulSet: expected at most 63 characters of a-z, 0-9 and `-`, with a letter or a digit at both ends; `web-db` would do
        `nightly-nightly-nightly-nightly-nightly-nightly-nightly-` is no name of a CronJob: expected at most 52 characters of a-z, 0-9, `-` and `.`, each part between dots with a letter or a digit at both ends; `nightly-nightly-nightly-nightly-nightly-nig-n8sfccln` would do
        `system/reader` is no name of a Role: expected any text without `/` and `%` but `.` and `..`; `system-reader` would do
        `..` is no name of a Role: expected any text without `/` and `%` but `.` and `..`
        `Über` is no name of a HapContainer.hap.org: expected at most 253 characters of a-z, 0-9, `-` and `.`, each part between dots with a letter or a digit at both ends; `ber` would do
        `a\nb` is no name of a ConfigMap: expected at most 253 characters of a-z, 0-9, `-` and `.`, each part between dots with a letter or a digit at both ends; `a-b` would do
        "
    );
}

#[test]
fn each_kind_has_the_rule_of_the_api_server() {
    let rows = [
        ("ConfigMap", "a.b", true),
        ("Namespace", "a.b", false),
        ("Namespace", "0a", true),
        ("Service", "0a", false),
        ("Service", "a0", true),
        ("StatefulSet.apps", "a.b", false),
        ("Deployment.apps", "a.b", true),
        ("ClusterRole.rbac.authorization.k8s.io", "system:node-proxier", true),
        ("ClusterRole.rbac.authorization.k8s.io", "a%b", false),
        ("CertificateSigningRequest.certificates.k8s.io", "A B", true),
        ("APIService.apiregistration.k8s.io", "v1beta1.metrics.k8s.io", true),
        ("CustomResourceDefinition.apiextensions.k8s.io", "haps.hap.org", true),
        ("ServiceAccount", "a_b", false),
    ];
    for (kind, name, allowed) in rows {
        let kind = GroupKind::parse(kind);
        assert_eq!(check_object(&kind, name).is_ok(), allowed, "{kind} {name}");
    }
    let at_most = |kind: &str, limit: usize| {
        let kind = GroupKind::parse(kind);
        assert!(check_object(&kind, &"a".repeat(limit)).is_ok(), "{kind} {limit}");
        assert!(check_object(&kind, &"a".repeat(limit + 1)).is_err(), "{kind} {limit}");
    };
    at_most("ConfigMap", 253);
    at_most("Namespace", 63);
    at_most("Service", 63);
    at_most("CronJob.batch", 52);
    at_most("Job.batch", 63);
    at_most("Widget.example.com", 253);
}

#[test]
fn keys_and_values_of_labels_are_checked() {
    for key in ["app", "a/B_c.d", "windlass.dev/role", "x"] {
        assert!(LabelKey::try_new(key).is_ok(), "{key}");
    }
    for value in ["", "a", "A.b_c-1"] {
        assert!(LabelValue::try_new(value).is_ok(), "{value}");
    }
    let key = |text: &str| LabelKey::try_new(text).unwrap_err().to_string();
    let value = |text: &str| LabelValue::try_new(text).unwrap_err().to_string();
    insta::assert_snapshot!(
        [key(""), key("/a"), key("a/"), key("A.dev/x"), key("a/b/c"), key("-a"), value("a b"), value("-"), value(&"long".repeat(20))]
            .join("\n"),
        @"
        an empty text is no key of a label: expected a name (at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends), alone or after a DNS subdomain and `/`
        `/a` is no key of a label: expected a name (at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends), alone or after a DNS subdomain and `/`; `a` would do
        `a/` is no key of a label: expected a name (at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends), alone or after a DNS subdomain and `/`
        `A.dev/x` is no key of a label: expected a name (at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends), alone or after a DNS subdomain and `/`; `a.dev/x` would do
        `a/b/c` is no key of a label: expected a name (at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends), alone or after a DNS subdomain and `/`; `a/b-c` would do
        `-a` is no key of a label: expected a name (at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends), alone or after a DNS subdomain and `/`; `a` would do
        `a b` is no value of a label: expected at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends; `a-b` would do
        `-` is no value of a label: expected at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends
        `longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong` is no value of a label: expected at most 63 characters of A-Z, a-z, 0-9, `-`, `_` and `.`, with a letter or a digit at both ends; `longlonglonglonglonglonglonglonglonglonglonglonglonglo-w4fmqh9t` would do
        "
    );
}

#[test]
fn field_managers_are_printable_and_short() {
    assert!(FieldManager::try_new("k8s-apply/web team").is_ok());
    let fault = |text: &str| FieldManager::try_new(text).unwrap_err().to_string();
    insta::assert_snapshot!(
        [fault(""), fault("a\tb"), fault(&"m".repeat(129))].join("\n"),
        @r"
        an empty text is no name of a field manager: expected at most 128 printable characters
        `a\tb` is no name of a field manager: expected at most 128 printable characters; `ab` would do
        `mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm` is no name of a field manager: expected at most 128 printable characters; `mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm-lvmhc2wg` would do
        "
    );
}

#[test]
fn checked_names_are_read_from_json() {
    let name: DnsLabel = serde_json::from_str("\"web\"").unwrap();
    assert_eq!(name.as_str(), "web");
    assert_eq!(serde_json::to_string(&name).unwrap(), "\"web\"");
    assert!(serde_json::from_str::<DnsLabel>("\"Web\"").is_err());
    assert!("proxy".parse::<ServiceName>().is_ok());
    assert!("proxy.web".parse::<Subdomain>().is_ok());
}

proptest! {
    #[test]
    fn a_shortened_name_is_a_name(parts in prop::collection::vec("[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?", 1..6), limit in 1_usize..=63) {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let name = shortened(&parts, limit);
        prop_assert!(name.len() <= limit);
        prop_assert!(Form::Label1123.allows(&name), "{}", name);
        prop_assert_eq!(&name, &shortened(&parts, limit));
        prop_assert_eq!(&name, &shortened(&[&name], limit));
    }

    #[test]
    fn shortened_names_stay_apart(head in "[a-z]{80}", one in "[a-z]{1,9}", two in "[a-z]{1,9}") {
        let same = shortened(&[&head, &one], 63) == shortened(&[&head, &two], 63);
        prop_assert_eq!(same, one == two);
    }

    #[test]
    fn what_would_do_does(text in "\\PC{0,80}", limit in 9_usize..=63) {
        for form in [Form::Label1123, Form::Label1035, Form::Subdomain, Form::PathSegment, Form::QualifiedPart] {
            if let Some(near) = form.near(&text, Some(limit)) {
                prop_assert!(form.allows(&near), "{:?} {} {}", form, text, near);
                prop_assert!(near.len() <= limit);
                prop_assert_eq!(form.near(&near, Some(limit)), Some(near.clone()));
            }
        }
    }

    #[test]
    fn shortening_never_panics(parts in prop::collection::vec("\\PC{0,40}", 0..4), limit in 0_usize..80) {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        prop_assert!(shortened(&parts, limit).len() <= limit);
    }
}
