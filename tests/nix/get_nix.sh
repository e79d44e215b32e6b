#!/usr/bin/env bash
# nix from Debian's packages, unpacked into a folder of its own: no root, nothing installed, no daemon.
# usage: bash tests/nix/get_nix.sh FOLDER [SUITE]      (x86_64 and aarch64 Debian or Ubuntu; 80 MB)
set -euo pipefail
folder=$1 suite=${2:-trixie}
mkdir -p "$folder" && folder=$(cd "$folder" && pwd)
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial} "$folder/root" && : > "$work/status"

# The machine's own mirror and keyring, another suite's list.
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2> /dev/null | grep -m1 '/debian$' || true)
[ -n "$mirror" ] || mirror=$(sed -n 's/^URIs: *//p;s/^deb  *\(\[[^]]*\] \)\?\(http[^ ]*\).*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null | head -1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$work/sources.list"
apt=(apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$work" -o Dir::State::status="$work/status"
  -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Debug::NoLocking=1)
"${apt[@]}" update
"${apt[@]}" -y --download-only --no-install-recommends install nix-bin
for package in "$work"/cache/archives/*.deb; do
  case ${package##*/} in perl* | libperl* | debconf* | passwd* | login* | libpam-* | base-passwd* | curl_* | bzip2_* | xz-utils*) continue ;; esac
  dpkg-deb -x "$package" "$folder/root"
done

# nix with its own libc, so that the machine's may be older.
loader=$(find "$folder/root" -name 'ld-linux-*.so.*' -type f | head -1)
libraries=$(find "$folder/root" \( -name libc.so.6 -o -name 'libnixexpr.so*' -o -name libcurl-gnutls.so.4 -o -name 'libsodium.so.*' \) -printf '%h\n' | sort -u | paste -sd:)
for name in nix nix-instantiate; do
  printf '#!/bin/sh\nexec %q --library-path %q --argv0 %s %q "$@"\n' "$loader" "$libraries" "$name" "$folder/root/usr/bin/nix" > "$work/$name"
  chmod +x "$work/$name" && mv "$work/$name" "$folder/$name" # last: a folder that has it is whole
done
"$folder/nix" --version
