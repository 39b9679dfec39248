use std::time::Duration;

use k8s_apply::manifest::{Input, LoadOptions, load};
use k8s_openapi::api::batch::v1::Job;
use worker::protocol::{Batch, TaskKey, TaskSpec};

use super::*;

pub(crate) fn objects() -> Objects {
    let settings = Settings {
        namespace: "flows".to_owned(),
        worker_image: "windlass/worker:1".to_owned(),
        engine_image: "windlass/wf-run:1".to_owned(),
        task_image: "montage:6".to_owned(),
        data: Data::Claim { name: "data".to_owned(), sub_path: Some("run-1".to_owned()) },
        ..Settings::default()
    };
    Objects::new(settings, "20261121-134423-montage", "Montage 2MASS")
}

pub(crate) fn spec(process: u32) -> TaskSpec {
    TaskSpec {
        key: TaskKey { process, firing: 1, attempt: 1 },
        label: format!("mProject#{}", process + 1),
        argv: vec!["mProject".to_owned(), "a b.fits".to_owned()],
        tail_bytes: 1000,
        ..TaskSpec::default()
    }
}

/// Everything that makes pods, with settings that use every field.
fn all_jobs() -> Vec<Value> {
    let mut objects = objects();
    objects.settings = Settings {
        image_pull_policy: Some("IfNotPresent".to_owned()),
        image_pull_secrets: vec!["pull".to_owned()],
        service_account: Some("tasks".to_owned()),
        engine_service_account: Some("windlass-engine".to_owned()),
        node_selector: BTreeMap::from([("pool".to_owned(), "hf".to_owned())]),
        tolerations: vec![json!({"key": "a", "operator": "Exists"})],
        affinity: Some(json!({"nodeAffinity": {}})),
        priority_class: Some("low".to_owned()),
        queue: Some("q".to_owned()),
        cpu_limit: true,
        deadline_seconds: Some(600),
        labels: BTreeMap::from([("team".to_owned(), "sky".to_owned())]),
        annotations: BTreeMap::from([("note".to_owned(), "x".to_owned())]),
        env: BTreeMap::from([("A".to_owned(), "$(B)".to_owned())]),
        ..objects.settings
    };
    let class = Class {
        memory_bytes: Some(2 << 30),
        gpus: 1,
        node_selector: BTreeMap::from([("gpu".to_owned(), "yes".to_owned())]),
        ..Class::default_of(&objects.settings)
    };
    let one = objects.batch(vec![spec(0)], None);
    let group = objects.batch(vec![spec(1), spec(2)], Some("10.0.0.1:7000".to_owned()));
    let argv = ["/wf-run", "run", "$(X)"].map(str::to_owned);
    vec![
        objects.task_job(&class, "mProject", &one, None).unwrap(),
        objects.task_job(&class, "mProject", &group, Some(Duration::from_millis(1500))).unwrap(),
        objects.pool_job(&class, 1, 8, 2, "10.0.0.1:7000", Duration::from_mins(2)),
        objects.relay_job(),
        objects.engine_job(&argv, 2),
        objects.input_job(0, "data:1", "/data").unwrap(),
    ]
}

fn pod(job: &Value) -> &Value {
    &job["spec"]["template"]["spec"]
}

#[test]
fn the_job_of_a_task_is_as_people_expect_it() {
    let objects = objects();
    let class = Class::default_of(&objects.settings);
    let batch = objects.batch(vec![spec(12)], None);
    let job = objects.task_job(&class, "mProject", &batch, None).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&job).unwrap());
    // What the worker finds in its pod.
    let env = pod(&job)["containers"][0]["env"].as_array().unwrap();
    let get = |name: &str| {
        let found = env.iter().find(|variable| variable["name"] == name)?;
        found["value"].as_str().map(|text| text.replace("$$", "$"))
    };
    assert_eq!(Batch::from_env(get).unwrap(), batch);
}

#[test]
fn the_job_of_a_pool_is_as_people_expect_it() {
    let objects = objects();
    let class = Class { memory_bytes: Some(1 << 30), ..Class::default_of(&objects.settings) };
    let job = objects.pool_job(&class, 2, 16, 2, "10.96.0.7:7000", Duration::from_mins(2));
    insta::assert_snapshot!(serde_json::to_string_pretty(&job).unwrap());
}

#[test]
fn the_engine_is_as_people_expect_it() {
    let argv = ["/wf-run", "run", "--executor", "k8s", "/windlass-workflow"].map(str::to_owned);
    let job = objects().engine_job(&argv, 2);
    insta::assert_snapshot!(serde_json::to_string_pretty(&job).unwrap());
}

