use std::fs;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(name: &str, text: &str) -> Loaded {
    load(&[Input::text(name, text)], &LoadOptions::default())
}

/// Objects with their places, then problems with their lines.
fn show(loaded: &Loaded) -> String {
    let mut out = String::new();
    for manifest in &loaded.manifests {
        let origin = &manifest.origin;
        let _ = write!(out, "{} #{} {}", origin.place(), origin.document, manifest.object.key());
        if let Some(template) = &origin.template {
            let _ = write!(out, " ({template})");
        }
        out.push('\n');
    }
    out + &diagnostics::render(&loaded.problems, &loaded.sources.texts())
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n";

fn map(name: &str) -> String {
    MAP.replace("NAME", name)
}

#[test]
fn documents_are_told_apart_however_they_are_separated() {
    let (a, b, c, d) = (map("a"), map("b"), map("c"), map("d"));
    let text = format!(
        "\u{feff}# nothing here\n---\n---\n{a}---  # next\n# only a comment\n\n--- \n{b}...\n%YAML 1.1\n---\n{c}\
         ---\n~\n--- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: e}}}}\n---\n{d}---\n"
    );
    let loaded = read("all.yaml", &text);
    assert_snapshot!(show(&loaded));
    let windows = read("all.yaml", &text.replace('\n', "\r\n"));
    assert_eq!(show(&windows), show(&loaded));
}

#[test]
fn json_is_read_alone_in_a_row_and_between_yaml() {
    let json = |name: &str| {
        format!(
            "{{\n\t\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\",\n\t\"metadata\": {{\"name\": \"{name}\"}},\n\t\"data\": {{\"k\": \"\\ud83d\\ude00\", \"n\": 1}}}}"
        )
    };
    let text = format!("{} {}\n---\n{}---\n{}\n", json("a"), json("b"), map("c"), json("d"));
    assert_snapshot!(show(&read("all.json", &text)));
}

#[test]
fn lists_are_taken_apart() {
    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: web, resourceVersion: \"12\", uid: abc}
  status: {phase: Active}
- apiVersion: v1
  kind: ConfigMapList
  items:
  - metadata: {name: one}
    data: {on: \"1\"}
  - metadata:
      name: two
    data:
      port: 80
- 17
---
apiVersion: v1
kind: List
items: []
";
    assert_snapshot!(show(&read("list.yaml", &text.replace("on: \"1\"", "'on': \"1\""))));
    assert_snapshot!(show(&read("list.yaml", text)), @r#"
    list.yaml:12:12: error: a key is the boolean true, as `on`, `yes` and `y` are in YAML: put it in quotes [yaml]
     12 |     data: {on: "1"}
        |            ^
    1 error, 0 warnings
    "#);
}

#[test]
fn a_carriage_return_alone_ends_a_line() {
    let text = format!("{}data:\r  a: |\r    b\r    c\r\n---\rkind: [\n", map("a"));
    let loaded = read("a.yaml", &text);
    assert_eq!(loaded.manifests[0].object.text("/data/a"), Some("b\nc\n"));
    assert_eq!(loaded.problems[0].place.as_ref().unwrap().to_string(), "a.yaml:9:7");
}

#[test]
fn one_bad_document_does_not_hide_the_others() {
    let text = format!(
        "{}---\nkind: ConfigMap\nkind: Secret\n---\na: [1\n---\n{}---\n- 1\n---\nreplicas: 3\n---\n\
         apiVersion: v1\nkind: \nmetadata: 3\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {{generateName: job-}}\n\
         ---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n\
         ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: 12}}\n\
         ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{priority: 99999999999999999999}}\n",
        map("a"),
        map("b")
    );
    assert_snapshot!(show(&read("many.yaml", &text)));
}

#[test]
fn what_looks_like_a_template_or_a_number_is_not_guessed_at() {
    let text = "\
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {ports: [{port: 080}, {port: 1e3}, {port: 1_000}, {port: 0x10}, {port: 0644}, {port: 1.5}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Values.name }}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: y}
data: {[a]: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: z}
data: {a: .nan}
";
    let loaded = read("a.yaml", text);
    let ports = loaded.manifests[0].object.at("/spec/ports").unwrap();
    assert_snapshot!(format!("{ports}\n{}", show(&loaded)));
}

#[test]
fn a_large_text_is_read_as_a_small_one_is() {
    let texts: Vec<String> =
        (0..6_000).map(|number| format!("---\n{}", map(&format!("m{number}")))).collect();
    let text = texts.concat();
    let bad = text.replace("{name: m5999}", "{name: [}");
    assert!(text.len() > 256 * 1024);
    let loaded = read("a.yaml", &bad);
    assert_eq!((loaded.manifests.len(), loaded.problems.len()), (5_999, 1));
    assert_eq!(loaded.problems[0].place.as_ref().unwrap().line, 24_000);
    assert_eq!(loaded.manifests[5_000].origin.document, 5_001);
}

#[test]
fn what_yaml_reads_as_something_else_than_text_is_told() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: one
  labels: {tier: 1, canary: yes, empty: }
  annotations:
    ratio: 1.10
spec:
  selector:
    matchLabels: {app: on}
  template:
    metadata:
      labels: {app: on}
    spec:
      nodeSelector: {ssd: true}
      containers:
      - name: c
        command: [sleep, 5]
        args: [\"-x\", n, ~]
        env:
        - {name: A, value: 1}
        - {name: B, value: \"1\"}
        - name: C
          value:
---
apiVersion: v1
kind: Service
metadata: {name: one, namespace: 7}
spec: {selector: app}
";
    assert_snapshot!(show(&read("deployment.yaml", text)));
}

#[test]
fn anchors_merge_keys_and_octal_modes_are_understood() {
    let text = "\
apiVersion: v1
kind: Pod
metadata:
  name: one
  labels: &labels {app: web}
  annotations: {<<: *labels, b: c}
spec:
  volumes:
  - name: v
    configMap: {name: m, defaultMode: 0644}
";
    let loaded = read("pod.yaml", text);
    assert!(loaded.problems.is_empty(), "{}", show(&loaded));
    let object = &loaded.manifests[0].object;
    assert_eq!(object.annotation("app"), Some("web"));
    assert_eq!(object.number("/spec/volumes/0/configMap/defaultMode"), Some(0o644));
}

#[test]
fn what_servers_set_is_taken_out() {
    let text = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
  creationTimestamp: null
spec:
  conversion: null
  versions:
  - schema:
      openAPIV3Schema: {default: null, enum: [a, null]}
status:
  acceptedNames: {kind: \"\", plural: \"\"}
  conditions: []
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: one
  uid: abc
  creationTimestamp: \"2020-01-01T00:00:00Z\"
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: \"{}\"
  labels: null
data: {a: , b: c}
status: {phase: Active}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, labels: {a: b}, finalizers: null}
spec: {size: null}
";
    let loaded = read("got.yaml", text);
    let values: Vec<_> = loaded.manifests.iter().map(|m| m.object.value().to_string()).collect();
    assert_snapshot!(format!("{}{}", show(&loaded), values.join("\n")));
}

#[test]
fn what_generators_leave_empty_goes_without_a_word() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, creationTimestamp: null, annotations: {}, labels: {}}
spec:
  strategy: {}
  selector: {matchLabels: {app: web}}
  template: {metadata: {creationTimestamp: null, labels: {app: web}}, spec: {containers: [{name: c, image: i, resources: {}}]}}
status: {}
";
    let loaded = read("web.yaml", text);
    assert!(loaded.problems.is_empty(), "{}", show(&loaded));
    let object = &loaded.manifests[0].object;
    assert_eq!(
        object.at("/metadata").map(ToString::to_string).as_deref(),
        Some(r#"{"name":"web"}"#)
    );
    assert_eq!(object.at("/spec/template/metadata/creationTimestamp"), None);
}

#[test]
fn secrets_are_brought_into_one_form_and_never_shown() {
    let text = "\
apiVersion: v1
kind: Secret
metadata: {name: one}
data:
  a: aHVz
    aA==
  b: b3Zlcg==
stringData: {b: hush, c: \"\"}
";
    let loaded = read("secret.yaml", &text.replace("aHVz\n    aA==", "|\n    aHVz\n    aA==\n"));
    assert!(loaded.problems.is_empty(), "{}", show(&loaded));
    let object = &loaded.manifests[0].object;
    assert_eq!(object.text("/data/a"), Some("aHVzaA=="));
    assert_eq!(object.text("/data/b"), Some("aHVzaA=="));
    assert_eq!(object.text("/data/c"), Some(""));
    assert_eq!(object.at("/stringData"), None);

    let bad = "apiVersion: v1\nkind: Secret\nmetadata: {name: two}\ndata: {a: hush, b: aGVhcg}\nstringData: {c: 12}\n";
    let loaded = load(&[Input::text("secret.yaml", bad)], &LoadOptions::default());
    assert!(!format!("{}{loaded:?}", show(&loaded)).contains("hush"));
    assert_snapshot!(show(&loaded));

    let list = "---\na: [hush, Secret\n---\napiVersion: v1\nkind: List\nitems:\n- {kind: Secret, data: {a: hush}}\n\
                ---\nkind: shown\n---\na: [shown\n";
    let loaded = read("secret.yaml", list);
    assert!(!format!("{}{loaded:?}", show(&loaded)).contains("hush"));
    assert_snapshot!(show(&loaded));
}

#[test]
fn the_same_object_twice_names_both_places() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: one}
---
apiVersion: apps/v1beta2
kind: Deployment
metadata:
  namespace: web
  name: one
---
apiVersion: extensions/v1beta1
kind: Deployment
metadata: {name: one, namespace: web}
---
apiVersion: v1
kind: Namespace
metadata: {name: web, namespace: web}
---
apiVersion: v1
kind: Namespace
metadata: {name: web}
";
    assert_eq!(show(&read("a.yaml", text)).matches("duplicate-object").count(), 2);
    let options = LoadOptions { default_namespace: "web".to_owned(), ..LoadOptions::default() };
    assert_snapshot!(show(&load(&[Input::text("a.yaml", text)], &options)));
}

#[test]
fn output_of_helm_names_its_template() {
    let text = format!(
        "---\n# Source: web/templates/map.yaml\n{}data: {{a: 1}}\n---\n# Source: web/templates/bad.yaml\nkind: [\n",
        map("a")
    );
    assert_snapshot!(show(&read("-", &text)));
}

#[test]
fn folders_are_read_in_order_and_recursively_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (name, text) in [
        ("b.yaml", map("b").into_bytes()),
        ("a.YML", map("a").into_bytes()),
        (
            "deep/c.json",
            b"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"}}"
                .to_vec(),
        ),
        (".git/x.yaml", b"]".to_vec()),
        ("README.md", b"]".to_vec()),
        ("none/README.md", b"]".to_vec()),
        ("latin.yaml", b"a: \xe4\n".to_vec()),
        (
            "wide.yaml",
            [0xff, 0xfe]
                .into_iter()
                .chain(map("wide").encode_utf16().flat_map(u16::to_le_bytes))
                .collect(),
        ),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let inputs = ["", "none", "missing.yaml"].map(|name| Input::Path(root.join(name)));
    let shown = |recursive, inputs: &[Input]| {
        let options = LoadOptions { recursive, ..LoadOptions::default() };
        show(&load(inputs, &options)).replace(&format!("{}/", root.display()), "")
    };
    assert_snapshot!(shown(true, &inputs).replace(&root.display().to_string(), "."));
    assert!(!shown(false, &inputs).contains("deep"));
}

