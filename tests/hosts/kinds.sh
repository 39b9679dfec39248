#!/usr/bin/env bash
# The kinds of hosts. Sourced, never run.
# shellcheck shell=bash

kinds="debian-12 debian-13 ubuntu-22.04 ubuntu-24.04 rhel-9 rhel-10 rocky-9 rocky-10 almalinux-9 almalinux-10 centos-9 centos-10 fedora-42"

# Sets `root`, the root folder that a kind is made from, and `os_release`, what it says it is. Empty: the truth.
read_kind() { # kind
    local version=${1##*-}
    os_release=
    case $1 in
    debian-12 | debian-13) root=$1 ;;
    ubuntu-22.04 | ubuntu-24.04)
        local codename=jammy
        [ "$version" = 22.04 ] || codename=noble
        root=ubuntu
        os_release="PRETTY_NAME=\"Ubuntu $version LTS\"
NAME=\"Ubuntu\"
VERSION_ID=\"$version\"
VERSION=\"$version LTS\"
VERSION_CODENAME=$codename
ID=ubuntu
ID_LIKE=debian
UBUNTU_CODENAME=$codename"
        ;;
    rhel-9 | rhel-10) el_release "Red Hat Enterprise Linux" rhel "fedora" "$version" "$version.0" ;;
    rocky-9 | rocky-10) el_release "Rocky Linux" rocky "rhel centos fedora" "$version" "$version.0" ;;
    almalinux-9 | almalinux-10) el_release "AlmaLinux" almalinux "rhel centos fedora" "$version" "$version.0" ;;
    centos-9 | centos-10) el_release "CentOS Stream" centos "rhel fedora" "$version" "$version" ;;
    # Nobody supports this one.
    fedora-42) el_release "Fedora Linux" fedora "" "$version" "$version" ;;
    *) usage "NAME KIND, where KIND is one of: $kinds" ;;
    esac
}

el_release() { # name id like major version
    root=el
    os_release="NAME=\"$1\"
VERSION=\"$5\"
ID=\"$2\"
ID_LIKE=\"$3\"
VERSION_ID=\"$5\"
PLATFORM_ID=\"platform:el$4\"
PRETTY_NAME=\"$1 $5\""
}

# What makes a fresh root folder a host of this kind. Into the upper folder of its overlay.
write_kind() { # kind upper-folder
    local version=${1##*-} release
    release=$(uname -r)
    mkdir -p "$2/etc"
    tr -d - </proc/sys/kernel/random/uuid >"$2/etc/machine-id"
    chmod 444 "$2/etc/machine-id"
    if [ -n "$os_release" ]; then
        mkdir -p "$2/usr/lib"
        printf '%s\n' "$os_release" >"$2/usr/lib/os-release"
    fi
    if [ "$root" = el ]; then
        mkdir -p "$2/etc/dnf/vars"
        printf '%s\n' "${version%%.*}" >"$2/etc/dnf/vars/releasever"
    fi
    # Where the kernel comes without a folder of modules, this says what is built in, as a distribution's kernel does.
    if [ ! -d "/lib/modules/$release" ]; then
        mkdir -p "$2/usr/lib/modules/$release"
        built_in >"$2/usr/lib/modules/$release/modules.builtin"
        : >"$2/usr/lib/modules/$release/modules.order"
    fi
}

# The modules that this kernel has built in, of those that nodes need. What the kernel shows counts, not its configuration.
built_in() {
    local path sign
    while read -r path sign; do
        case $sign in
        /*) [ ! -e "$sign" ] || echo "$path" ;;
        *) ! grep -qw "$sign" /proc/filesystems || echo "$path" ;;
        esac
    done <<'TEXT'
kernel/fs/overlayfs/overlay.ko overlay
kernel/fs/nfs/nfs.ko nfs
kernel/fs/nfsd/nfsd.ko nfsd
kernel/net/bridge/br_netfilter.ko /proc/sys/net/bridge/bridge-nf-call-iptables
kernel/net/netfilter/nf_conntrack.ko /proc/sys/net/netfilter/nf_conntrack_max
kernel/net/netfilter/nf_tables.ko /proc/net/netfilter
kernel/net/netfilter/ipvs/ip_vs.ko /proc/net/ip_vs
kernel/net/ipv4/netfilter/ip_tables.ko /proc/net/ip_tables_names
TEXT
}

# What makes a host one that can run pods, too: see --node in `host`. The control groups are its own, and still cannot be written
# until somebody says so.
write_node() { # folder-of-the-host
    local units=$1/upper/usr/lib/systemd/system
    mkdir -p "$1"/var/{containerd,kubelet,etcd} "$units/sysinit.target.wants"
    cat >"$units/windlass-node.service" <<'UNIT'
[Unit]
Description=Control groups that can be written, for pods
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -ec 'for each in /sys/fs/cgroup /sys/fs/cgroup/*; do if mountpoint -q "$each" && [ ! -L "$each" ] && [ -f "$each/cgroup.procs" ]; then mount -o remount,bind,rw "$each"; fi; done'
[Install]
WantedBy=sysinit.target
UNIT
    ln -s ../windlass-node.service "$units/sysinit.target.wants/windlass-node.service"
}
