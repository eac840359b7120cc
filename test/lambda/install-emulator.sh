#!/usr/bin/env bash
# Installs what the Lambda tests run a packaged function in, into a cache folder: Lambda's Runtime Interface Emulator and
# Client and the Node 22 that the client wants. Takes minutes: the client is compiled here.
set -euo pipefail

cache="${VENEER_LAMBDA_EMULATOR:-${XDG_CACHE_HOME:-$HOME/.cache}/veneer/lambda-1}"
mkdir -p "$cache"
export npm_config_fund=false npm_config_audit=false npm_config_update_notifier=false

if [ ! -x "$cache/aws-lambda-rie" ]; then
  building=$(mktemp -d "$cache/.rie-XXXXXX")
  GOBIN="$building" go install github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@v0.0.0-20261030222936-bef5c4ba774d
  # Moved into place when whole, since another run may look for it meanwhile.
  mv "$building/aws-lambda-rie" "$cache/" && rmdir "$building"
fi

if [ ! -f "$cache/runtime/installed" ]; then
  mkdir -p "$cache/runtime"
  cd "$cache/runtime"
  [ -f package.json ] || echo '{"private":true}' >package.json
  case $(uname -m) in aarch64 | arm64) arch=arm64 ;; *) arch=x64 ;; esac
  npm install --silent "node-linux-$arch@22"
  export PATH="$cache/runtime/node_modules/node-linux-$arch/bin:$PATH"
  npm install --silent aws-lambda-ric@4
  ln -sfn "node_modules/node-linux-$arch/bin/node" node
  touch installed
fi

echo "$cache"
