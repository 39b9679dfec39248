use serde_json::json;

use super::*;
use crate::k8s::objects::Settings;
use crate::k8s::objects::tests::{objects, spec};

/// Shaped like the one that HyperFlow ships, in our own words.
const SHIPPED: &str = r#"# Values such as ${anything} are put in by the engine.
apiVersion: batch/v1
kind: Job
metadata:
  name: job${jobName}
spec:
  ttlSecondsAfterFinished: 100
  backoffLimit: ${backoffLimit}
  template:
    metadata:
      labels:
        app: hyperflow
    spec:
      restartPolicy: Never
      containers:
        - name: test
          image: ${containerName}
          workingDir: ${workingDirPath}
          command: ["/bin/sh", "-c"]
          args:
            - >-
              ${command};
              if [ $? -ne 0 ]; then echo "${taskName} of ${experimentId}"; exit 1; fi
          env:
            - name: HF_VAR_WORK_DIR
              value: "${workingDirPath}"
            - name: HF_VAR_ENABLE_TRACING
              value: "${enableTracing}"
            - name: HF_LOG_POD_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
          resources:
            requests: {cpu: "${cpuRequest}", memory: "${memRequest}"}
          volumeMounts:
            - {name: my-pvc-nfs, mountPath: "${volumePath}"}
      nodeSelector:
        hyperflow-wms/nodepool: hfworker
      volumes:
        - name: my-pvc-nfs
          persistentVolumeClaim: {claimName: nfs}
"#;

fn given() -> BTreeMap<String, String> {
    BTreeMap::from([("enableTracing".to_owned(), "0".to_owned())])
}

fn make(text: &str, given: &BTreeMap<String, String>) -> Result<Noted<Value>, String> {
    let objects = objects();
    let class = Class::default_of(&objects.settings);
    let batch = objects.batch(vec![spec(12)], Some("10.0.0.1:7070".to_owned()));
    Template::new("job-template.yaml", text)
        .job(&objects, &class, "mProject", &batch, given, None)
        .map_err(|error| error.to_string())
}

