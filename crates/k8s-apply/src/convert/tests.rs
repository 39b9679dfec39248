use std::fmt::Write as _;

use insta::assert_snapshot;

use super::*;
use crate::manifest::{Input, LoadOptions, load};

/// Changes, losses with their lines, and the object, of each document.
fn show(text: &str) -> String {
    let loaded = load(&[Input::text("old.yaml", text)], &LoadOptions::default());
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    let mut out = String::new();
    for manifest in &loaded.manifests {
        let (new, changes, losses) = convert_manifest(manifest);
        let _ = writeln!(out, "# {}", new.object.key());
        for change in &changes {
            let _ = writeln!(out, "- {change}");
        }
        out += &diagnostics::render(&losses, &loaded.sources.texts());
        if changes.is_empty() {
            assert_eq!(new.object, manifest.object);
        } else {
            let _ = writeln!(out, "{:#}", new.object.value());
            assert!(find(&new.object).is_none(), "still in the table");
        }
    }
    out
}

#[test]
fn deployments_keep_what_their_versions_meant() {
    let spec = "spec:\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: c, image: i}]}\n";
    let document = |name: &str, api: &str, more: &str| {
        format!(
            "---\napiVersion: {api}\nkind: Deployment\nmetadata: {{name: {name}}}\n{spec}{more}"
        )
    };
    let text = [
        document("one", "extensions/v1beta1", "  rollbackTo: {revision: 3}\n"),
        document("two", "extensions/v1beta1", "  strategy: {type: Recreate}\n  revisionHistoryLimit: 3\n  progressDeadlineSeconds: 60\n",
        ),
        document("three", "apps/v1beta1", "  strategy: {rollingUpdate: {maxSurge: 2}}\n"),
        document("four", "apps/v1beta2", "  selector: {matchLabels: {app: web}}\n"),
        "---\napiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: bare}\nspec: {template: {spec: {}}}\n".into(),
    ];
    assert_snapshot!(show(&text.concat()));
}

#[test]
fn other_workloads_keep_what_their_versions_meant() {
    let document = |name: &str, api: &str, kind: &str, more: &str| {
        format!(
            "---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, labels: {{own: l}}}}\nspec: {{template: {{metadata: {{labels: {{a: b}}}}}}{more}}}\n"
        )
    };
    let text = [
        document("n0", "extensions/v1beta1", "DaemonSet", ", templateGeneration: 3"),
        document("n1", "apps/v1beta2", "DaemonSet", ""),
        document("n2", "extensions/v1beta1", "ReplicaSet", ""),
        document("n3", "apps/v1beta1", "StatefulSet", ", serviceName: s"),
        document("n4", "apps/v1beta2", "StatefulSet", ", updateStrategy: {type: OnDelete}"),
    ];
    assert_snapshot!(show(&text.concat()));
}