#[test]
fn an_empty_set_is_an_error() {
    assert_snapshot!(show(&read("a.yaml", "# nothing\n---\n")));
    assert!(load(&[], &LoadOptions::default()).has_errors());
}

#[test]
fn fields_are_found_in_the_source() {
    let text = format!("{}---\n# next\n{}data:\n  a: b\n", map("a"), map("b"));
    let loaded = read("a.yaml", &text);
    let place =
        |path: &[&str]| loaded.manifests[1].place_of(&path.iter().copied().collect()).to_string();
    assert_eq!(place(&["data", "a"]), "a.yaml:10:3");
    assert_eq!(place(&["metadata", "name"]), "a.yaml:8:12");
    assert_eq!(place(&["spec"]), "a.yaml:6:1");
}

#[test]
fn a_large_list_may_have_many_problems() {
    let items =
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {a: 1}}}\n".repeat(3000);
    let loaded = read("a.yaml", &format!("apiVersion: v1\nkind: List\nitems:\n{items}"));
    assert_eq!(loaded.problems.len(), 5999);
    assert_eq!(loaded.problems[2999].place.as_ref().unwrap().line, 3003);
}

/// Any JSON, some of it under names that mean something.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9~.:# -]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop_oneof!["[a-z]{1,3}", "(labels|env|status|value|on|data|containers)"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(("v1", "ConfigMap")),
        Just(("v1", "Secret")),
        Just(("v1", "Pod")),
        Just(("apps/v1", "Deployment")),
        Just(("example.com/v1", "Widget")),
    ];
    (kind, any_value(), any_value(), any_value()).prop_map(|((api, kind), labels, spec, data)| {
        json!({
            "apiVersion": api, "kind": kind, "metadata": {"name": "one", "labels": labels, "uid": "u"},
            "spec": {"template": {"spec": spec}}, "data": data,
        })
    })
}

proptest! {
    #[test]
    fn what_was_cleaned_is_clean(value in any_object()) {
        let loaded = read("a.json", &value.to_string());
        prop_assert_eq!(loaded.manifests.len(), 1);
        let again = read("b.json", &loaded.manifests[0].object.value().to_string());
        prop_assert_eq!(&again.manifests[0].object, &loaded.manifests[0].object);
        prop_assert_eq!(again.has_errors(), loaded.has_errors());
        prop_assert!(again.problems.iter().all(Problem::is_error));
    }

    #[test]
    fn documents_are_read_alone_as_in_a_row(values in proptest::collection::vec(any_object(), 1..4)) {
        let texts: Vec<String> = values.iter().map(|value| format!("{value:#}\n")).collect();
        let alone: Vec<Object> =
            texts.iter().flat_map(|text| read("a.yaml", text).manifests).map(|m| m.object).collect();
        for between in ["---\n", "", "...\n---\n# next\n"] {
            let row = read("row.yaml", &texts.join(between));
            let row: Vec<Object> = row.manifests.into_iter().map(|m| m.object).collect();
            prop_assert_eq!(&row, &alone);
        }
    }
}
