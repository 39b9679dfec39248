use std::process::Command;

use proptest::prelude::*;

use super::*;

fn all() -> Wish {
    Wish {
        systemd_cgroup: Some(true),
        sandbox_image: Some("registry.k8s.io/pause:3.10.1".to_owned()),
        registry_config_path: Some("/etc/containerd/certs.d".to_owned()),
        enable_selinux: Some(true),
        cni_bin_dir: Some("/opt/cni/bin".to_owned()),
        enable_cri: true,
    }
}

/// Applies twice: the second time nothing may change.
fn done(before: &str, wish: &Wish, containerd: Version) -> Configured {
    let once = apply(Some(before), wish, containerd).unwrap();
    let twice = apply(Some(&once.text), wish, containerd).unwrap();
    assert_eq!(twice, once);
    once
}

#[test]
fn a_missing_file_is_begun_in_the_schema_of_the_program() {
    let new = |version| apply(None, &all(), version).unwrap().text;
    insta::assert_snapshot!(new(Version::new(1, 7, 24)), @r#"
    version = 2

    [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.10.1"
    enable_selinux = true

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true

    [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"

    [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    "#);
    insta::assert_snapshot!(new(Version::new(2, 2, 0)), @r#"
    version = 3

    [plugins."io.containerd.cri.v1.runtime"]
    enable_selinux = true

    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
    SystemdCgroup = true

    [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dir = "/opt/cni/bin"

    [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "registry.k8s.io/pause:3.10.1"

    [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/containerd/certs.d"
    "#);
    insta::assert_snapshot!(new(Version::new(2, 3, 4)), @r#"
    version = 4

    [plugins."io.containerd.cri.v1.runtime"]
    enable_selinux = true

    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
    SystemdCgroup = true

    [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/opt/cni/bin"]

    [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "registry.k8s.io/pause:3.10.1"

    [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/containerd/certs.d"
    "#);
}

#[test]
fn a_file_of_version_2_keeps_its_comments_and_order() {
    let before = r#"# kept by hand
version = 2
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.grpc.v1.cri"] # no cri

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.6" # old
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
    [plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
      endpoint = ["https://mirror.example"]

[metrics]
  address = ""
"#;
    let done = done(before, &all(), Version::new(1, 6, 20));
    insta::assert_snapshot!(done.text, @r#"
    # kept by hand
    version = 2
    disabled_plugins = ["io.containerd.internal.v1.opt"] # no cri

    [grpc]
      address = "/run/containerd/containerd.sock"

    [plugins]
      [plugins."io.containerd.grpc.v1.cri"]
        sandbox_image = "registry.k8s.io/pause:3.10.1" # old
        enable_selinux = true
        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"
          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
            SystemdCgroup = true

    [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
        [plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
          endpoint = ["https://mirror.example"]

    [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"

    [metrics]
      address = ""
    "#);
    assert_eq!(done.schema, Schema::V2);
    let path = r#"plugins."io.containerd.grpc.v1.cri".registry.mirrors"#.to_owned();
    assert_eq!(done.notes, [Note::RegistryConflict { path }]);
}

#[test]
fn a_file_of_version_3_gets_both_tables_and_what_is_ignored_is_named() {
    let before = r#"version = 3
root = '/var/lib/containerd'

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]

# from an old host
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "x"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true
"#;
    let done = done(before, &all(), Version::new(2, 1, 0));
    insta::assert_snapshot!(done.text, @r#"
    version = 3
    root = '/var/lib/containerd'

    [plugins.'io.containerd.cri.v1.runtime']
    enable_selinux = true

    [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]

    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true

    # from an old host
    [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "x"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true

    [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "registry.k8s.io/pause:3.10.1"

    [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/containerd/certs.d"
    "#);
    insta::assert_debug_snapshot!(done.notes, @r#"
    [
        Ignored {
            path: "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options.SystemdCgroup",
        },
        Ignored {
            path: "plugins.\"io.containerd.grpc.v1.cri\".sandbox_image",
        },
    ]
    "#);
}

#[test]
fn a_file_of_version_4_is_changed_in_place() {
    let before = r"version = 4
imports = ['/etc/containerd/conf.d/*.toml']

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10.1'
    [plugins.'io.containerd.cri.v1.images'.registry]
      config_path = ''
  [plugins.'io.containerd.cri.v1.runtime']
    enable_selinux = false
    [plugins.'io.containerd.cri.v1.runtime'.cni]
      bin_dirs = ['/opt/cni/bin']
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = ''
        SystemdCgroup = false
  [plugins.'io.containerd.server.v1.grpc']
    address = '/run/containerd/containerd.sock'
";
    let done = done(before, &all(), Version::new(2, 3, 0));
    let changed = similar::TextDiff::from_lines(before, &done.text)
        .unified_diff()
        .context_radius(0)
        .to_string();
    insta::assert_snapshot!(changed, @r#"
    @@ -9 +9 @@
    -      config_path = ''
    +      config_path = "/etc/containerd/certs.d"
    @@ -11 +11 @@
    -    enable_selinux = false
    +    enable_selinux = true
    @@ -18 +18 @@
    -        SystemdCgroup = false
    +        SystemdCgroup = true
    "#);
    assert_eq!(done.notes, []);
    assert_eq!(imports(before).unwrap(), ["/etc/containerd/conf.d/*.toml"]);
}

#[test]
fn a_file_without_a_version_is_of_version_1_unless_nothing_depends_on_it() {
    let wish = Wish { systemd_cgroup: Some(true), enable_cri: true, ..Wish::default() };
    let old = "[plugins.cri]\n  enable_selinux = true\n";
    let kept = done(old, &wish, Version::new(1, 7, 0));
    insta::assert_snapshot!(kept.text, @r#"
    [plugins.cri]
      enable_selinux = true

    [plugins.cri.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins.cri.containerd.runtimes.runc.options]
    SystemdCgroup = true
    "#);
    assert_eq!(kept.schema, Schema::V1);
    // As Docker's package brings it.
    let docker = "#   comment\n\ndisabled_plugins = [\"cri\"]\n\n#[grpc]\n#  address = \"x\"\n";
    let blank = done(docker, &wish, Version::new(1, 7, 0));
    insta::assert_snapshot!(blank.text, @r#"
    version = 2
    #   comment

    disabled_plugins = []

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true

    #[grpc]
    #  address = "x"
    "#);
    let short = done("disabled_plugins = [\"cri\", \"btrfs\"]\n", &wish, Version::new(1, 7, 0));
    assert_eq!(short.schema, Schema::V1);
    assert!(short.text.starts_with("disabled_plugins = [\"btrfs\"]\n"), "{}", short.text);
}

#[test]
fn inline_tables_and_dotted_keys_stay_what_they_are() {
    let wish = Wish { enable_selinux: Some(true), systemd_cgroup: Some(true), ..Wish::default() };
    let inline =
        "version = 2\nplugins = { \"io.containerd.grpc.v1.cri\" = { enable_selinux = false } }\n";
    insta::assert_snapshot!(done(inline, &wish, Version::new(1, 7, 0)).text, @r#"
    version = 2
    plugins = { "io.containerd.grpc.v1.cri" = { enable_selinux = true , containerd = { runtimes = { runc = { runtime_type = "io.containerd.runc.v2", options = { SystemdCgroup = true } } } } } }
    "#);
    let keys =
        "version = 2\nplugins.\"io.containerd.grpc.v1.cri\".enable_selinux = false\n[grpc]\n";
    insta::assert_snapshot!(done(keys, &wish, Version::new(1, 7, 0)).text, @r#"
    version = 2
    plugins."io.containerd.grpc.v1.cri".enable_selinux = true
    plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.runtime_type = "io.containerd.runc.v2"
    plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options.SystemdCgroup = true
    [grpc]
    "#);
}

#[test]
fn a_schema_that_the_program_does_not_know_is_told() {
    let done = done("version = 3\n", &Wish::default(), Version::new(1, 7, 0));
    assert_eq!(done.notes, [Note::TooNew { schema: Schema::V3 }]);
    assert_eq!(
        apply(Some("version = 9\n"), &all(), Version::new(2, 0, 0)),
        Err(TextError::Schema(9))
    );
    assert!(matches!(
        apply(Some("version = \n"), &all(), Version::new(2, 0, 0)),
        Err(TextError::Toml(_))
    ));
    assert_eq!(
        apply(Some("version = 2\nplugins = 1\n"), &all(), Version::new(2, 0, 0))
            .unwrap_err()
            .to_string(),
        "`plugins` is integer, expected a table"
    );
}

#[test]
fn the_program_tells_its_version() {
    let cases = [
        (
            "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3",
            Some((1, 6, 20)),
            Schema::V2,
        ),
        (
            "containerd containerd.io 1.7.22 7f7fdf5fed64eb6a7caf99b3e12efcf9d60e311c",
            Some((1, 7, 22)),
            Schema::V2,
        ),
        (
            "containerd github.com/containerd/containerd/v2 v2.0.0-rc.1 x",
            Some((2, 0, 0)),
            Schema::V3,
        ),
        ("containerd github.com/containerd/containerd/v2 v2.2.1 x", Some((2, 2, 1)), Schema::V3),
        ("containerd github.com/containerd/containerd/v2 v2.3.0 x", Some((2, 3, 0)), Schema::V4),
        ("containerd github.com/containerd/containerd/v2 v3.0.0 x", Some((3, 0, 0)), Schema::V4),
        ("bash: containerd: command not found", None, Schema::V2),
    ];
    for (said, version, schema) in cases {
        let read = Version::of_program(said);
        assert_eq!(
            read,
            version.map(|(major, minor, patch)| Version::new(major, minor, patch)),
            "{said}"
        );
        assert!(read.is_none_or(|read| read.schema() == schema), "{said}");
    }
}

#[test]
fn what_a_real_containerd_reads_is_what_we_wrote() {
    let said = Command::new("containerd").arg("--version").output();
    let Ok(said) = said else {
        println!("skipped: containerd is not installed here");
        return;
    };
    let version = Version::of_program(&String::from_utf8_lossy(&said.stdout)).unwrap();
    let default = Command::new("containerd").args(["config", "default"]).output().unwrap();
    let default = String::from_utf8(default.stdout).unwrap();
    let docker = "disabled_plugins = [\"cri\"]\n".to_owned();
    let first = "[plugins.cri]\n  enable_tls_streaming = true\n".to_owned();
    let befores = if version.major == 1 {
        vec![default, docker, first, String::new()]
    } else {
        vec![default, docker, String::new()]
    };
    for before in befores {
        let written = done(&before, &all(), version);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, &written.text).unwrap();
        let dump = Command::new("containerd")
            .arg("-c")
            .arg(&file)
            .args(["config", "dump"])
            .output()
            .unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        let dump = String::from_utf8(dump.stdout).unwrap();
        let dumped = parse(&dump).unwrap();
        let schema = schema_of(&dumped).unwrap().unwrap();
        for (path, value) in settings(&all(), schema, &dumped) {
            let there = look(&dumped, &path)
                .and_then(Item::as_value)
                .map(|value| value.to_string().trim().to_owned());
            assert_eq!(
                there,
                Some(value.to_string().trim().to_owned()),
                "{} in {dump}",
                dotted(&path)
            );
        }
        let kind = ["plugins", tables(schema).0, "containerd", "runtimes", "runc", "runtime_type"];
        assert_eq!(look(&dumped, &kind).and_then(Item::as_str), Some(RUNC));
        let disabled =
            dumped.get("disabled_plugins").and_then(Item::as_array).map_or(0, Array::len);
        assert_eq!(disabled, 0);
    }
}

proptest! {
    #[test]
    fn every_line_that_is_not_meant_stays(
        lines in prop::collection::vec("(# [a-z ]{0,8}|\\[[abc]\\]|[xyz] = [0-9]|[xyz] = \"[a-z]\"|)", 0..8), version in 2..=4_i64,
    ) {
        let before = format!("version = {version}\n{}\n", lines.join("\n"));
        let Ok(once) = apply(Some(&before), &all(), Version::new(2, 3, 0)) else { return Ok(()) };
        let twice = apply(Some(&once.text), &all(), Version::new(2, 3, 0)).unwrap();
        prop_assert_eq!(&twice.text, &once.text);
        let mut rest = once.text.lines();
        for line in before.lines() {
            prop_assert!(rest.any(|there| there == line), "{line} is lost in {}", once.text);
        }
    }
}
