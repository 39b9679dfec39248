//! The Role that a run is said to need is the smallest one: an account with its rules is refused nothing, and each of its
//! rights is used.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use tests::proxy::{Call, Proxy};
use workflow_engine::k8s::rights::{EnginePlace, Modes, Role, Subject};

use super::bed::{Bed, Way};
use super::flow::Flow;

/// Group, resource and verb.
type Right = (String, String, String);

/// What a call needs.
fn right(call: &Call) -> Right {
    let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => panic!("a call that is of no resource: {call}"),
    };
    let ["namespaces", _, resource, rest @ ..] = rest else {
        panic!("a call that is of no namespace: {call}")
    };
    let (named, resource) = match rest {
        [] => (false, (*resource).to_owned()),
        [_] => (true, (*resource).to_owned()),
        [_, sub, ..] => (true, format!("{resource}/{sub}")),
    };
    let verb = match call.method.as_str() {
        "GET" if call.is_watch() => "watch",
        "GET" if named => "get",
        "GET" => "list",
        "POST" => "create",
        "PATCH" => "patch",
        "PUT" => "update",
        "DELETE" if named => "delete",
        "DELETE" => "deletecollection",
        other => panic!("{other}"),
    };
    (group.to_owned(), resource, verb.to_owned())
}

/// A bed where the program has this Role and nothing else, through a proxy.
fn with_role(bed: &mut Bed, role: &Role) -> Proxy {
    let name = bed.namespace.name().to_owned();
    for object in role.objects(&name, &Subject::Account).unwrap() {
        bed.namespace.done(&["create", "-f", "-"], &object.to_string());
    }
    let token = bed.kubectl(&["create", "token", role.name()]);
    let view = ["config", "view", "--raw", "--minify", "--flatten", "--output=json"];
    let mut config: Value = serde_json::from_str(&bed.cluster.done(&view, "")).unwrap();
    config["users"][0]["user"] = json!({"token": token.trim()});
    let path = bed.dir().join(".account");
    fs::write(&path, config.to_string()).unwrap();
    let proxy = Proxy::start(&path);
    bed.kubeconfig = proxy.kubeconfig();
    proxy
}

/// A template whose pods say nothing.
const SILENT: &str = "\
apiVersion: batch/v1
kind: Job
metadata: {name: '${jobName}'}
spec:
  template:
    spec:
      restartPolicy: Never
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: test
        image: '${containerName}'
        securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
        command: [sh, -c, 'echo a last word; exit 3 # ${command}']
";

/// Runs what needs all rights: work that succeeds, an engine that is killed and goes on, and pods that say nothing, or are
/// refused, so that the reason is asked for.
fn used(bed: &mut Bed, way: Way, role: &Role) -> BTreeSet<Right> {
    let proxy = with_role(bed, role);
    let slow = "echo a >> starts.txt; while [ ! -e go ]; do sleep 0.1; done";
    let flow = Flow::default().sh("slow", slow, &[], &["a"]).sh("last", "true", &["a"], &[]);
    bed.write("w.json", &flow.text());
    let running = bed.start(way, &[]);
    bed.until("the slow task", || bed.read("starts.txt").contains('a'));
    running.kill();
    bed.write("go", "");
    let ran = bed.resume(way, &["--lease", "2"]);
    assert_eq!(ran.code, Some(0), "{way:?}: {ran}\n{}", proxy.log());
    bed.nothing_is_left();

    if matches!(way, Way::Alone | Way::Job | Way::RelayJob) {
        // Pods that end without a word: their logs are asked for.
        bed.write("silent.yaml", SILENT);
        let flow = Flow::default().sh("silent", "true", &[], &[]);
        let ran = bed.run(&flow, way, &["--job-template", "silent.yaml"]);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert!(ran.failure("silent").1.contains("a last word"), "{ran}");
    }
    // No pod comes of its Job.
    // Only pools need the relay, which is a pod too.
    let pods = if matches!(way, Way::Relay) { "1" } else { "0" };
    bed.kubectl(&["create", "quota", "little", &format!("--hard=pods={pods}")]);
    bed.until("the quota", || {
        !bed.kubectl(&["get", "resourcequota", "little", "--output=jsonpath={.status.hard}"])
            .is_empty()
    });
    let ran = bed.run(&Flow::default().sh("bad", "true", &[], &[]), way, &["--quota-wait", "3"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    bed.nothing_is_left();

    let log = proxy.log();
    let refused = log.that(|call| matches!(call.code, Some(401 | 403)));
    assert!(refused.is_empty(), "{way:?}: refused: {refused:#?}");
    let mut used: BTreeSet<Right> = log.calls().iter().map(right).collect();
    let forward = |verb: &str| (String::new(), "pods/portforward".to_owned(), verb.to_owned());
    if used.contains(&forward("get")) {
        // For a WebSocket the server asks for this in addition, and a proxy does not see it.
        used.insert(forward("create"));
    }
    used
}

fn compare(ways: &[Way], role: &Role) {
    let mut all = BTreeSet::new();
    for &way in ways {
        let Some(mut bed) = Bed::with_claim("the smallest Role") else { return };
        all.extend(used(&mut bed, way, role));
    }
    let given = role.rights();
    let missing: Vec<_> = all.difference(&given).collect();
    let idle: Vec<_> = given.difference(&all).collect();
    assert!(
        missing.is_empty() && idle.is_empty(),
        "{ways:?}: missing {missing:?}, never used {idle:?}"
    );
}

fn role(connected: bool, relay: bool) -> Role {
    Role::for_run(Modes { connected }, EnginePlace::Here { relay }, false).remove(0)
}

#[test]
fn single_jobs_use_all_rights_of_their_role_and_no_other() {
    compare(&[Way::Alone], &role(false, false));
}

#[test]
fn a_relay_uses_all_rights_of_its_role_and_no_other() {
    compare(&[Way::Relay, Way::RelayJob], &role(true, true));
}

/// Workers that reach the engine by its address.
#[test]
fn connected_ways_use_all_rights_of_their_role_and_no_other() {
    compare(&[Way::Pool, Way::Clustered, Way::Job], &role(true, false));
}
