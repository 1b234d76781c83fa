#!/usr/bin/env bash
# Installs the tools that the checks need and the machine lacks.
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }

missing=()
have cc || missing+=(gcc libc6-dev)
have c++ || missing+=(g++)
have python3 || missing+=(python3 python3-venv)
have ss || missing+=(iproute2)
# For the gates of bench/indicators.sh.
have taskset || missing+=(util-linux)
have h2load || missing+=(nghttp2-client)
have strace || missing+=(strace)
have valgrind || missing+=(valgrind)
have go || missing+=(golang-go)
if [ "${#missing[@]}" -gt 0 ]; then
    apt-get update -qq && apt-get install -qq -y "${missing[@]}"
fi

have cargo || { echo "cargo is missing: install Rust with rustup" >&2; exit 3; }
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

if [ ! -x .tools/bin/cargo-deny ]; then
    RUSTFLAGS="" cargo install --quiet --locked --root .tools cargo-deny@0.20.2
fi

# Conformance checkers, see crates/dataplane/tests/dataplane/conformance.rs.
if [ ! -x .tools/bin/h2spec ]; then
    GOBIN="$PWD/.tools/bin" go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible
fi
if [ ! -x .tools/redbot/bin/redbot ]; then
    python3 -m venv .tools/redbot
    .tools/redbot/bin/python -m pip install --quiet --disable-pip-version-check redbot==2.7.1
fi
