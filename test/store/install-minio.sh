#!/usr/bin/env bash
# Builds MinIO, by whose S3 the store is tested a second time, into the cache folder. Takes minutes; only tests ever start it,
# as a process of its own (AGPL).
set -euo pipefail

bin="${XDG_CACHE_HOME:-$HOME/.cache}/veneer/bin"
target="$bin/minio-20260212"
mkdir -p "$bin"
if [ ! -x "$target" ]; then
  building=$(mktemp -d "$bin/.minio-XXXXXX")
  trap 'rm -rf "$building"' EXIT
  GOBIN="$building" go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
  # Moved into place when whole, since another run may look for it meanwhile.
  mv "$building/minio" "$target"
fi
echo "$target"
