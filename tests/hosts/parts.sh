#!/usr/bin/env bash
# How `kubernetes` makes the parts of nodes: programs, images, packages. Sourced, never run.
# shellcheck shell=bash disable=SC2154

components=$here/components
# What Debian has of what a node needs. The host's apt cannot reach Debian: these go into the repository, too.
debian=(containerd runc conntrack ethtool socat ebtables iptables iproute2 mount util-linux haproxy)
# What a pod of a test may need, besides what kubeadm wants.
busybox_image=docker.io/local/busybox:1

# The version of what a module needs.
required() { # module dependency
    sed -n "s|^\(require\)\{0,1\}[[:space:]]*$2 v\([0-9.]*\).*|\2|p" "$components/$1/go.mod"
}
etcd=$(required etcd go.etcd.io/etcd/server/v3)
coredns=$(required coredns github.com/coredns/coredns)
current=$caches/kubeadm-v$(required kubernetes k8s.io/kubernetes)

# Which Kubernetes all functions below are about: sets the `modules` that its programs are of, its `version` and `minor`, and the
# `folder` for its parts.
use() { # current|former
    case $1 in
    current) modules=(kubernetes etcd coredns pause) ;;
    former) modules=(former) ;;
    esac
    version=$(required "${modules[0]}" k8s.io/kubernetes)
    minor=${version%.*}
    folder=$caches/kubeadm-v$version
}

binaries_key() {
    (cd "$components" && find "${modules[@]}" -name 'go.*' -o -name '*.go' | LC_ALL=C sort | xargs cat | sha256sum | cut -d ' ' -f 1)
}
key() {
    { binaries_key && cat "$here"/{parts.sh,root} "$here/../cluster/components/go.mod" "$components"/*/go.mod; } | sha256sum | cut -d ' ' -f 1
}
is_made() { [ "$(cat "$folder/key" 2>/dev/null)" = "$(key)" ]; }
are_built() { [ "$(cat "$folder/bin/key" 2>/dev/null)" = "$(binaries_key)" ]; }

# Makes all, unless it is made.
make_parts() { # current|former
    local begin=$SECONDS root
    use "$1"
    lock "$folder.lock"
    if is_made; then
        unlock
        return
    fi
    command -v go >/dev/null || cannot "Go is missing"
    if [ "$1" = current ]; then
        kubernetes=$("$here/../cluster/build" 9>&-) || exit "$?"
        [ "${kubernetes##*-v}" = "$version" ] || fail "tests/cluster/components has Kubernetes ${kubernetes##*-v}, not $version"
    else
        kubernetes=$folder/bin
    fi
    root=$("$here/root" debian-12 9>&-) || exit "$?"
    root=${root#*:}
    mkdir -p "$folder"
    are_built || build "$1"
    rm -rf "$folder"/{key,work,images,debs,aliases,images.partial,debs.partial}
    mkdir "$folder"/{work,images.partial,debs.partial}
    make_kubernetes_images "$root"
    make_kubernetes_packages
    if [ "$1" = current ]; then
        download_debian "$root"
        make_other_images
        make_plugins_package
    fi
    find_aliases
    rm -rf "$folder/work"
    mv "$folder/images.partial" "$folder/images"
    mv "$folder/debs.partial" "$folder/debs"
    key >"$folder/key"
    unlock
    say "images and packages of Kubernetes $version are made after $((SECONDS - begin)) s"
}

# --- programs -----------------------------------------------------------------------------------------------------------------

build() { # current|former
    local out=$folder/bin.partial flags="-s -w" package begin=$SECONDS
    say "building ${modules[*]} for Kubernetes $version: minutes, once"
    # No other toolchain than the one that is there.
    export GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-mod=readonly
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        flags+=" -X $package.gitVersion=v$version -X $package.gitMajor=${version%%.*} -X $package.gitMinor=${minor#*.}"
    done
    rm -rf "$out"
    mkdir "$out"
    while read -r which module name package; do
        [ "$which" = "$1" ] || continue
        (cd "$components/$module" && go mod download) >&2 9>&- || cannot "the Go modules of $name cannot be downloaded"
        (cd "$components/$module" && go build -trimpath -ldflags "$flags" -o "$out/$name" "$package") >&2 9>&- || fail "$name does not build"
        # Those with versions of Kubernetes's packages of their own have no use for the flags.
        [ "$which" = former ] || flags=${flags%% -X*}
    done <<'TEXT'
current kubernetes kubeadm k8s.io/kubernetes/cmd/kubeadm
current etcd etcd go.etcd.io/etcd/server/v3
current etcd etcdctl go.etcd.io/etcd/etcdctl/v3
current etcd etcdutl go.etcd.io/etcd/etcdutl/v3
current coredns coredns ./coredns
current pause pause ./pause
former former kubeadm k8s.io/kubernetes/cmd/kubeadm
former former kubelet k8s.io/kubernetes/cmd/kubelet
former former kubectl k8s.io/kubernetes/cmd/kubectl
former former kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
former former kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager
former former kube-scheduler k8s.io/kubernetes/cmd/kube-scheduler
former former kube-proxy k8s.io/kubernetes/cmd/kube-proxy
TEXT
    binaries_key >"$out/key"
    rm -rf "${folder:?}/bin"
    mv "$out" "$folder/bin"
    say "they are built after $((SECONDS - begin)) s"
}

# --- images -------------------------------------------------------------------------------------------------------------------

# Puts a folder into an image, as the archive that `docker save` writes. Owner and time are always the same.
archive() { # folder reference entrypoint
    local work=$folder/work/archive layer config
    mkdir "$work"
    tar --create --file "$work/layer.tar" --directory "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner .
    layer=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
    printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Entrypoint":%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(dpkg --print-architecture)" "$3" "$layer" >"$work/config"
    config=$(sha256sum "$work/config" | cut -d ' ' -f 1)
    mv "$work/config" "$work/$config.json"
    printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["layer.tar"]}]\n' "$config" "$2" >"$work/manifest.json"
    tar --create --file "$folder/images.partial/$(basename "${2%:*}").tar" --directory "$work" manifest.json "$config.json" layer.tar
    rm -r "$work"
}

tree() { # the root folder of an image with these programs
    local at=$1
    shift
    mkdir -p "$at"/{etc,proc,sys,dev,usr/{bin,sbin,lib,lib64,local/bin}}
    chmod 755 "$at"
    mkdir -m 1777 "$at/tmp"
    for part in bin sbin lib lib64; do ln -s "usr/$part" "$at/$part"; done
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >"$at/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$at/etc/group"
    install -m 755 "$@" "$at/usr/local/bin/"
}

# Programs of a Debian root folder, with the libraries that they need.
add_from() { # root-folder tree path...
    local root=$1 at=$2 path library
    shift 2
    for path in "$@"; do
        mkdir -p "$at$(dirname "$path")"
        cp "$root$path" "$at$path"
        while read -r library; do
            [ -e "$at$library" ] || install -D -m 755 "$root$library" "$at$library"
        done < <(chroot "$root" ldd "$path" 2>/dev/null | grep -o '/[^ ]*')
    done
}

make_kubernetes_images() { # root folder of Debian 12
    local work=$folder/work at name extensions applet
    for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
        tree "$work/$name" "$kubernetes/$name"
    done
    at=$work/kube-proxy
    mapfile -t extensions < <(cd "$1" && find usr/lib/*/xtables -name '*.so' -printf '/%p\n')
    add_from "$1" "$at" /usr/sbin/xtables-nft-multi /usr/sbin/nft "${extensions[@]}"
    for name in iptables ip6tables; do
        for applet in "$name" "$name-save" "$name-restore"; do ln -s xtables-nft-multi "$at/usr/sbin/$applet"; done
    done
    chroot "$at" /usr/sbin/iptables --version >&2 || fail "iptables of the image for kube-proxy does not run"
    for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
        archive "$work/$name" "registry.k8s.io/$name:v$version" "[\"$name\"]"
    done
}

