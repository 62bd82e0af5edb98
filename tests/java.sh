#!/bin/sh
# Installs the Java that Spark needs, version 17 or later, if it is missing and this is CI. If that
# fails, Spark's own tests say what is missing.
set -eu
if [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ] && ! command -v java >/dev/null; then
    { apt-get update && apt-get install --yes --no-install-recommends default-jre-headless; } \
        >/dev/null || true
fi
