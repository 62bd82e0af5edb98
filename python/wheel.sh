#!/usr/bin/env bash
# Builds the wheel for Linux on this machine's processor, glibc 2.28 or later, Python 3.11 or later:
#
#     python/wheel.sh BIN OUT
#
# BIN holds maturin and zig, the wheel goes to OUT. Neither the wheel nor its list of crates holds a
# path of this machine or a time, so that every build of one commit is the same to the byte.
set -euo pipefail
bin=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")"
root=$(realpath ..)
export PATH="$bin:$PATH" CARGO_TARGET_DIR="$root/target/python"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
flags=(--remap-path-prefix="$root"=/cohort)
for sources in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
    flags+=(--remap-path-prefix="${sources%/}"=/crates)
done
export CARGO_ENCODED_RUSTFLAGS
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f'; printf %s "${flags[*]}")
sbom=$CARGO_TARGET_DIR/cohort-events.cdx.json
mkdir -p "$CARGO_TARGET_DIR"
"$bin/python" sbom.py > "$sbom"
rm -f "$out"/cohort_events-*.whl
maturin build --release --locked --config wheel.toml --zig --compatibility manylinux_2_28 \
    --sbom-include "$sbom" --out "$out"