make_other_images() {
    local work=$folder/work applet
    tree "$work/etcd" "$folder"/bin/{etcd,etcdctl,etcdutl}
    tree "$work/coredns" "$folder/bin/coredns"
    tree "$work/pause" "$folder/bin/pause"
    dpkg-deb --extract "$folder"/debs.partial/busybox-static_*.deb "$work/busybox-static"
    tree "$work/busybox" "$work/busybox-static/bin/busybox"
    for applet in $("$work/busybox/usr/local/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -s /usr/local/bin/busybox "$work/busybox/usr/bin/$applet"
    done
    archive "$work/etcd" "registry.k8s.io/etcd:$etcd-0" '["etcd"]'
    archive "$work/coredns" "registry.k8s.io/coredns/coredns:v$coredns" '["coredns"]'
    archive "$work/pause" "$(wanted_images | grep /pause:)" '["pause"]'
    archive "$work/busybox" "$busybox_image" '["sh"]'
}

# kubeadm itself knows which ones it will ask for.
wanted_images() { "$folder/bin/kubeadm" config images list --kubernetes-version "v$version"; }

reference() { # archive
    tar --extract --to-stdout --file "$1" manifest.json | sed 's/.*"RepoTags":\["\([^"]*\)".*/\1/'
}

# What kubeadm asks for and was not made. The former one's etcd and CoreDNS are the current ones under an older tag: kubeadm goes by
# the tag, and starts them again when it upgrades them. `aliases` has what there is, and what it is asked for as.
find_aliases() {
    local image name other
    while read -r image; do
        name=$(basename "${image%:*}").tar
        if [ -f "$folder/images.partial/$name" ]; then
            other=$(reference "$folder/images.partial/$name")
        else
            other=$(reference "$current/images/$name")
            [ "$other" = "$image" ] || echo "$other $image"
            other=${other%:*}:${image##*:}
        fi
        [ "$other" = "$image" ] || fail "kubeadm $version wants $image, and $other is made: mend the versions in $components/*/go.mod"
    done < <(wanted_images) >"$folder/aliases"
}

# --- packages -----------------------------------------------------------------------------------------------------------------

# What Debian has, and what that needs besides what hosts have. With apt's own folders: the machine's may be for another release.
download_debian() { # root folder of Debian 12
    local apt=$folder/work/apt list options
    list=$(debian_sources bookworm)
    [ -n "$list" ] || cannot "this machine's apt has no sources for Debian"
    mkdir -p "$apt"/{lists/partial,cache/archives/partial}
    printf '%s\n' "$list" >"$apt/sources.list"
    options=(
        -o "Dir::State=$apt" -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$1/var/lib/dpkg/status"
        -o "Dir::Cache=$apt/cache" -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o APT::Sandbox::User=root -o Debug::NoLocking=true
    )
    { apt-get "${options[@]}" update && apt-get "${options[@]}" --yes --no-install-recommends --download-only install \
        "${debian[@]}" containernetworking-plugins busybox-static; } >"$folder/work/apt.log" 2>&1 9>&- || {
        tail -n 5 "$folder/work/apt.log" >&2
        cannot "Debian's packages cannot be downloaded"
    }
    local file name
    for file in "$apt"/cache/archives/*.deb; do
        # Without the epoch, whose colon not every server of files understands.
        name=${file##*/}
        cp "$file" "$folder/debs.partial/${name/_[0-9]%3a/_}"
    done
}

# A package from a tree.
deb() { # name version depends description
    local at=$folder/work/$1
    mkdir "$at/DEBIAN"
    cat >"$at/DEBIAN/control" <<CONTROL
Package: $1
Version: $2
Architecture: $(dpkg --print-architecture)
Maintainer: Windlass <nobody@windlass.invalid>
Depends: $3
Description: $4
CONTROL
    if [ -f "$at/usr/lib/systemd/system/$1.service" ]; then
        cat >"$at/DEBIAN/postinst" <<POSTINST
#!/bin/sh
set -e
if [ "\$1" = configure ]; then
    deb-systemd-helper enable $1.service >/dev/null
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        deb-systemd-invoke restart $1.service || true
    fi
fi
POSTINST
        cat >"$at/DEBIAN/prerm" <<PRERM
#!/bin/sh
set -e
if [ "\$1" = remove ] && [ -d /run/systemd/system ]; then deb-systemd-invoke stop $1.service || true; fi
PRERM
        chmod 755 "$at/DEBIAN/postinst" "$at/DEBIAN/prerm"
    fi
    dpkg-deb --root-owner-group -Znone --build "$at" "$folder/debs.partial/" >/dev/null
}

make_kubernetes_packages() {
    local work=$folder/work
    mkdir -p "$work"/{kubelet,kubeadm}/usr/lib/systemd/system/ "$work/kubeadm/usr/lib/systemd/system/kubelet.service.d" \
        "$work/kubelet/etc/kubernetes/manifests"
    install -D -m 755 "$kubernetes/kubelet" "$work/kubelet/usr/bin/kubelet"
    install -D -m 755 "$kubernetes/kubectl" "$work/kubectl/usr/bin/kubectl"
    install -D -m 755 "$folder/bin/kubeadm" "$work/kubeadm/usr/bin/kubeadm"
    cat >"$work/kubelet/usr/lib/systemd/system/kubelet.service" <<'UNIT'
[Unit]
Description=The agent of a Kubernetes node
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
UNIT
    # It comes back until kubeadm has written its configuration.
    sed -i '/^After=/a StartLimitIntervalSec=0' "$work/kubelet/usr/lib/systemd/system/kubelet.service"
    cat >"$work/kubeadm/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf" <<'UNIT'
# kubeadm writes the first file of the environment, whoever runs the node the second.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
UNIT
    deb kubelet "$version-1.1" "conntrack, ebtables, ethtool, iproute2, iptables, kubernetes-cni (>= 1.1), mount, socat, util-linux" \
        "the agent of a Kubernetes node"
    deb kubectl "$version-1.1" base-files "the command line client of Kubernetes"
    deb kubeadm "$version-1.1" "kubelet (>= 1.19.0), kubectl (>= 1.19.0)" "sets up Kubernetes clusters"
}

make_plugins_package() {
    local work=$folder/work plugins
    plugins=$(echo "$folder"/debs.partial/containernetworking-plugins_*.deb)
    dpkg-deb --extract "$plugins" "$work/plugins"
    mkdir -p "$work/kubernetes-cni/opt/cni/bin"
    cp "$work"/plugins/usr/lib/cni/* "$work/kubernetes-cni/opt/cni/bin/"
    deb kubernetes-cni "$(dpkg-deb --field "$plugins" Version | sed 's/[+-].*//')-1.1" libc6 "network plugins, as Debian builds them"
}