fn notes(noted: &Noted<Value>) -> String {
    noted.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_template_like_the_shipped_one_works_unchanged() {
    let made = make(SHIPPED, &given()).unwrap();
    insta::assert_snapshot!(notes(&made), @r"
    job-template.yaml:7:3: warning: spec.ttlSecondsAfterFinished: Jobs are deleted 100 s after their end: an engine that is away for longer runs their tasks again [template]
    job-template.yaml:16:11: warning: spec.template.spec.containers[0].name: the container test is called task, as in all pods of a run [template]
    ");
    insta::assert_snapshot!(serde_json::to_string_pretty(&made.value).unwrap());
}

#[test]
fn unknown_variables_are_all_told_with_places() {
    let text = SHIPPED.replace("${taskName}", "${taskNam}");
    insta::assert_snapshot!(make(&text, &BTreeMap::new()).unwrap_err(), @r"
    job-template.yaml:23:43: error: the variable `taskNam` has no value [unknown-variable] (did you mean `taskName`?)
    job-template.yaml:28:23: error: the variable `enableTracing` has no value [unknown-variable] (give it a value in workflow.config.jobvars.json, or as HF_VAR_...)
    ");
}

#[test]
fn places_are_those_of_the_template_and_not_of_the_filled_text() {
    // The value is longer than the variable, and has two lines.
    let values = BTreeMap::from([("x".to_owned(), "a\n  labels: {b: c}".to_owned())]);
    let text = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: ${x}\nspec: {template: {spec: {volumes: [{name: v, hostPath: {path: /}}]}}}\n";
    insta::assert_snapshot!(make(text, &values).unwrap_err(), @r"
    job-template.yaml:5:19: error: spec.template.spec.containers: no container runs `${command}`: its tasks would not be run [command] (write it in command or args of one container)
    job-template.yaml:5:46: error: spec.template.spec.volumes[0].hostPath: a volume of the kind hostPath goes past all rules of the cluster [volume] (make a PersistentVolume of it, and mount its claim)
    ");
    let text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: \"${jobName}\", name: b}\n";
    insta::assert_snapshot!(make(text, &values).unwrap_err(), @r"job-template.yaml:3:32: error: the key `name` stands twice [yaml] (leave one of them)");
}

#[test]
fn what_makes_no_job_is_refused() {
    let refused = |text: &str| make(text, &given()).unwrap_err();
    insta::assert_snapshot!(refused("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"), @r"job-template.yaml:2:1: error: kind: a Job of batch/v1 is expected, and this is a Pod of v1 [no-job] (HyperFlow takes Jobs only)");
    insta::assert_snapshot!(refused(&format!("{SHIPPED}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n")), @r"job-template.yaml:41:1: error: one Job is expected [one-job] (take the other objects out)");
    insta::assert_snapshot!(refused(&SHIPPED.replace("${command};", "true;")), @r"job-template.yaml:15:7: error: spec.template.spec.containers: no container runs `${command}`: its tasks would not be run [command] (write it in command or args of one container)");
    insta::assert_snapshot!(refused(&SHIPPED.replace("persistentVolumeClaim: {claimName: nfs}", "nfs: {server: s, path: /}")), @r"job-template.yaml:39:11: error: spec.template.spec.volumes[0].nfs: a volume of the kind nfs goes past all rules of the cluster [volume] (make a PersistentVolume of it, and mount its claim)");
    insta::assert_snapshot!(refused(&SHIPPED.replace("- name: my-pvc-nfs\n", "- name: windlass\n")), @r"job-template.yaml:38:11: error: spec.template.spec.volumes[0].name: the name windlass is taken by a volume of ours [volume] (take another one)");
}

#[test]
fn retries_are_the_engines_and_that_is_said() {
    let text = SHIPPED
        .replace("restartPolicy: Never", "restartPolicy: OnFailure")
        .replace(
            "backoffLimit: ${backoffLimit}",
            "backoffLimit: 3\n  completions: 2\n  activeDeadlineSeconds: 60",
        )
        .replace("name: job${jobName}", "name: job${jobName}\n  namespace: other")
        .replace("ttlSecondsAfterFinished: 100", "ttlSecondsAfterFinished: 7200");
    let made = make(&text, &given()).unwrap();
    insta::assert_snapshot!(notes(&made), @r"
    job-template.yaml:6:3: warning: metadata.namespace: the namespace is flows, as for the whole run, and not other [template]
    job-template.yaml:9:3: warning: spec.backoffLimit: backoffLimit is of no effect: retries are the engine's [template]
    job-template.yaml:10:3: warning: spec.completions: completions is of no effect: retries are the engine's [template]
    job-template.yaml:17:7: warning: spec.template.spec.restartPolicy: restartPolicy is Never, and not OnFailure: retries are the engine's [template]
    job-template.yaml:19:11: warning: spec.template.spec.containers[0].name: the container test is called task, as in all pods of a run [template]
    ");
    let job = &made.value;
    assert_eq!(job["spec"]["backoffLimit"], 0);
    assert_eq!(job["spec"]["completions"], 1);
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 60);
    assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 7200);
    assert_eq!(job["spec"]["template"]["spec"]["restartPolicy"], "Never");
    assert_eq!(job["metadata"]["namespace"], "flows");
}

#[test]
fn settings_fill_in_what_the_template_leaves_open() {
    let mut objects = objects();
    objects.settings = Settings {
        node_selector: [("hyperflow-wms/nodepool", "x"), ("disk", "ssd")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        priority_class: Some("low".to_owned()),
        queue: Some("q".to_owned()),
        env: BTreeMap::from([
            ("HF_VAR_WORK_DIR".to_owned(), "/no".to_owned()),
            ("A".to_owned(), "$(B)".to_owned()),
        ]),
        ..objects.settings
    };
    let class = Class::default_of(&objects.settings);
    let batch = objects.batch(vec![spec(1), spec(2)], None);
    let template = Template::new("t.yaml", SHIPPED);
    let made =
        template.job(&objects, &class, "mAdd", &batch, &given(), Some(Duration::from_secs(9)));
    let job = made.unwrap().value;
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["nodeSelector"], json!({"hyperflow-wms/nodepool": "hfworker", "disk": "ssd"}));
    assert_eq!(pod["priorityClassName"], "low");
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 9);
    assert_eq!(job["metadata"]["labels"][QUEUE], "q");
    assert!(job["spec"]["template"]["metadata"]["labels"].get(QUEUE).is_none());
    let env = pod["containers"][0]["env"].as_array().unwrap();
    let value = |name: &str| {
        let found: Vec<_> = env.iter().filter(|variable| variable["name"] == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        found[0]["value"].clone()
    };
    assert_eq!(value("HF_VAR_WORK_DIR"), "/work");
    assert_eq!(value("A"), "$$(B)");
    assert_eq!(crate::k8s::name::tasks_of(&job).len(), 2);
    // No connection: no certificates.
    assert!(!job.to_string().contains("windlass-id"));
}
