#!/bin/sh
# Builds the image from a binary compiled on this host, without pulling anything, and runs it once as it is meant to be run.
#
#   docker/build.sh [IMAGE]          IMAGE is cohort:<version> unless given; it is tagged cohort:latest as well
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
image=${1:-cohort:$version}
target=$(rustc -vV | sed -n 's/^host: //p')
context=target/image

# The same flags as in docker/Dockerfile, where they are explained. A folder of its own: they fit no other build.
CARGO_PROFILE_RELEASE_PANIC=abort CARGO_TARGET_DIR=target/image-build \
    RUSTFLAGS="-C target-feature=+crt-static -C force-unwind-tables=no -C link-arg=-Wl,--icf=all" \
    cargo rustc --release --locked --bin cohort --target "$target" -- -C link-arg=-Wl,-z,pack-relative-relocs
rm -rf "$context"
mkdir -p "$context/root/etc/ssl/certs"
cp LICENSE "$context/LICENSE"
strip -o "$context/root/cohort" "target/image-build/$target/release/cohort"

roots=${SSL_CERT_FILE:-}
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -z "$roots" ] && [ -r "$file" ]; then roots=$file; fi
done
if [ -z "$roots" ]; then
    echo "no certificate roots found: set SSL_CERT_FILE to a PEM file" >&2
    exit 1
fi
cp "$roots" "$context/root/etc/ssl/certs/ca-certificates.crt"

docker build --quiet --target host -f docker/Dockerfile --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
    -t "$image" -t cohort:latest "$context"

# Read-only, without privileges, without a network: whatever a run needs beyond this, it must be given.
docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m --network none "$image" --version
bytes=$(docker image inspect --format '{{.Size}}' "$image")
echo "$image: $((bytes / 1000000)) MB"
if [ "$bytes" -gt 30000000 ]; then
    echo "$image: expected at most 30 MB" >&2
    exit 1
fi
