//! Why something is not ready: told when the time is up.

use super::*;

/// Applies this and expects that it does not become ready. Answers what was said at the end.
fn why(bed: &Bed, manifests: &str, timeout: &str) -> String {
    bed.file("set.yaml", manifests);
    let ran = bed.ends(4, &["apply", "-f", "set.yaml", "--timeout", timeout]);
    bed.plain(&ran.err)
}

fn expect(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word} is not told:\n{said}");
    }
}

#[test]
fn an_image_that_is_not_there_is_named() {
    let Some(bed) = Bed::new() else { return };
    let said =
        why(&bed, &deployment("web", "true").replace("local/busybox", "local/nothing"), "4s");
    expect(
        &said,
        &[
            "the time is up for 1 object",
            "Deployment NS/web: ",
            "ErrImageNeverPull",
            "local/nothing",
        ],
    );
    // Waiting alone fails, since it writes nothing.
    let ran = bed.ends(1, &["wait", "deployment/web", "--timeout", "1s"]);
    expect(&ran.err, &["ErrImageNeverPull"]);
    let json = bed
        .ends(
            4,
            &["apply", "-f", "set.yaml", "--timeout", "1s", "-o", "json", "--field-manager", "b"],
        )
        .json();
    assert_eq!(json["complete"], false);
}

#[test]
fn a_container_that_ends_again_and_again_is_told_with_the_end_of_its_log() {
    let Some(bed) = Bed::new() else { return };
    let said =
        why(&bed, &deployment("web", "echo first line; echo cannot open the box; exit 3"), "12s");
    expect(&said, &["Deployment NS/web: ", "cannot open the box"]);
    // It depends on the moment which of the two the kubelet says.
    assert!(said.contains("CrashLoopBackOff") || said.contains("ended with code 3"), "{said}");
}

#[test]
fn a_pod_without_a_node_is_told_with_the_words_of_the_scheduler() {
    let Some(bed) = Bed::new() else { return };
    let nowhere = deployment("web", "true").replace(
        "\"containers\"",
        "\"nodeSelector\":{\"example.org/no\":\"where\"},\"containers\"",
    );
    let said = why(&bed, &nowhere, "4s");
    expect(&said, &["didn't match Pod's node affinity/selector"]);
}

#[test]
fn a_quota_that_lets_no_pod_in_is_told() {
    let Some(bed) = Bed::new() else { return };
    let quota = "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: \"0\"}}\n";
    let said = why(&bed, &(deployment("web", "true") + quota), "5s");
    expect(&said, &["Deployment NS/web: ", "exceeded quota: none"]);
    assert!(!said.contains("ResourceQuota NS/none: "), "{said}");
}

#[test]
fn a_probe_that_fails_is_told() {
    let Some(bed) = Bed::new() else { return };
    let probe = "\"readinessProbe\":{\"exec\":{\"command\":[\"sh\",\"-c\",\"echo door is shut; exit 1\"]},\"periodSeconds\":1},\"image\":";
    let said = why(&bed, &deployment("web", "sleep 3600").replace("\"image\":", probe), "8s");
    expect(&said, &["Deployment NS/web: ", "Readiness probe failed", "door is shut"]);
}

#[test]
fn a_volume_that_is_not_there_is_told() {
    let Some(bed) = Bed::new() else { return };
    let volume =
        "\"volumes\":[{\"name\":\"v\",\"configMap\":{\"name\":\"absent\"}}],\"containers\"";
    let mount = "\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}],\"image\":";
    let said = why(
        &bed,
        &deployment("web", "sleep 3600")
            .replace("\"containers\"", volume)
            .replace("\"image\":", mount),
        "6s",
    );
    expect(&said, &["Deployment NS/web: ", "absent"]);
}

#[test]
fn what_a_pod_waits_for_is_told_once() {
    let Some(bed) = Bed::new() else { return };
    let mut pod = pod_spec("true");
    pod["containers"][0]["image"] = json!("docker.io/local/nothing:1");
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lone"}, "spec": pod});
    let said = why(&bed, &pod.to_string(), "4s");
    let end = said.split("the time is up for 1 object").nth(1).unwrap();
    assert_eq!(end.matches("ErrImageNeverPull").count(), 1, "{said}");
}

#[test]
fn an_interrupted_wait_ends_with_its_own_code_and_the_next_run_goes_on() {
    let Some(bed) = Bed::new() else { return };
    bed.file(
        "set.yaml",
        &deployment("web", "sleep 3600").replace("local/busybox", "local/nothing"),
    );
    let mut command = bed.command(&["apply", "-f", "set.yaml", "--set", "demo"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let watches = bed.proxy.wait_until(LONG, |log| !log.open_watches().is_empty());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(watches && child.wait().unwrap().code() == Some(130), "{}", bed.proxy.log());
    bed.file("set.yaml", &deployment("web", "sleep 3600"));
    bed.done(&["apply", "-f", "set.yaml", "--set", "demo", "--timeout", "60s"]);
}
