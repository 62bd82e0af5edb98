#!/usr/bin/env bash
# Builds the wheel of the last commit a second time, in another folder and from nothing, and
# compares it with the one in OUT byte by byte:
#
#     python/same-wheel.sh BIN OUT
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "$1") out=$(realpath "$2")
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "expected a work tree without changes: the second build is of the last commit" >&2
    exit 1
fi
again=$(mktemp --directory)
trap 'rm -rf "$again"' EXIT
git clone --quiet . "$again/elsewhere"
"$again/elsewhere/python/wheel.sh" "$bin" "$again/wheels"
for wheel in "$again"/wheels/*.whl; do
    cmp "$wheel" "$out/$(basename "$wheel")"
    sha256sum "$wheel"
done
