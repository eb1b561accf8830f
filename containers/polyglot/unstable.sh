#!/bin/sh
# Usage: unstable.sh PACKAGE... Installs Debian packages that only sid carries, from the mirror of the image's own suite.
set -eu
[ $# -gt 0 ] || exit 0
apt-get -qq update
mirror=$(apt-get indextargets --format '$(CREATED_BY) $(COMPONENT) $(REPO_URI)' |
    sed -n -e '/-security/d' -e 's/^Packages main //p' | head -n 1)
if [ -z "$mirror" ]; then
    echo "the image names no Debian mirror from which sid could be read" >&2
    exit 1
fi
signed=""
for key in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
    if [ -f "$key" ]; then signed="[signed-by=$key] "; fi
done

# Behind everything else: what the suite itself carries never comes from sid.
printf 'Package: *\nPin: release n=sid\nPin-Priority: 100\n' >/etc/apt/preferences.d/unstable
echo "deb ${signed}${mirror} sid main" >/etc/apt/sources.list.d/unstable.list
sh /build/install.sh "$@"
rm /etc/apt/preferences.d/unstable /etc/apt/sources.list.d/unstable.list