#[test]
fn ingresses_say_service_and_port() {
    let text = "\
apiVersion: extensions/v1beta1
kind: Ingress
metadata:
  name: web
  annotations: {kubernetes.io/ingress.class: nginx}
spec:
  backend: {serviceName: all, servicePort: 80}
  tls: [{hosts: [a.example.com], secretName: s}]
  rules:
  - host: a.example.com
    http:
      paths:
      - path: /a
        backend: {serviceName: a, servicePort: http}
      - pathType: Prefix
        path: /b
        backend: {serviceName: b, servicePort: \"8080\"}
      - backend: {resource: {apiGroup: example.com, kind: Bucket, name: c}}
---
apiVersion: networking.k8s.io/v1beta1
kind: Ingress
metadata: {name: broken}
spec:
  rules:
  - http:
      paths:
      - path: /a
        backend: {serviceName: a}
      - path: /b
";
    assert_snapshot!(show(text));
}

#[test]
fn bindings_say_groups() {
    let text = "\
apiVersion: rbac.authorization.k8s.io/v1alpha1
kind: ClusterRoleBinding
metadata: {name: all}
roleRef: {kind: ClusterRole, name: view}
subjects:
- {kind: User, name: \"*\", apiVersion: rbac.authorization.k8s.io/v1alpha1}
- {kind: ServiceAccount, name: a, namespace: b, apiVersion: v1}
---
apiVersion: rbac.authorization.k8s.io/v1beta1
kind: RoleBinding
metadata: {name: one}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects:
- {kind: User, name: \"*\"}
---
apiVersion: rbac.authorization.k8s.io/v1beta1
kind: Role
metadata: {name: r}
rules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]
";
    assert_snapshot!(show(text));
}

#[test]
fn autoscalers_say_metric_and_target() {
    let text = "\
apiVersion: autoscaling/v2beta1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics:
  - {type: Resource, resource: {name: cpu, targetAverageUtilization: 50}}
  - {type: Resource, resource: {name: memory, targetAverageValue: 1Gi}}
  - {type: ContainerResource, containerResource: {name: cpu, container: c, targetAverageUtilization: 5}}
  - {type: Pods, pods: {metricName: p, targetAverageValue: 1k, selector: {matchLabels: {a: b}}}}
  - {type: Object, object: {metricName: o, targetValue: 10, target: {apiVersion: v1, kind: Service, name: s}}}
  - {type: Object, object: {metricName: o, targetValue: 10, averageValue: 5, target: {kind: Service, name: s}}}
  - {type: External, external: {metricName: e, metricSelector: {matchLabels: {q: r}}, targetValue: 30}}
---
apiVersion: autoscaling/v2beta1
kind: HorizontalPodAutoscaler
metadata: {name: broken}
spec:
  maxReplicas: 3
  metrics:
  - {type: Resource, resource: {name: cpu}}
";
    assert_snapshot!(show(text));
}

#[test]
fn definitions_are_rewritten_for_each_version() {
    let text = "\
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: haps.example.com}
spec:
  group: example.com
  version: v1alpha1
  names: {kind: Hap, plural: haps}
  additionalPrinterColumns:
  - {name: Size, type: integer, JSONPath: .spec.size}
  subresources: {status: {}}
  validation:
    openAPIV3Schema:
      properties:
        metadata: {type: object}
        spec:
          type: object
          properties:
            size: {type: integer}
            port: {anyOf: [{type: integer}, {type: string}]}
            any: {type: object, additionalProperties: {type: object, properties: {a: {type: string}}}}
---
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: roes.example.com}
spec:
  group: example.com
  version: v1
  scope: Cluster
  preserveUnknownFields: false
  names: {kind: Roe, plural: roes}
  versions:
  - {name: v1, served: true, storage: true}
  - {name: v2, served: true, storage: false, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}}
  conversion:
    strategy: Webhook
    webhookClientConfig: {service: {name: s, namespace: web}}
---
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: bads.policy.k8s.io}
spec:
  group: policy.k8s.io
  names: {kind: Bad, plural: bads}
  versions: [{name: v1, served: true, storage: true}, {name: v2, served: true, storage: false}]
  validation:
    openAPIV3Schema:
      type: object
      properties:
        a: {properties: {b: {type: string}}}
        c: {type: array}
        d: {type: array, uniqueItems: true, items: [{type: string}]}
        e: {type: object, additionalProperties: false}
        f: {type: object, properties: {}, additionalProperties: true}
        g: {type: string, $ref: x, anyOf: [{type: string, not: {default: 3}}]}
        h: 3
---
apiVersion: apiextensions.k8s.io/v1beta1
kind: CustomResourceDefinition
metadata: {name: empties.example.com}
spec: {group: example.com, names: {kind: Empty, plural: empties}, conversion: {strategy: Webhook}}
";
    assert_snapshot!(show(text));
}

#[test]
fn webhooks_keep_their_old_defaults() {
    let text = "\
apiVersion: admissionregistration.k8s.io/v1beta1
kind: ValidatingWebhookConfiguration
metadata: {name: good}
webhooks:
- {name: a.example.com, sideEffects: None, clientConfig: {url: \"https://a\"}}
- {name: b.example.com, sideEffects: NoneOnDryRun, failurePolicy: Fail, timeoutSeconds: 5, admissionReviewVersions: [v1]}
---
apiVersion: admissionregistration.k8s.io/v1beta1
kind: MutatingWebhookConfiguration
metadata: {name: bad}
webhooks:
- {name: a.example.com}
- {name: a.example.com, sideEffects: Some}
";
    assert_snapshot!(show(text));
}

#[test]
fn small_kinds_say_what_changed() {
    let text = "\
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: some}
spec: {minAvailable: 1, selector: {matchLabels: {a: b}}}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: none}
spec: {minAvailable: 1, selector: {}}
---
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata: {name: tight}
spec: {privileged: false}
---
apiVersion: batch/v2alpha1
kind: CronJob
metadata: {name: nightly}
spec: {schedule: 0 0 * * *, failedJobsHistoryLimit: 2}
---
apiVersion: node.k8s.io/v1alpha1
kind: RuntimeClass
metadata: {name: kata}
spec: {runtimeHandler: kata, overhead: {podFixed: {cpu: 1}}}
---
apiVersion: flowcontrol.apiserver.k8s.io/v1beta2
kind: PriorityLevelConfiguration
metadata: {name: low}
spec: {type: Limited, limited: {assuredConcurrencyShares: 0}}
---
apiVersion: certificates.k8s.io/v1beta1
kind: CertificateSigningRequest
metadata: {name: csr}
spec: {request: abc}
---
apiVersion: discovery.k8s.io/v1beta1
kind: EndpointSlice
metadata: {name: good}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], topology: {kubernetes.io/hostname: n1, topology.kubernetes.io/zone: z}}]
---
apiVersion: discovery.k8s.io/v1beta1
kind: EndpointSlice
metadata: {name: bad}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], topology: {rack: r}}]
---
apiVersion: events.k8s.io/v1beta1
kind: Event
metadata: {name: e}
";
    assert_snapshot!(show(text));
}

