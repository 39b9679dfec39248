use super::*;
use crate::fake::FakeHost;
use crate::spec::Node;
use crate::steps::testing::{carry_out, debian, findings, lives, plan_of, rocky, shown};

fn node(version: &str, containerd: &serde_json::Value) -> Node {
    serde_json::from_value(serde_json::json!({
        "kubernetes": {"version": version},
        "containerd": containerd,
    }))
    .unwrap()
}

fn with(host: FakeHost, name: &str, version: &str) -> FakeHost {
    host.with(|world| drop(world.packages.insert(name.to_owned(), version.to_owned())));
    host.set_unit("containerd.service", "enabled", true);
    host
}

#[test]
fn debians_own_gets_its_settings_in_its_schema_and_is_restarted() {
    let prepare = || {
        let host = with(debian(), "containerd", "1.6.20~ds1-1+deb12u1");
        host.set(
            "/etc/containerd/config.toml",
            "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n    \
             [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\"\n",
        );
        host
    };
    let node = node("1.35", &serde_json::json!({}));
    insta::assert_snapshot!(lives(prepare, &node, &Containerd), @r#"
    make folder /etc/containerd/certs.d (mode 0755)
    edit /etc/containerd/config.toml
      +sandbox_image = "registry.k8s.io/pause:3.10.1"
      -      bin_dir = "/usr/lib/cni"
      +      bin_dir = "/opt/cni/bin"
      +
      +[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      +runtime_type = "io.containerd.runc.v2"
      +
      +[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      +SystemdCgroup = true
      +
      +[plugins."io.containerd.grpc.v1.cri".registry]
      +config_path = "/etc/containerd/certs.d"
    edit /etc/crictl.yaml
      +runtime-endpoint: unix:///run/containerd/containerd.sock
      +image-endpoint: unix:///run/containerd/containerd.sock
    restart containerd.service
    "#);
}

#[test]
fn dockers_own_is_begun_in_schema_3_with_labels_where_selinux_enforces() {
    let prepare = || {
        let host = with(rocky(), "containerd.io", "2.1.4-1.el9");
        host.set("/etc/containerd/config.toml", "disabled_plugins = [\"cri\"]\n");
        host.set("/etc/crictl.yaml", "timeout: 10\n");
        host.set("/sys/fs/selinux/enforce", "1");
        host.set("/etc/selinux/config", "SELINUX=enforcing\n");
        host.set_unit("containerd.service", "disabled", false);
        host
    };
    let node = node("1.36", &serde_json::json!({"sandboxImage": "mirror/pause:3.10"}));
    insta::assert_snapshot!(lives(prepare, &node, &Containerd), @r#"
    make folder /etc/containerd/certs.d (mode 0755)
    edit /etc/containerd/config.toml
      -disabled_plugins = ["cri"]
      +version = 3
      +disabled_plugins = []
      +
      +[plugins."io.containerd.cri.v1.runtime"]
      +enable_selinux = true
      +
      +[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      +runtime_type = "io.containerd.runc.v2"
      +
      +[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      +SystemdCgroup = true
      +
      +[plugins."io.containerd.cri.v1.runtime".cni]
      +bin_dir = "/opt/cni/bin"
      +
      +[plugins."io.containerd.cri.v1.images".pinned_images]
      +sandbox = "mirror/pause:3.10"
      +
      +[plugins."io.containerd.cri.v1.images".registry]
      +config_path = "/etc/containerd/certs.d"
    edit /etc/crictl.yaml
      +runtime-endpoint: unix:///run/containerd/containerd.sock
      +image-endpoint: unix:///run/containerd/containerd.sock
    enable and start containerd.service
    "#);
}

#[test]
fn an_old_one_is_refused_with_where_to_get_a_newer() {
    let said = |host: FakeHost, containerd: serde_json::Value| {
        let plan = plan_of(&host, &node("1.36", &containerd), &Containerd);
        assert!(plan.is_empty(), "{}", shown(&plan));
        shown(&plan)
    };
    insta::assert_snapshot!(said(with(debian(), "containerd", "1.6.20~ds1-1"), serde_json::json!({})), @"refused: Kubernetes 1.36 takes containerd from 2.0 on, and this one is 1.6: Debian 12 packs no newer one, Docker does: say `containerd: {source: docker}`");
    insta::assert_snapshot!(said(with(rocky(), "containerd.io", "1.7.27-3.1.el9"), serde_json::json!({})), @r#"refused: Kubernetes 1.36 takes containerd from 2.0 on, and this one is 1.7: say `containerd: {version: "2"}`"#);
    let host = debian();
    host.answer(
        &["containerd", "--version"],
        0,
        "containerd github.com/containerd/containerd v1.7.2 x\n",
    );
    insta::assert_snapshot!(said(host, serde_json::json!({"source": "none"})), @"refused: Kubernetes 1.36 takes containerd from 2.0 on, and this one is 1.7: install containerd 2.0 or newer");
    insta::assert_snapshot!(said(debian(), serde_json::json!({"source": "none"})), @"refused: there is no containerd (`containerd --version` says nothing). Install it, or say who packs it: `containerd: {source: docker}`");
}

#[test]
fn what_keeps_it_from_starting_is_refused() {
    let said = |version: &str, config: &str| {
        let host = with(debian(), "containerd", version);
        host.set("/etc/containerd/config.toml", config);
        shown(&plan_of(&host, &node("1.35", &serde_json::json!({})), &Containerd))
    };
    assert!(said("1.7.24-1", "version = 3\n").contains("newer than containerd 1.7.24 knows"));
    let mirrors = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"docker.io\"]\nendpoint = []\n";
    assert!(
        said("1.7.24-1", mirrors)
            .contains("refused: /etc/containerd/config.toml: containerd does not start")
    );
}

#[test]
fn a_drop_in_that_overrides_us_is_found() {
    let host = with(debian(), "containerd.io", "2.1.4-1");
    let node = node("1.35", &serde_json::json!({"source": "docker"}));
    carry_out(&host, &plan_of(&host, &node, &Containerd));
    host.set("/etc/containerd/conf.d/10-good.toml", "version = 3\n[debug]\nlevel = \"warn\"\n");
    assert_eq!(findings(&host, &node, &Containerd), [] as [&str; 0]);
    host.set(
        "/etc/containerd/conf.d/99-bad.toml",
        "version = 3\ndisabled_plugins = [\"cri\"]\n\
         [plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc.options]\nSystemdCgroup = false\n",
    );
    insta::assert_snapshot!(findings(&host, &node, &Containerd).join("\n"), @r#"
    /etc/containerd/conf.d/99-bad.toml sets plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options.SystemdCgroup to something else, and is read after /etc/containerd/config.toml: take it out there
    /etc/containerd/conf.d/99-bad.toml sets disabled_plugins to something else, and is read after /etc/containerd/config.toml: take it out there
    "#);
}
