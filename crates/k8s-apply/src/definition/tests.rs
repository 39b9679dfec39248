use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::manifest::{Input, LoadOptions, load};

mod random;

/// The problems of a resource whose fields are the text below, for a definition whose properties are the other text.
fn shown(properties: &str, fields: &str) -> String {
    let properties = properties.replace('\n', "\n          ");
    let text = format!(
        "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: widgets.example.com}}
spec:
  group: example.com
  names: {{kind: Widget, plural: widgets}}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {{status: {{}}}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          {properties}
---
apiVersion: example.com/v1
kind: Widget
metadata: {{name: one}}
{fields}
"
    );
    let loaded = load(&[Input::text("set.yaml", text)], &LoadOptions::default());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    lines(&check(&loaded.manifests[0].object, &loaded.manifests[1].object))
}

/// Without the text, as its lines are those of the test.
fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The same with `check` alone, where loading would take something out.
fn raw(schema: &Value, resource: &Value) -> String {
    let definition = definition(json!([{
        "name": "v1", "served": true, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }]));
    let mut whole =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "one"}});
    if let (Some(whole), Some(fields)) = (whole.as_object_mut(), resource.as_object()) {
        whole.extend(fields.clone());
    }
    lines(&check(&definition, &Object::try_from(whole).unwrap()))
}

fn definition(versions: Value) -> Object {
    let mut value = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"}, "spec": {},
    });
    value["spec"]["versions"] = versions;
    Object::try_from(value).unwrap()
}

#[test]
fn all_problems_are_told_at_once_each_with_its_path() {
    let properties = "\
spec:
  type: object
  required: [image, size]
  properties:
    image: {type: string, minLength: 1, description: The image to run. It must exist.}
    size: {type: integer, format: int32, minimum: 0, maximum: 5}
    imagePullPolicy: {type: string, enum: [Always, Never, IfNotPresent]}
    ports:
      type: array
      maxItems: 2
      x-kubernetes-list-type: map
      x-kubernetes-list-map-keys: [port]
      items:
        type: object
        required: [port]
        properties:
          port: {type: integer, minimum: 1, maximum: 65535}
          name: {type: string, pattern: '^[a-z]+$'}
    labels: {type: object, maxProperties: 1, additionalProperties: {type: string, maxLength: 3}}";
    let fields = "\
spec:
  size: 7
  imagePullPolicy: Allways
  imagePullSecret: x
  imge: busybox
  ports:
  - {port: 80, name: web}
  - {port: 80, nmae: web}
  - {name: 8}
  labels: {a: long, b: b}
sepc: {}";
    assert_snapshot!(shown(properties, fields));
}

#[test]
fn a_correct_resource_has_no_problems() {
    let properties = "\
spec:
  type: object
  required: [image, size]
  properties:
    image: {type: string}
    size: {type: integer, default: 1}
    port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
    free: {type: object, x-kubernetes-preserve-unknown-fields: true}
    nothing: {type: string, nullable: true}
    ratio: {type: number, multipleOf: 0.1}
    template:
      type: object
      x-kubernetes-embedded-resource: true
      x-kubernetes-preserve-unknown-fields: true";
    let fields = "\
spec:
  image: busybox
  port: http
  free: {a: [1, {b: c}]}
  ratio: 0.3
  template: {apiVersion: v1, kind: Pod, metadata: {name: x, labels: {a: b}}, spec: {}}";
    assert_eq!(shown(properties, fields), "");
}

#[test]
fn types_are_told_with_what_mends_them() {
    let properties = "\
spec:
  type: object
  properties:
    text: {type: string}
    whole: {type: integer}
    number: {type: number}
    flag: {type: boolean}
    list: {type: array, items: {type: string}}
    map: {type: object, description: What is mapped. To what.}
    either: {x-kubernetes-int-or-string: true}";
    let fields = "\
spec:
  text: 5
  whole: '5'
  number: [1]
  flag: 'true'
  list: {a: b}
  map: none
  either: 1.5";
    assert_snapshot!(shown(properties, fields));
    let fields = "spec: {whole: 1.0, number: 1, text: '5', list: [a, 1], flag: yes}";
    assert_snapshot!(shown(properties, fields), @"error: spec.list[1]: a whole number is found, where a text is expected [wrong-type] (put it in quotes)");
}

