#!/bin/sh
# Builds the image from a binary compiled on this host, without pulling anything, and runs it once
# as it is meant to be run. Needs Rust, Python and Docker. The same binary, certificate roots and
# commit give the same digest, whenever and wherever it is built.
#
#   docker/build.sh [IMAGE]     IMAGE is cohort:<version> unless given; cohort:latest is tagged too
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# Every file and every step in the image has the time of the commit.
seconds=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
image=${1:-cohort:$version}
context=target/image

make --silent dist
rm -rf "$context"
mkdir -p "$context/root/etc/ssl/certs"
cp LICENSE "$context/LICENSE"
cp target/dist/cohort "$context/root/cohort"

roots=${SSL_CERT_FILE:-}
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem
do
    if [ -z "$roots" ] && [ -r "$file" ]; then roots=$file; fi
done
if [ -z "$roots" ]; then
    echo "expected certificate roots in /etc/ssl or /etc/pki, found none:" \
        "set SSL_CERT_FILE to a PEM file" >&2
    exit 1
fi
cp "$roots" "$context/root/etc/ssl/certs/ca-certificates.crt"
python3 docker/sbom.py "$context/root/sbom.cdx.json" "$roots"

docker build --quiet --target host -f docker/Dockerfile --build-arg "VERSION=$version" \
    --build-arg "REVISION=$revision" -t cohort-as-built "$context"
docker save cohort-as-built >"$context/as-built.tar"
python3 docker/reproducible.py "$seconds" "$image" cohort:latest <"$context/as-built.tar" |
    docker load --quiet
docker image rm cohort-as-built >/dev/null
rm "$context/as-built.tar"

# Read-only, without privileges and without a network: what a run needs beyond this, it is given.
docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m \
    --network none "$image" --version
bytes=$(docker image inspect --format '{{.Size}}' "$image")
echo "$image: $((bytes / 1000000)) MB, $(docker image inspect --format '{{.Id}}' "$image")"
if [ "$bytes" -gt 40000000 ]; then
    echo "$image: expected at most 40 MB, found $bytes bytes" >&2
    exit 1
fi
