#!/bin/sh
# Usage: prepare.sh SUITE. Reads /build/host/mirror and /build/host/apt.conf; either may be empty.
set -eu
suite=$1
mirror=$(cat /build/host/mirror)

# An image that was pulled names its own mirror; where the host has another, that is the one that can be reached.
if [ -n "$mirror" ] && ! grep -rqsF "$mirror" /etc/apt/sources.list /etc/apt/sources.list.d; then
    rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
    signed=""
    for key in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
        if [ -f "$key" ]; then signed="[signed-by=$key] "; fi
    done
    echo "deb ${signed}${mirror} ${suite} main" >/etc/apt/sources.list
fi

rm -f /etc/apt/apt.conf.d/99mmdebstrap
cp /build/host/apt.conf /etc/apt/apt.conf.d/90build-host

cat >/etc/dpkg/dpkg.cfg.d/small-image <<'EXCLUDED'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
EXCLUDED

groupadd --gid 64000 landbridge
useradd --uid 64000 --gid 64000 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin landbridge
