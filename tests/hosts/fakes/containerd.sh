# Plays containerd: it runs, and tells its version and configuration.
default_configuration() {
    case @VERSION@ in
    1.*)
        cat <<'TOML'
disabled_plugins = []
root = "/var/lib/containerd"
state = "/run/containerd"
version = 2

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins]

  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.8"

    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/opt/cni/bin"
      conf_dir = "/etc/cni/net.d"

    [plugins."io.containerd.grpc.v1.cri".containerd]

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]

        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"

          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
            SystemdCgroup = false
TOML
        ;;
    *)
        cat <<'TOML'
version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
disabled_plugins = []

[grpc]
  address = '/run/containerd/containerd.sock'

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10'

  [plugins.'io.containerd.cri.v1.runtime']
    [plugins.'io.containerd.cri.v1.runtime'.containerd]
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes]
        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
          runtime_type = 'io.containerd.runc.v2'
          [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
            SystemdCgroup = false
    [plugins.'io.containerd.cri.v1.runtime'.cni]
      bin_dirs = ['/opt/cni/bin']
      conf_dir = '/etc/cni/net.d'
TOML
        ;;
    esac
}
case "${1:-} ${2:-}" in
"--version "* | "-v "*)
    case @VERSION@ in
    1.*) echo "containerd github.com/containerd/containerd v@VERSION@ 0000000000000000000000000000000000000000" ;;
    *) echo "containerd github.com/containerd/containerd/v2 v@VERSION@ 0000000000000000000000000000000000000000" ;;
    esac
    ;;
"config default") default_configuration ;;
# What is in the file, else the defaults: the real one merges them.
"config dump") cat /etc/containerd/config.toml 2>/dev/null || default_configuration ;;
" ")
    mkdir -p /run/containerd /var/lib/containerd
    exec sleep infinity
    ;;
*)
    echo "the fake containerd does not know: containerd $*" >&2
    exit 1
    ;;
esac
