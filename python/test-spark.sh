#!/usr/bin/env bash
# Tests the wheel on a Spark cluster that the tests start and stop on loopback. Spark needs Java 17
# or later; in CI, it is installed if it is missing:
#
#     python/test-spark.sh BIN [pytest's options]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "$1")
shift
tests/java.sh
"$bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall \
    target/wheels/cohort_events-*.whl
COHORT_BINARY=$(realpath "${COHORT_BINARY:-target/release/cohort}")
export COHORT_BINARY COHORT_WHEELS=$PWD/target/wheels
tests=$(realpath python/tests/spark)
cd target/wheels
PYTHONPATH=$tests "$bin/python" -m pytest -q -p spark_cluster "$tests" "$@"
