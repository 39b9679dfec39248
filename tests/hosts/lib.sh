#!/usr/bin/env bash
# What the scripts of this folder share. Sourced, never run.
# shellcheck shell=bash disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=tests/hosts/${0##*/}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

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

usage() {
    printf 'usage: %s %s\n' "$program" "$*" >&2
    exit 2
}

caches=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/windlass
# The root folders are for all; hosts, and what connects them, are of one such folder.
roots=$caches/hosts/roots
hosts=$(realpath -m -- "${WINDLASS_HOSTS_DIR:-$caches/hosts/run}")
# What may clash with the hosts of another folder is named after the folder.
id=$(printf '%s' "$hosts" | sha256sum | cut -c 1-8)
# Where hosts reach what `serve` serves. Only the ground's network namespace has this address.
ground_address=10.99.0.1

needs_root() {
    [ "$(uname -s)" = Linux ] || cannot "it needs Linux"
    [ "$(id -u)" -eq 0 ] || cannot "it needs root"
}

# --- processes ------------------------------------------------------------------------------------------------------------

# Where the machine's processes are: elsewhere in namespaces that have a /proc of their own.
processes=/proc

# When a process started, in ticks since this machine did: with its id, this names it for good. Fails where there is none,
# and for one that has ended and only waits to be noticed.
start_time() { # pid
    local stat fields
    stat=$(cat "$processes/$1/stat" 2>/dev/null) || return 1
    # The second field is the name in parentheses and may contain anything.
    read -r -a fields <<<"${stat##*) }"
    [ "${fields[0]}" != Z ] || return 1
    printf '%s\n' "${fields[19]}"
}

this_boot() { cat /proc/sys/kernel/random/boot_id; }

# Writes down which process this is: its id as the machine numbers it, its start, the boot of the machine. For a first process
# of a namespace that still has the machine's /proc. Read by bash itself: a program would read about itself.
write_own_process() { # file
    local stat fields
    read -r stat </proc/self/stat
    read -r -a fields <<<"${stat##*) }"
    printf '%s %s %s\n' "${stat%% *}" "${fields[19]}" "$(this_boot)" >"$1.new"
    mv "$1.new" "$1"
}

# The process that such a file names. Fails where it runs no more.
process_of() { # file
    local pid start boot
    read -r pid start boot 2>/dev/null <"$1" || return 1
    [ "$boot" = "$(this_boot)" ] && [ "$(start_time "$pid")" = "$start" ] || return 1
    printf '%s\n' "$pid"
}

# Ends such a process. Those that this is called for are first ones of process namespaces: the kernel ends all others with them.
end_process_of() { # file
    local pid deadline=$((SECONDS + 30))
    if pid=$(process_of "$1"); then
        kill -KILL "$pid" 2>/dev/null || true
        while process_of "$1" >/dev/null; do
            ((SECONDS < deadline)) || fail "waited 30 s for process $pid and what it started to end"
            sleep 0.02
        done
    fi
    rm -f "$1"
}

# Repeats a command until it succeeds.
wait_for() { # seconds what command...
    local seconds=$1 what=$2 deadline=$((SECONDS + $1))
    shift 2
    until "$@"; do
        ((SECONDS < deadline)) || {
            say "waited $seconds s for $what"
            return 1
        }
        sleep 0.05
    done
}

# One at a time. The lock goes with file 9, which nothing that stays may inherit.
lock() { # file
    mkdir -p "$(dirname "$1")"
    exec 9>"$1"
    flock --timeout 900 9 || fail "waited 900 s for the lock $1"
}

unlock() { exec 9>&-; }

# --- control groups -------------------------------------------------------------------------------------------------------