/// An object of a kind of a row, with what conversion needs.
fn sample(api: &str, kind: &str) -> Object {
    serde_json::from_value(serde_json::json!({
        "apiVersion": api, "kind": kind, "metadata": {"name": "x"},
        "spec": {
            "template": {"metadata": {"labels": {"a": "b"}}},
            "versions": [{"name": "v1"}],
            "signerName": "example.com/s", "usages": ["client auth"],
        },
    }))
    .unwrap()
}

#[test]
fn every_row_is_converted_to_a_version_that_stays_or_says_why_not() {
    let mut table = String::new();
    for row in TABLE {
        assert!(row.deprecated <= row.removed, "{row:?}");
        for kind in row.kinds {
            let object = sample(row.api_version, kind);
            assert!(std::ptr::eq(find(&object).unwrap(), row), "{kind} stands twice");
            let Converted { object: new, changes, losses } = convert(&object);
            let to = if let Some((api, _)) = row.replacement.filter(|_| losses.is_empty()) {
                assert_eq!((new.api_version(), changes.is_empty()), (api, false));
                assert!(find(&new).is_none());
                api.to_owned()
            } else {
                assert_eq!(new.value() == object.value(), losses[0].is_error());
                format!("- ({})", losses[0].message)
            };
            let _ = writeln!(
                table,
                "{} {kind}: {} {} -> {to}",
                row.api_version, row.deprecated, row.removed
            );
        }
    }
    assert_snapshot!(table);
}

#[test]
fn a_cluster_decides_what_is_an_error() {
    let text = "\
apiVersion: networking.k8s.io/v1beta1
kind: ServiceCIDR
metadata: {name: a}
---
apiVersion: extensions/v1beta1
kind: Ingress
metadata: {name: b}
spec: {backend: {serviceName: s}}
---
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata: {name: c}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
";
    let loaded = load(&[Input::text("old.yaml", text)], &LoadOptions::default());
    let shown = |server: Option<&str>| {
        let server = server.map(|version| version.parse().unwrap());
        let problems: Vec<_> = loaded.manifests.iter().flat_map(|m| lint(m, server)).collect();
        diagnostics::render(&problems, &loaded.sources.texts())
    };
    assert_snapshot!(shown(None));
    assert_snapshot!(shown(Some("v1.37.2")));
    assert_snapshot!(shown(Some("1.21+")));
}

#[test]
fn versions_are_read_as_servers_write_them() {
    let read = |text: &str| text.parse::<Version>().map(|version| version.to_string());
    assert_eq!(read("v1.35.2").as_deref(), Ok("1.35"));
    assert_eq!(read("1.27+").as_deref(), Ok("1.27"));
    assert_eq!(read("v1.29.1-gke.5").as_deref(), Ok("1.29"));
    assert!(Version::new(1, 9) < Version::new(1, 10));
    assert_snapshot!(read("one").unwrap_err(), @"`one` is no version of Kubernetes: one such as 1.35 is expected");
}

#[test]
fn op_b6_20_what_was_taken_out_of_the_api_is_converted_or_refused() {
    let workload = |kind: &str, name: &str| {
        format!(
            "---\napiVersion: extensions/v1beta1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}\n"
        )
    };
    let text = [
        workload("DaemonSet", "kube-proxy"),
        workload("Deployment", "kubernetes-dashboard"),
        "---\napiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: gone}\n".into(),
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: kept}\nspec: {ports: [{port: 80}]}\n"
            .into(),
    ];
    let loaded = load(&[Input::text("old.yaml", text.concat())], &LoadOptions::default());
    let server = Some("1.36.2".parse().unwrap());
    let refused: Vec<bool> = loaded
        .manifests
        .iter()
        .map(|manifest| lint(manifest, server).iter().any(diagnostics::Problem::is_error))
        .collect();
    assert_eq!(refused, [true, true, true, false]);
    for (manifest, name) in loaded.manifests.iter().zip(["kube-proxy", "kubernetes-dashboard"]) {
        let (new, ..) = convert_manifest(manifest);
        let value = new.object.value();
        assert_eq!(value["apiVersion"], "apps/v1");
        assert_eq!(value["spec"]["selector"]["matchLabels"]["app"], name);
        assert!(lint(&new, server).is_empty());
    }
}
