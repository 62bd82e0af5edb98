#!/usr/bin/env bash
# Tests the wheel in two environments: BARE has no Arrow library but Polars, FULL has several.
#
#     python/test.sh BARE FULL [pytest's options]
set -euo pipefail
cd "$(dirname "$0")/.."
bare=$1 full=$2
shift 2
for bin in "$bare" "$full"; do
    "$bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall \
        target/wheels/cohort_events-*.whl
done
COHORT_BINARY=$(realpath "${COHORT_BINARY:-target/release/cohort}")
export COHORT_BINARY COHORT_WHEELS=$PWD/target/wheels COHORT_HISTORIES=$PWD/target/histories
# From a folder without the sources, so that the wheel is what is imported.
bare=$(realpath "$bare") full=$(realpath "$full") tests=$(realpath python/tests)
cd target/wheels
"$bare/python" -m pytest -q "$tests/test_alone.py" "$@"
"$full/python" -m pytest -q "$tests" --ignore "$tests/spark" "$@"
"$full/python" -m pytest -q --doctest-modules --pyargs cohort_events --ignore-glob '*spark*'
"$full/python" -m mypy.stubtest cohort_events._core
