#!/bin/sh
# Runs the job on one lake as pyarrow, DuckDB, Polars, fastparquet, pandas and Spark write it, in
# the environment of the given Python. Spark needs Java 17 or later.
#
#   tests/writers/run.sh PYTHON [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/../.."
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
COHORT_BINARY=$(realpath "${COHORT_BINARY:-${CARGO_TARGET_DIR:-target}/release/cohort}")
export COHORT_BINARY
cd tests/writers
exec "$python" -m pytest -q "$@"