# The hierarchies of this machine: one with version 2, several with version 1.
hierarchies() {
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        echo /sys/fs/cgroup
    else
        local folder
        for folder in /sys/fs/cgroup/*/; do
            # Some are links to others.
            if [ ! -L "${folder%/}" ] && [ -f "${folder}cgroup.procs" ]; then echo "${folder%/}"; fi
        done
    fi
}

# Moves this process to a group, which is made.
enter_control_group() { # hierarchy name
    mkdir -p "$1/$2"
    if [ -f "$1/$2/cpuset.cpus" ] && [ -f "$1/cpuset.cpus" ]; then
        # With version 1 nothing is in a group before it has both.
        cat "$1/cpuset.cpus" >"$1/$2/cpuset.cpus"
        cat "$1/cpuset.mems" >"$1/$2/cpuset.mems"
    fi
    # 0: whoever writes.
    echo 0 >"$1/$2/cgroup.procs"
}

remove_control_groups() { # name
    local folder deadline=$((SECONDS + 30))
    while read -r folder; do
        while [ -d "$folder/$1" ]; do
            find "$folder/$1" -depth -type d -exec rmdir {} + 2>/dev/null && break
            ((SECONDS < deadline)) || fail "waited 30 s for $folder/$1 to become empty"
            sleep 0.02
        done
    done < <(hierarchies)
}

# --- the ground: a network namespace with a bridge, that all hosts are connected to -----------------------------------------

ground() { process_of "$hosts/ground"; }

start_ground() {
    local pid
    if ground >/dev/null; then return; fi
    mkdir -p "$hosts"
    # It outlives us, and has none of our files.
    setsid unshare --net --mount --pid --fork bash "$here/ground" "$hosts" </dev/null >"$hosts/ground.log" 2>&1 9>&- &
    wait_for 20 "the ground" ground >/dev/null || fail "see $hosts/ground.log"
    pid=$(ground)
    wait_for 20 "the bridge" nsenter --target "$pid" --net ip link show up dev hosts >/dev/null 2>&1 || fail "see $hosts/ground.log"
}

on_ground() { # program arguments...
    local pid
    pid=$(ground) || fail "no host runs: tests/hosts/up starts one"
    nsenter --target "$pid" --net -- "$@"
}

# The hardware address of the host with a number. Always the same: others may still know it of an earlier host with this address.
link_address() { printf '02:00:0a:63:00:%02x\n' "$1"; } # number

# --- hosts ----------------------------------------------------------------------------------------------------------------

checked_name() { # name
    [[ $1 =~ ^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$ ]] || usage "NAME ...: a name has 1 to 40 of a-z, 0-9 and -, and starts with a letter, not $1"
}

# The first process inside of a host, as the machine numbers it.
leader() { # name
    process_of "$hosts/hosts/$1/process" >/dev/null && process_of "$hosts/hosts/$1/leader"
}

# Runs a program in a host's namespaces, with all rights of this process: not for what is tested. `run` is.
in_namespaces() { # name program arguments...
    local pid
    pid=$(leader "$1") || fail "host $1 does not run"
    shift
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        "$(command -v nsenter)" --target "$pid" --mount --uts --ipc --net --pid --cgroup --root --wd -- "$@"
}

# Runs a program in a host as a service of its systemd: under the same filter of system calls and with the same capabilities as
# all else there. Standard input, output and exit code are those of the program.
# systemd would put its own variables in: `$$` is how it is told not to.
in_host() { # name program arguments...
    local name=$1
    shift
    if is_light "$name"; then
        ((${#run_options[@]} == 0)) || fail "host $name is a light one: it has no units"
        in_namespaces "$name" setpriv --bounding-set "$light_rights" "$@"
        return
    fi
    in_namespaces "$name" systemd-run --quiet --collect --wait --pipe --service-type=exec --working-directory=/root \
        --setenv=HOME=/root --setenv=LANG=C.UTF-8 --setenv=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "${run_options[@]}" -- "${@//\$/\$\$}"
}
run_options=()

# What is out of reach in a light host: swap, clock, modules, mounts.
light_rights=-sys_admin,-sys_time,-sys_module,-sys_boot,-sys_rawio,-sys_resource

# Whether a host is one without systemd.
is_light() { grep -qsx light=yes "$hosts/hosts/$1/settings"; } # name

# Whether a host has come up: 0 all of it, 1 not yet. What failed is not our concern.
has_booted() { # name
    local state
    leader "$1" >/dev/null || return 1
    if is_light "$1"; then
        # sshd writes it once it listens.
        [ -s "$hosts/hosts/$1/run/sshd.pid" ]
        return
    fi
    state=$(in_namespaces "$1" systemctl is-system-running 2>/dev/null) || true
    [ "$state" = running ] || [ "$state" = degraded ]
}

take_down() { # name
    local folder=$hosts/hosts/$1
    [ -d "$folder" ] || return 0
    end_process_of "$folder/process"
    remove_control_groups "windlass-$id-$1"
    mkdir -p "$hosts/logs"
    if [ -f "$folder/console.log" ]; then mv "$folder/console.log" "$hosts/logs/$1.log"; fi
    rm -rf --one-file-system "${folder:?}"
}

# --- packages --------------------------------------------------------------------------------------------------------------

# Where this machine has Debian's packages from, as lines of a sources.list for the suite.
debian_sources() { # suite
    local suite=$1 uri release
    while read -r uri release; do
        if [[ $uri == *security* ]]; then
            echo "deb $uri $suite-security main"
        elif [[ $release != *-* ]]; then
            echo "deb $uri $suite main"
        fi
    done < <(
        # shellcheck disable=SC2016 # apt's own variables
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
            sed -n 's/ main$//p' | grep -E ' (bullseye|bookworm|trixie|forky)(-security)?$' | sort -u
    ) | sort -u
}
