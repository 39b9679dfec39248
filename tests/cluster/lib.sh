#!/usr/bin/env bash
# What the scripts of this folder share. Sourced, never run.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=tests/cluster/${0##*/}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# Nothing here leaves this machine, and a proxy would not find the way.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
# Whoever calls us may work with another cluster.
unset KUBECONFIG

say() { printf '%s: %s\n' "$program" "$*" >&2; }

fail() {
    say "failed: $*"
    exit 1
}

# The machine has not what this needs: callers count this as skipped, and show the line.
cannot() {
    say "cannot run here: $*"
    exit 3
}

version=$(sed -n 's|^[[:space:]]*k8s.io/kubernetes v\([0-9.]*\)$|\1|p' "$here/components/go.mod")
caches=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/windlass
binaries=$caches/kubernetes-v$version
# Empty: a whole cluster. `default` or `tuned`: a control plane with these settings, without a node, in a folder of its own.
control_plane=${WINDLASS_CONTROL_PLANE:-}
case $control_plane in
"" | default | tuned) ;;
*) fail "WINDLASS_CONTROL_PLANE=$control_plane is neither default nor tuned" ;;
esac
cluster=$(realpath -m -- "${WINDLASS_CLUSTER_DIR:-$caches/${control_plane:+control-plane-}${control_plane:-cluster}}")

# What may clash with the cluster of another folder is named after the folder.
id=$(printf '%s' "$cluster" | sha256sum | cut -c 1-8)
link=wl$id
cgroup=windlass-$id
node=windlass

# What the binaries are made from.
sources_key() { (cd "$here/components" && cat go.mod go.sum ./*/main.go | sha256sum | cut -d ' ' -f 1); }

# Whether the binaries are there, and made from these sources.
are_built() {
    [ -f "$binaries/key" ] && [ "$(cat "$binaries/key")" = "$(sources_key)" ]
}

# When a process started, in ticks since this machine did: with its id, this names it for good. Fails where there is none,
# and for one that has ended and only waits to be noticed.
start_time() { # pid
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # The second field is the name in parentheses and may contain anything.
    local fields
    read -r -a fields <<<"${stat##*) }"
    [ "${fields[0]}" != Z ] || return 1
    printf '%s\n' "${fields[19]}"
}

this_boot() { cat /proc/sys/kernel/random/boot_id; }

# The first process of the running cluster, as this machine numbers it. Fails where none runs.
first_process() {
    local pid start boot
    read -r pid start boot 2>/dev/null <"$cluster/first-process" || return 1
    [ "$boot" = "$(this_boot)" ] || return 1
    [ "$(start_time "$pid")" = "$start" ] || return 1
    printf '%s\n' "$pid"
}

# kubectl for this cluster, as its administrator.
kubectl() {
    "$binaries/kubectl" --kubeconfig "$cluster/kubeconfig" --cache-dir "$cluster/kubectl-cache" "$@"
}

# Runs a program inside the cluster's namespaces.
inside() { # program arguments...
    local pid
    pid=$(first_process) || return 1
    nsenter --target "$pid" --mount --net --pid --uts --ipc -- "$@"
}

node_is_ready() {
    local status
    status=$(kubectl get node "$node" --request-timeout=5s \
        -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) || return 1
    [ "$status" = True ]
}

api_is_ready() { kubectl get --raw /readyz --request-timeout=5s >/dev/null 2>&1; }

# What a cluster is set up from.
set_up_key() { printf '%s%s\n' "$(sources_key)" "${control_plane:+ $control_plane}"; }

# Whether the cluster runs, was set up to its end as it is wanted, and answers.
is_ready() {
    first_process >/dev/null && [ "$(cat "$cluster/set-up" 2>/dev/null)" = "$(set_up_key)" ] && api_is_ready || return 1
    [ -n "$control_plane" ] || node_is_ready
}

# One at a time. The lock goes with file 9, which nothing that stays may inherit.
lock() {
    mkdir -p "$cluster"
    chmod 700 "$cluster"
    exec 9>"$cluster/lock"
    flock --timeout 900 9 || fail "waited 900 s for another tests/cluster/up or down in $cluster"
}

# Takes away all there is of this cluster but its logs. There may be nothing.
take_down() {
    local pid deadline=$((SECONDS + 30))
    if pid=$(first_process); then
        # It is the first process of its own process namespace: the kernel ends all others with it.
        kill -KILL "$pid"
        while first_process >/dev/null; do
            ((SECONDS < deadline)) || fail "waited 30 s for process $pid and what it started to end"
            sleep 0.05
        done
    fi
    if ip link show "$link" >/dev/null 2>&1; then
        # The kernel may be about to do it by itself.
        ip link delete "$link" 2>/dev/null || true
    fi
    local folder
    for folder in "/sys/fs/cgroup/$cgroup" /sys/fs/cgroup/*/"$cgroup"; do
        while [ -d "$folder" ]; do
            find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null && break
            ((SECONDS < deadline)) || fail "waited 30 s for $folder to become empty"
            sleep 0.05
        done
    done
    rm -rf --one-file-system "${cluster:?}"/{first-process,set-up,settings,kubeconfig,kubectl,kubectl-cache,keys,conf,starts,var,tmp,bin,sys}
}

# Puts what lies in a folder into an image, as the archive that `docker save` writes. Owner and time are always the same.
archive_image() { # reference root-folder command archive
    local reference=$1 root=$2 command=$3 archive=$4 work layer config architecture
    work=$(mktemp -d)
    case $(uname -m) in
    aarch64) architecture=arm64 ;;
    *) architecture=amd64 ;;
    esac
    # Without the folder itself: it may be closed to others, and the image's root must not be.
    find "$root" -mindepth 1 -maxdepth 1 -printf '%P\0' | sort --zero-terminated |
        tar --create --file "$work/layer.tar" --directory "$root" --null --verbatim-files-from --files-from - \
            --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner
    layer=$(sha256sum "$work/layer.tar" | cut -d ' ' -f 1)
    cat >"$work/config.json" <<JSON
{"architecture":"$architecture","os":"linux","config":{"Env":["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"],"Cmd":$command,"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]}}
JSON
    config=$(sha256sum "$work/config.json" | cut -d ' ' -f 1)
    mv "$work/config.json" "$work/$config.json"
    printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["layer.tar"]}]\n' "$config" "$reference" >"$work/manifest.json"
    tar --create --file "$archive" --directory "$work" manifest.json "$config.json" layer.tar
    rm -rf "$work"
}

# Gives the cluster's node an image from such an archive.
import_image() { # archive
    local snapshotter
    snapshotter=$(sed -n 's/^snapshotter=//p' "$cluster/settings")
    inside ctr --namespace k8s.io images import --snapshotter "$snapshotter" - <"$1" >/dev/null
}

# A root folder with busybox and a link for everything that it can be.
busybox_root() ( # folder
    local busybox applet
    umask 022
    busybox=$(command -v busybox)
    mkdir -p "$1"/{bin,etc,root,proc,sys,dev,usr/local/bin}
    mkdir -m 1777 "$1/tmp"
    cp "$busybox" "$1/bin/busybox"
    for applet in $("$busybox" --list); do
        # It lists itself, too.
        [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
    done
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'nobody:x:65534:65534:nobody:/tmp:/bin/sh' >"$1/etc/passwd"
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$1/etc/group"
)
