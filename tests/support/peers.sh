#!/bin/sh
# Brings the programs that the tests use beside evbagent: lldpad, lldpd, tshark, tcpdump, ip and bridge.
#
# Those that are not installed are unpacked from their Debian packages into .peers/root, without being installed: no
# maintainer script runs, no service starts, nothing is written to /etc. tests/support/peers.py finds and runs them.
# Where that is not possible (not root, not Debian, no network), one line says so and the tests that need them skip;
# under EVBAGENT_NO_SKIP=1 that is an error.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
work=.peers/work

give_up() {
    echo "peers: $1; the tests that need them will skip, or fail under EVBAGENT_NO_SKIP=1" >&2
    rm -rf .peers/root "$work"
    [ "${EVBAGENT_NO_SKIP:-}" != 1 ]
    exit
}

programs= packages=
for pair in lldpad:lldpad lldptool:lldpad lldpd:lldpd lldpcli:lldpd tshark:tshark tcpdump:tcpdump \
    ip:iproute2 bridge:iproute2; do
    command -v "${pair%:*}" >/dev/null && continue
    programs="${programs:+$programs, }${pair%:*}"
    case " $packages " in *" ${pair#*:} "*) ;; *) packages="${packages:+$packages }${pair#*:}" ;; esac
done

rm -rf .peers/root .peers/stamp "$work"
mkdir -p "$work/cache/archives/partial" "$work/root"

if [ -n "$packages" ]; then
    { command -v apt-get && command -v dpkg; } >/dev/null || give_up "not Debian, and $programs not installed"
    [ "$(id -u)" -eq 0 ] || give_up "not root, and $programs not installed (sudo apt-get install $packages)"

    # A cache of its own: exactly these packages and their missing dependencies end up in it. The root user fetches,
    # as apt's own user may be unable to reach this directory.
    download() {
        # shellcheck disable=SC2086  # one word for each package
        apt-get -qq -o Dir::Cache="$PWD/$work/cache" -o APT::Sandbox::User=root \
            install -y --download-only --no-upgrade --no-install-recommends $packages >"$work/log" 2>&1
    }
    echo "peers: unpacking $packages into .peers (once)"
    download || { apt-get -qq update >"$work/log" 2>&1 && download; } ||
        give_up "apt-get could not fetch $programs ($(tail -n 1 "$work/log"))"
    for package in "$work"/cache/archives/*.deb; do
        dpkg -x "$package" "$work/root" || give_up "$package does not unpack"
    done
fi

mv "$work/root" .peers/root
"${PYTHON:-python3}" -m tests.support.peers || give_up "not every unpacked program runs"
rm -rf "$work"
touch .peers/stamp