#[test]
fn small_objects_are_as_people_expect_them() {
    let objects = objects();
    insta::assert_snapshot!(objects.worker_secret("CA", "CERT", "KEY"), @r#"{"apiVersion":"v1","immutable":true,"kind":"Secret","metadata":{"labels":{"app.kubernetes.io/managed-by":"windlass","windlass.dev/role":"pool","windlass.dev/run":"20261121-134423-montage","windlass.dev/workflow":"Montage-2MASS-f6cb63740f36"},"name":"wf-20261121-134423-montage-worker","namespace":"flows"},"stringData":{"ca.crt":"CA","tls.crt":"CERT","tls.key":"KEY"},"type":"Opaque"}"#);
    insta::assert_snapshot!(objects.engine_service(7000), @r#"{"apiVersion":"v1","kind":"Service","metadata":{"labels":{"app.kubernetes.io/managed-by":"windlass","windlass.dev/role":"engine","windlass.dev/run":"20261121-134423-montage","windlass.dev/workflow":"Montage-2MASS-f6cb63740f36"},"name":"wf-20261121-134423-montage-engine","namespace":"flows"},"spec":{"ports":[{"name":"workers","port":7000,"protocol":"TCP","targetPort":7000}],"publishNotReadyAddresses":true,"selector":{"windlass.dev/role":"engine","windlass.dev/run":"20261121-134423-montage"},"type":"ClusterIP"}}"#);
    insta::assert_snapshot!(objects.relay_service()["spec"], @r#"{"ports":[{"name":"workers","port":7070,"protocol":"TCP","targetPort":7070}],"publishNotReadyAddresses":true,"selector":{"windlass.dev/role":"relay","windlass.dev/run":"20261121-134423-montage"},"type":"ClusterIP"}"#);
}

#[test]
fn all_are_jobs_that_kubernetes_knows() {
    for job in all_jobs() {
        // Every field is one of the API: what is not known would be dropped on the way.
        let typed: Job = serde_json::from_value(job.clone()).unwrap();
        let back = serde_json::to_value(&typed).unwrap();
        assert_eq!(back, job);
        let text = serde_json::to_string(&job).unwrap();
        let loaded = load(&[Input::text("job.json", text)], &LoadOptions::default());
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    }
}

#[test]
fn pods_fit_the_restricted_level() {
    // https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    let volumes = ["configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"];
    for job in all_jobs() {
        let (role, pod) = (&job["metadata"]["labels"][name::ROLE], pod(&job));
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"], true);
        assert_ne!(security["runAsUser"], 0);
        assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            let kinds: Vec<_> =
                volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
            assert!(kinds.iter().all(|kind| volumes.contains(&kind.as_str())), "{kinds:?}");
        }
        let init = pod["initContainers"].as_array().into_iter().flatten();
        for container in pod["containers"].as_array().unwrap().iter().chain(init) {
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
            assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
            let requests = &container["resources"]["requests"];
            assert!(requests["cpu"].is_string() && requests["memory"].is_string(), "{role}");
        }
        assert_eq!(pod["automountServiceAccountToken"], *role == "engine");
        assert_eq!(pod["enableServiceLinks"], false);
        assert_eq!(pod["restartPolicy"], "Never");
        assert_eq!(pod["containers"][0]["name"], CONTAINER);
        assert_eq!(pod["terminationGracePeriodSeconds"], 30);
    }
}

#[test]
fn a_run_of_root_says_so() {
    let mut objects = objects();
    objects.settings.user = 0;
    assert_eq!(pod(&objects.relay_job())["securityContext"]["runAsNonRoot"], false);
}

#[test]
fn labels_queues_and_deadlines_are_where_they_belong() {
    for job in all_jobs() {
        let labels = &job["metadata"]["labels"];
        let role = Role::parse(labels[name::ROLE].as_str().unwrap()).unwrap();
        assert_eq!(labels["team"], "sky");
        assert_eq!(labels[name::WORKFLOW].as_str().map(|name| &name[..8]), Some("Montage-"));
        assert_eq!(job["spec"]["template"]["metadata"]["labels"][name::RUN], labels[name::RUN]);
        let in_queue = labels.get(QUEUE).is_some();
        assert_eq!(in_queue, !matches!(role, Role::Engine | Role::Relay), "{role:?}");
        let deadline = &job["spec"]["activeDeadlineSeconds"];
        match role {
            Role::Task | Role::Input => assert_eq!(*deadline, 600),
            Role::Group => assert_eq!(*deadline, 2),
            Role::Pool | Role::Relay | Role::Engine => assert!(deadline.is_null(), "{role:?}"),
        }
        assert_eq!(job["spec"]["ttlSecondsAfterFinished"], 86_400);
        assert_eq!(job["spec"]["podReplacementPolicy"], "Failed");
    }
    let keys = name::tasks_of(&all_jobs()[1]);
    assert_eq!(keys, [spec(1).key, spec(2).key]);
}

#[test]
fn requests_and_limits_follow_the_task() {
    let mut objects = objects();
    let command = Command { cpu: Some(1.5), memory_bytes: Some(100 << 20), ..Command::default() };
    let class = Class::of(&command, &objects.settings);
    assert_eq!(
        objects.resources(&class, 1),
        json!({"requests": {"cpu": "1500m", "memory": "100Mi"}, "limits": {"memory": "100Mi"}})
    );
    let plain = Class::of(&Command::default(), &objects.settings);
    assert_eq!(
        objects.resources(&plain, 1),
        json!({"requests": {"cpu": "500m", "memory": "50Mi"}})
    );
    assert_eq!(objects.resources(&plain, 4), json!({"requests": {"cpu": "2", "memory": "200Mi"}}));
    objects.settings.cpu_limit = true;
    let gpu = Class { gpus: 2, ..plain.clone() };
    assert_eq!(
        objects.resources(&gpu, 2),
        json!({
            "requests": {"cpu": "1", "memory": "100Mi", "nvidia.com/gpu": "4"},
            "limits": {"cpu": "1", "nvidia.com/gpu": "4"},
        })
    );
    let tiny = Command { cpu: Some(0.0), memory_bytes: Some(1000), ..Command::default() };
    let tiny = Class::of(&tiny, &objects.settings);
    assert_eq!((tiny.cpu_millis, memory_quantity(1000)), (1, "1000".to_owned()));
    // 0.1 is a little more than a tenth.
    assert_eq!(cpu_millis(0.1), 100);
}

#[test]
fn equal_classes_have_equal_ids() {
    let objects = objects();
    let class = Class::default_of(&objects.settings);
    assert_eq!(class.id(), class.clone().id());
    assert_eq!(class.id().len(), 8);
    let others = [
        Class { image: "x".to_owned(), ..class.clone() },
        Class { cpu_millis: 1, ..class.clone() },
        Class { memory_bytes: Some(0), ..class.clone() },
        Class { gpus: 1, ..class.clone() },
        Class {
            node_selector: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            ..class.clone()
        },
    ];
    for other in others {
        assert_ne!(other.id(), class.id());
    }
    // It is in names of Jobs, which a later engine must recognise.
    insta::assert_snapshot!(class.id(), @r"1af6ce1f");
}

#[test]
fn without_a_claim_pods_have_an_empty_folder() {
    let mut objects = objects();
    objects.settings.data = Data::None;
    let batch = objects.batch(vec![spec(0)], None);
    let class = Class::default_of(&objects.settings);
    let job = objects.task_job(&class, "t", &batch, None).unwrap();
    assert!(!job.to_string().contains("persistentVolumeClaim"));
    assert!(
        pod(&job)["volumes"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": DATA_VOLUME, "emptyDir": {}}))
    );
    assert!(matches!(objects.input_job(0, "i", "/d"), Err(ObjectError::NoClaim)));
    // An engine that left nothing behind is not started again.
    assert_eq!(objects.engine_job(&[], 0)["spec"]["backoffLimit"], 0);
}

#[test]
fn a_batch_that_is_too_large_is_refused() {
    let objects = objects();
    let class = Class::default_of(&objects.settings);
    let mut large = spec(0);
    large.argv = vec!["x".repeat(2 << 20)];
    let batch = objects.batch(vec![large], None);
    let error = objects.task_job(&class, "t", &batch, None).unwrap_err();
    assert!(error.to_string().contains("run them in a pool"), "{error}");
}

/// Text that does not pack: hex digits of hashes.
fn noise(bytes: usize) -> String {
    let hashes = (0..=bytes as u64 / 16).map(|n| format!("{:016x}", xxh3_64(&n.to_le_bytes())));
    hashes.collect::<Vec<_>>().concat()
}

#[test]
fn a_workflow_travels_in_parts() {
    let objects = objects();
    for (bytes, parts) in [(0, 1), (1000, 1), (3 << 20, 2)] {
        let text = noise(bytes);
        let maps = objects.workflow_config_maps(&text).unwrap();
        assert_eq!(maps.len(), parts);
        let mut found = Vec::new();
        for (number, map) in maps.iter().enumerate() {
            assert_eq!(map["metadata"]["name"], objects.names.workflow_part(number));
            let part = map["binaryData"][format!("part-{number}")].as_str().unwrap();
            found.push(base64::Engine::decode(&base64::prelude::BASE64_STANDARD, part).unwrap());
            assert!(found[number].len() <= 900 << 10);
        }
        assert_eq!(join_workflow(&found).unwrap(), text);
        found.pop();
        assert!(join_workflow(&found).is_err());
    }
    let error = objects.workflow_config_maps(&noise(14 << 20)).unwrap_err();
    assert!(error.to_string().contains("put it on the claim"), "{error}");
}

#[test]
fn settings_are_read_from_data() {
    let settings: Settings = serde_json::from_value(json!({
        "namespace": "n", "data": {"claim": {"name": "c"}}, "queue": "q", "cpuMillis": 100,
    }))
    .unwrap();
    assert_eq!(settings.data, Data::Claim { name: "c".to_owned(), sub_path: None });
    assert_eq!((settings.cpu_millis, settings.ttl_seconds), (100, 86_400));
    let back = serde_json::to_value(&settings).unwrap();
    assert_eq!(serde_json::from_value::<Settings>(back).unwrap(), settings);
    assert!(serde_json::from_value::<Settings>(json!({"namspace": "n"})).is_err());
}