#[test]
fn numbers_texts_and_lists_stay_within_their_limits() {
    let properties = "\
spec:
  type: object
  minProperties: 20
  properties:
    over: {type: integer, minimum: 1, exclusiveMinimum: true}
    under: {type: number, maximum: 0.5, exclusiveMaximum: true}
    even: {type: integer, multipleOf: 2}
    small: {type: integer, format: int32}
    short: {type: string, maxLength: 1}
    long: {type: string, minLength: 2}
    time: {type: string, format: date-time}
    address: {type: string, format: ipv4}
    other: {type: string, format: unheard-of}
    set: {type: array, minItems: 3, x-kubernetes-list-type: set, items: {type: string}}";
    let fields = "\
spec:
  over: 1
  under: 0.5
  even: 3
  small: 3000000000
  short: éé
  long: é
  time: 2020-01-01
  address: 1.2.3
  other: x
  set: [a, a]";
    assert_snapshot!(shown(properties, fields));
}

#[test]
fn alternatives_are_explained() {
    let properties = "\
spec:
  type: object
  properties:
    one: &alternatives
      type: object
      properties: {a: {type: string}, b: {type: string}, c: {type: integer}}
      oneOf: [{required: [a]}, {required: [b]}]
      not: {required: [c]}
    two: *alternatives
    three: *alternatives
    any: {type: string, anyOf: [{maxLength: 2}, {enum: [long, longer]}]}
    all: {type: integer, allOf: [{minimum: 3}, {maximum: 1}]}";
    let fields = "spec: {one: {}, two: {a: x, b: z}, three: {a: x, c: 1}, any: other, all: 2}";
    assert_snapshot!(shown(properties, fields));
}

#[test]
fn unknown_fields_are_those_that_a_server_drops() {
    let properties = "\
spec:
  type: object
  properties:
    bare: {type: object}
    any: {type: object, additionalProperties: true}
    kept:
      type: object
      x-kubernetes-preserve-unknown-fields: true
      properties: {known: {type: object, properties: {a: {type: string}}}}
    pod:
      type: object
      x-kubernetes-embedded-resource: true
      properties: {spec: {type: object}}";
    let fields = "\
spec:
  bare: {a: 1}
  any: {x: {deep: 1}, z: 1}
  kept: {free: {x: 1}, known: {b: 1}}
  pod: {kind: Pod, metadata: {nmae: x}, spec: {a: 1}, stauts: {}}";
    assert_snapshot!(shown(properties, fields));
}

#[test]
fn nulls_and_defaults_are_treated_as_a_server_does() {
    let schema = json!({
        "type": "object", "required": ["status"],
        "properties": {
            "status": {"type": "object"},
            "spec": {"type": "object", "required": ["dropped", "filled"], "properties": {
                "dropped": {"type": "string"},
                "filled": {"type": "object", "default": {}, "required": ["deep"], "properties": {"deep": {"type": "integer", "default": 3}}},
                "nullable": {"type": "string", "nullable": true},
                "named": {"type": "string", "nullable": true, "enum": ["a"]},
                "list": {"type": "array", "items": {"type": "string"}},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
            }},
        },
    });
    let resource = json!({
        "spec": {
            "dropped": null, "filled": {"deep": null}, "nullable": null, "named": null, "list": [null], "map": {"a": null},
        },
        "status": {"ready": true},
    });
    assert_snapshot!(raw(&schema, &resource));
}

#[test]
fn a_version_must_be_served() {
    let versions = json!([
        {"name": "v1", "served": true, "schema": {"openAPIV3Schema": {"type": "object"}}},
        {"name": "v1beta1", "served": true, "deprecated": true, "schema": {"openAPIV3Schema": {"type": "object"}}},
        {"name": "v1alpha1", "served": false},
    ]);
    let messages = |versions: &Value, version: &str| {
        let object = Object::try_from(json!({
            "apiVersion": format!("example.com/{version}"), "kind": "Widget", "metadata": {"name": "one"},
        }));
        lines(&check(&definition(versions.clone()), &object.unwrap()))
    };
    assert_eq!(messages(&versions, "v1"), "");
    assert_snapshot!(messages(&versions, "v1beta1"), @"warning: apiVersion: example.com/v1beta1 Widget is deprecated [deprecated-version]");
    assert_snapshot!(messages(&versions, "v1alpha1"), @"error: apiVersion: Widget is not served at the version `v1alpha1` [version-not-served] (its definition serves `v1` and `v1beta1`)");
    assert_snapshot!(messages(&json!([{"name": "v1"}]), "v1"), @"error: apiVersion: Widget is not served at the version `v1` [version-not-served] (its definition serves no version: one must have `served: true`)");
}
