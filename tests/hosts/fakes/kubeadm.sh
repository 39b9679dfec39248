# Plays kubeadm: writes the files that kubeadm writes, and starts nothing but the kubelet.
version=@VERSION@
kubernetes=/etc/kubernetes
arguments=$*
config=$(option config "$@")
document=
if [ "$config" = - ] || [ "$config" = /dev/stdin ]; then
    record_input
    document=$input
elif [ -n "$config" ]; then
    [ -f "$config" ] || {
        echo "open $config: no such file or directory" >&2
        exit 1
    }
    document=$(cat "$config")
    sed 's/^/< /' "$config" >>/var/log/fake/kubeadm.log
fi
# The first field of this name, wherever it stands.
field() { printf '%s\n' "$document" | sed -n "s/^[[:space:]-]*$1:[[:space:]]*\"\{0,1\}\([^\"#]*[^\"# ]\)\"\{0,1\}[[:space:]]*$/\1/p" | head -n 1; }
fail() {
    echo "error execution phase $1: $2" >&2
    echo "To see the stack trace of this error execute with --v=5 or higher" >&2
    exit 1
}
address() {
    found=$(field advertiseAddress)
    [ -n "$found" ] || found=$(ip -4 -o addr show dev eth0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p')
    echo "$found"
}
kubeconfig() { # file user server
    cat >"$kubernetes/$1" <<YAML
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: $(base64 -w 0 "$kubernetes/pki/ca.crt")
    server: $3
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: $2
  name: $2@kubernetes
current-context: $2@kubernetes
kind: Config
preferences: {}
users:
- name: $2
  user:
    client-certificate-data: $(base64 -w 0 "$kubernetes/pki/ca.crt")
    client-key-data: $(printf 'no key' | base64)
YAML
    chmod 600 "$kubernetes/$1"
}
ca_hash() {
    openssl x509 -pubkey -noout -in "$kubernetes/pki/ca.crt" | openssl pkey -pubin -outform der | sha256sum | cut -d ' ' -f 1
}
kubelet_files() {
    mkdir -p /var/lib/kubelet
    printf 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: systemd\n' >/var/lib/kubelet/config.yaml
    printf 'KUBELET_KUBEADM_ARGS=""\n' >/var/lib/kubelet/kubeadm-flags.env
    if [ -d /run/systemd/system ]; then systemctl restart kubelet; fi
}
manifests() {
    mkdir -p "$kubernetes/manifests" /var/lib/etcd
    chmod 700 /var/lib/etcd
    for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
        printf 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: %s\n  namespace: kube-system\nspec:\n  containers: []\n' "$name" \
            >"$kubernetes/manifests/$name.yaml"
        chmod 600 "$kubernetes/manifests/$name.yaml"
    done
}
no_files() {
    for name in "$@"; do
        [ ! -e "$kubernetes/$name" ] || fail preflight "[preflight] Some fatal errors occurred:
	[ERROR FileAvailable-$(echo "$name" | tr / -)]: $kubernetes/$name already exists"
    done
}
random() { # characters
    head -c 4096 /dev/urandom | tr -dc a-z0-9 | cut -c "1-$1"
}
join_command() {
    server=$(sed -n 's/^    server: https:..//p' "$kubernetes/admin.conf")
    echo "kubeadm join $server --token $1 --discovery-token-ca-cert-hash sha256:$(ca_hash) "
}
new_token() { # wanted
    token=$1
    [ -n "$token" ] || token=$(random 6).$(random 16)
    mkdir -p /var/lib/fake
    echo "$token" >>/var/lib/fake/tokens
    echo "$token"
}
init() {
    no_files manifests/kube-apiserver.yaml admin.conf
    mkdir -p "$kubernetes/pki/etcd"
    if [ ! -f "$kubernetes/pki/ca.crt" ]; then
        openssl req -x509 -new -newkey rsa:2048 -nodes -subj /CN=kubernetes -days 3650 -keyout "$kubernetes/pki/ca.key" \
            -out "$kubernetes/pki/ca.crt" 2>/dev/null
        chmod 600 "$kubernetes/pki/ca.key"
    fi
    endpoint=$(field controlPlaneEndpoint)
    [ -n "$endpoint" ] || endpoint=$(option control-plane-endpoint "$@")
    [ -n "$endpoint" ] || endpoint=$(address)
    case $endpoint in *:*) ;; *) endpoint=$endpoint:6443 ;; esac
    for user in admin super-admin controller-manager scheduler kubelet; do
        kubeconfig "$user.conf" "kubernetes-$user" "https://$endpoint"
    done
    manifests
    kubelet_files
    token=$(field token)
    token=$(new_token "$token")
    printf '\nYour Kubernetes control-plane has initialized successfully!\n\n'
    printf 'Then you can join any number of worker nodes by running the following on each as root:\n\n'
    join_command "$token"
}
join() {
    no_files kubelet.conf pki/ca.crt
    endpoint=$(field apiServerEndpoint)
    [ -n "$endpoint" ] || endpoint=${2:-}
    [ -n "$endpoint" ] || fail preflight "discovery.bootstrapToken.apiServerEndpoint: Invalid value: \"\""
    token=$(field token)
    [ -n "$token" ] || token=$(option token "$@")
    [ -n "$token" ] || fail preflight "discovery.bootstrapToken.token: Invalid value: \"\""
    mkdir -p "$kubernetes/pki" "$kubernetes/manifests"
    openssl req -x509 -new -newkey rsa:2048 -nodes -subj /CN=kubernetes -days 3650 -keyout /dev/null \
        -out "$kubernetes/pki/ca.crt" 2>/dev/null
    kubeconfig kubelet.conf kubernetes-kubelet "https://$endpoint"
    if flag --control-plane "$@" || printf '%s\n' "$document" | grep -q '^controlPlane:'; then
        kubeconfig admin.conf kubernetes-admin "https://$endpoint"
        manifests
    fi
    kubelet_files
    printf 'This node has joined the cluster:\n'
}
case "${1:-} ${2:-}" in
"version "*)
    case $(option output "$@")$(printf '%s' "$arguments" | sed -n 's/.*-o[ =]*\([a-z]*\).*/\1/p') in
    *short*) echo "v$version" ;;
    *json*) printf '{"clientVersion":{"gitVersion":"v%s"}}\n' "$version" ;;
    *) printf 'kubeadm version: &version.Info{GitVersion:"v%s"}\n' "$version" ;;
    esac
    ;;
