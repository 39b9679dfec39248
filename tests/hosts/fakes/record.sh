#!/bin/sh
# The first part of each fake program: it writes down how it was called, and fails where it is told to.
set -eu
fake=${0##*/}
mkdir -p /var/log/fake
{
    printf '%s' "$fake"
    for argument; do printf ' %s' "$argument"; done
    printf '\n'
} >>"/var/log/fake/$fake.log"
# What is handed over on standard input is written down, too, and kept for who wants to read it.
record_input() {
    input=$(cat)
    printf '%s\n' "$input" | sed 's/^/< /' >>"/var/log/fake/$fake.log"
}
# A test makes /var/lib/fake/fail-PROGRAM-SUBCOMMAND: what stands there is said, and the program fails.
if [ -f "/var/lib/fake/fail-$fake-${1:-}" ]; then
    cat "/var/lib/fake/fail-$fake-$1" >&2
    exit 1
fi
# The value of an option, as --name value or --name=value.
option() { # name arguments...
    wanted=$1
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        "--$wanted")
            printf '%s\n' "${2:-}"
            return
            ;;
        "--$wanted="*)
            printf '%s\n' "${1#*=}"
            return
            ;;
        esac
        shift
    done
}
flag() { # name arguments...
    wanted=$1
    shift
    for argument; do
        case $argument in "$wanted" | "$wanted=true") return 0 ;; esac
    done
    return 1
}
