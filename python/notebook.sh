#!/usr/bin/env bash
# Runs the notebook on a sample that it makes, and renders it to HTML:
#
#     python/notebook.sh BIN OUT
#
# OUT gets the notebook with its outputs, and the page. With CI set, it fails if the texts differ
# from those of the notebook in the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "$1") name=try_a_gap
mkdir -p "$2"
out=$(realpath "$2")
binary=$(realpath "${COHORT_BINARY:-target/release/cohort}")
"$bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall \
    target/wheels/cohort_events-*.whl
rm -rf "$out/sample"
"$binary" sample "$out/sample" --days 3 >/dev/null
export COHORT_SAMPLE=$out/sample JUPYTER_PLATFORM_DIRS=1 MPLCONFIGDIR=$out/matplotlib
# From a folder without the sources, so that the wheel is what is imported.
cp "python/notebooks/$name.ipynb" "$out"
"$bin/jupyter" nbconvert --log-level WARN --to notebook --execute --inplace "$out/$name.ipynb"
"$bin/jupyter" nbconvert --log-level WARN --to html "$out/$name.ipynb"
"$bin/python" python/notebooks/texts.py "python/notebooks/$name.ipynb" "$out/$name.ipynb"
