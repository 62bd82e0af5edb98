#!/bin/sh
# Reads the two logs with every reader that the README names, in the environment of the given
# Python. Spark needs Java 17 or later; in CI, it is installed if it is missing.
#
#   tests/readers/run.sh PYTHON [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/../.."
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift

tests/java.sh
COHORT_BINARY=$(realpath "${COHORT_BINARY:-${CARGO_TARGET_DIR:-target}/release/cohort}")
COHORT_WEED=$(tests/seaweed.sh)
export COHORT_BINARY COHORT_WEED
# A reader that loses the time zone shows it where local time is not UTC.
export TZ=America/New_York
cd tests/readers
exec "$python" -m pytest -q "$@"
