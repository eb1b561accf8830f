#!/bin/sh
# Prepares a Debian machine for Landbridge: packages from apt, and a Docker engine that answers.
# Usage: engine.sh [--r] [--tests]
#   --r        also R and what the R client and its tests need on this machine
#   --tests    also Chromium, ggplot2, and what else the tests look at pages and processes with
# What is there already is left alone, and nothing is said about it.
set -eu

START_SECONDS=60
LOG=/var/log/landbridge-dockerd.log
R_PACKAGES="r-base-core r-cran-jsonlite r-cran-curl r-cran-cli r-cran-rlang r-cran-reticulate r-cran-testthat \
r-cran-data.table r-cran-tibble r-cran-codetools r-cran-lintr r-cran-bit64 r-cran-hms r-cran-wk"

say() { echo "$*" >&2; }

give_up() {
    say "$1"
    say "$2"
    exit 1
}

need_root() { # $1: what for
    [ "$(id -u)" -eq 0 ] || has_command sudo || give_up "$1 needs root." "Run this script as root, or install sudo."
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Daemons live in folders that are not on every user's path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

has_command() { command -v "$1" >/dev/null 2>&1; }
has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
# An engine that hangs must not make this script hang.
ask_engine() { timeout 20 docker info; }
engine_answers() { has_command docker && ask_engine >/dev/null 2>&1; }

refuse_if_forbidden() {
    if has_command docker && ask_engine 2>&1 | grep -qi 'permission denied'; then
        give_up "The Docker engine runs, but $(id -un) may not use it." \
            "Run \`sudo usermod -aG docker $(id -un)\`, then sign in again."
    fi
}

missing=""
want_command() { has_command "$1" || missing="$missing $2"; }
want_packages() {
    for package in "$@"; do
        has_package "$package" || missing="$missing $package"
    done
}

collect_missing() {
    if ! engine_answers; then
        want_command dockerd docker.io
        want_command iptables iptables
    fi
    want_command mmdebstrap mmdebstrap
    # Without root, mmdebstrap works in a user namespace.
    [ "$(id -u)" -eq 0 ] || want_command newuidmap uidmap
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
    for option in "$@"; do
        case $option in
            --r) want_packages $R_PACKAGES ;;
            --tests)
                want_packages r-cran-ggplot2
                want_command chromium chromium
                want_command pgrep procps
                want_command strace strace
                want_command ss iproute2
                ;;
            *) give_up "engine.sh does not know \`$option\`." "It knows --r and --tests." ;;
        esac
    done
}

install_missing() {
    [ -n "$missing" ] || return 0
    has_command apt-get || give_up "This is not a Debian machine, and these are missing:$missing" \
        "Install Docker Engine 20.10 or newer and Python 3.11 or newer with venv by your system's own means."
    need_root "Installing$missing"
    say "installing:$missing"
    as_root apt-get -qq update || give_up "apt-get cannot read its package lists." \
        "Check the network and /etc/apt/sources.list, then run this again."
    # Newer releases of Debian have the command line client in a package of its own.
    case $missing in
        *docker.io*) if apt-cache show docker-cli >/dev/null 2>&1; then missing="$missing docker-cli"; fi ;;
    esac
    # Starting the engine is the next step's work: a package's own start fails where there is no service manager.
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o Dpkg::Use-Pty=0 install --yes --no-install-recommends $missing >&2 ||
        give_up "apt-get could not install:$missing" "Its messages stand above; mend that, then run this again."
}

wait_for_engine() { # $1: the process to watch, or empty
    waited=0
    while ! as_root timeout 20 docker info >/dev/null 2>&1; do
        [ "$waited" -lt "$START_SECONDS" ] || return 1
        [ -z "$1" ] || as_root kill -0 "$1" 2>/dev/null || return 1
        sleep 1
        waited=$((waited + 1))
    done
}

start_by_service() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl enable --now docker >&2 || return 1
    elif [ -d /run/openrc ] && has_command rc-service; then
        as_root rc-service docker start >&2 || return 1
    else
        return 1
    fi
    wait_for_engine ""
}

start_by_hand() { # arguments: dockerd's own
    as_root sh -c "echo \"\$(date -u) dockerd $*\" >>$LOG"
    pid=$(as_root sh -c "setsid dockerd $* >>$LOG 2>&1 </dev/null & echo \$!")
    wait_for_engine "$pid" && return 0
    as_root kill "$pid" 2>/dev/null || true
    return 1
}

start_engine() {
    if engine_answers; then return 0; fi
    refuse_if_forbidden
    has_command dockerd || give_up "There is no Docker engine here." "Install Docker Engine 20.10 or newer."
    need_root "Starting the Docker engine"
    say "starting the Docker engine"
    if start_by_service; then return 0; fi
    if grep -qs storage-driver /etc/docker/daemon.json; then
        start_by_hand && return 0
    else
        start_by_hand --storage-driver overlay2 && return 0
        say "no engine with overlay2; trying vfs, which is slower and takes more disk"
        start_by_hand --storage-driver vfs && return 0
    fi
    as_root grep -v level=info "$LOG" | tail -n 8 >&2 || true
    give_up "The Docker engine did not start (it gets $START_SECONDS seconds)." \
        "Its last lines stand above, all of them in $LOG. In a container of your own it needs --privileged."
}

collect_missing "$@"
install_missing
start_engine
refuse_if_forbidden
