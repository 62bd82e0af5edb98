#!/bin/sh
# Tests with the real orchestrators: installs the pinned Airflow and Dagster into virtual
# environments under target/, builds the binary that ships and the two images, and runs everything.
# Needs Docker, Compose, Rust and Python 3.11; pulls no image.
#
#   tests/orchestrators/run.sh [PYTEST ARGUMENTS]
#   COHORT_IMAGE=IMAGE                   test this image instead of building one
set -eu
cd "$(dirname "$0")/../.."

environment() { # NAME REQUIREMENTS
    wanted=$(cat "$2" tests/orchestrators/requirements.txt)
    if [ "$wanted" != "$(cat "target/$1/installed.txt" 2>/dev/null)" ]; then
        python3 -m venv "target/$1"
        "target/$1/bin/pip" install --quiet --disable-pip-version-check \
            -r "$2" -r tests/orchestrators/requirements.txt
        echo "$wanted" >"target/$1/installed.txt"
    fi
}
environment airflow-venv dags/airflow/requirements.txt
environment dagster-venv dags/dagster/requirements.txt

docker image inspect seaweedfs:4.48 >/dev/null 2>&1 || docker/seaweedfs/build.sh
make --silent dist
export COHORT_BINARY="$PWD/target/dist/cohort"
if [ -z "${COHORT_IMAGE:-}" ]; then docker/build.sh; fi

cd tests/orchestrators
../../target/airflow-venv/bin/python -m pytest -q \
    test_airflow_parts.py test_airflow.py test_kubernetes.py "$@"
../../target/dagster-venv/bin/python -m pytest -q test_printed.py test_image.py test_compose.py \
    test_pipes_raw.py test_dagster_parts.py test_dagster.py "$@"
