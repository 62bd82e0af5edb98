#!/bin/sh
# Looks at the page of `cohort page` with headless Chromium, driven by the given Python. In CI,
# Chromium is installed if it is missing.
#
#   tests/page/run.sh PYTHON [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/../.."
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift

browser() {
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name"; then return; fi
    done
}
CHROMIUM=${CHROMIUM:-$(browser)}
if [ -z "$CHROMIUM" ] && [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ]; then
    { apt-get update && apt-get install --yes --no-install-recommends chromium; } >/dev/null
    CHROMIUM=$(browser)
fi
if [ -z "$CHROMIUM" ]; then
    echo "expected Chromium, found none: install it, or set CHROMIUM to its path" >&2
    exit 1
fi
COHORT_BINARY=$(realpath "${COHORT_BINARY:-${CARGO_TARGET_DIR:-target}/release/cohort}")
export CHROMIUM COHORT_BINARY
# A page that takes a local time for UTC shows it where local time is another.
export TZ=America/New_York
if [ "${1:-}" = --shoot ]; then
    shift
    exec "$python" tests/page/shoot.py "$@"
fi
cd tests/page
exec "$python" -m pytest -q "$@"