"config validate")
    printf '%s\n' "$document" | grep -q '^apiVersion: kubeadm.k8s.io/v1beta4$' || fail config "no kind and version known in the document"
    echo ok
    ;;
"config migrate" | "config print") printf '%s\n' "$document" ;;
"config images")
    for image in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do echo "registry.k8s.io/$image:v$version"; done
    echo registry.k8s.io/pause:3.10.1
    ;;
"init phase")
    case $arguments in
    *upload-certs*) printf '[upload-certs] Using certificate key:\n%s\n' "$(random 64 | tr g-z 0)" ;;
    esac
    ;;
"init "*) init "$@" ;;
"join "*) join "$@" ;;
"token create")
    [ -f "$kubernetes/admin.conf" ] || fail token "failed to load admin kubeconfig: open $kubernetes/admin.conf: no such file or directory"
    wanted=
    case ${3:-} in [a-z0-9]*.*) wanted=$3 ;; esac
    token=$(new_token "$wanted")
    if flag --print-join-command "$@"; then join_command "$token"; else echo "$token"; fi
    ;;
"token list")
    echo "TOKEN                     TTL         EXPIRES                USAGES"
    while read -r token; do echo "$token   23h         2030-01-01T00:00:00Z   authentication,signing"; done </var/lib/fake/tokens
    ;;
"token delete") sed -i "/^${3%%.*}/d" /var/lib/fake/tokens ;;
"certs certificate-key") random 64 | tr g-z 0 ;;
"reset "*)
    if [ -d /run/systemd/system ]; then systemctl stop kubelet || true; fi
    rm -rf "$kubernetes"/*.conf "$kubernetes/manifests" "$kubernetes/pki" /var/lib/etcd /var/lib/kubelet/config.yaml \
        /var/lib/kubelet/kubeadm-flags.env
    mkdir -p "$kubernetes/manifests" "$kubernetes/pki"
    echo "The reset process does not perform cleanup of CNI plugin configuration, network filtering rules and kubeconfig files."
    ;;
"upgrade "*) echo "[upgrade] SUCCESS" ;;
*)
    echo "the fake kubeadm does not know: kubeadm $arguments" >&2
    exit 1
    ;;
esac
