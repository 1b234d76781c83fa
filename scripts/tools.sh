#!/usr/bin/env bash
# Installs the tools that the checks need and the machine lacks.
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }

missing=()
have cc || missing+=(gcc libc6-dev)
have c++ || missing+=(g++)
have python3 || missing+=(python3 python3-venv)
# What the founding documents are typed into.
have curl || missing+=(curl)
have jq || missing+=(jq)
have ss || missing+=(iproute2)
# For the gates of bench/indicators.sh.
have taskset || missing+=(util-linux)
have h2load || missing+=(nghttp2-client)
have strace || missing+=(strace)
have valgrind || missing+=(valgrind)
have go || missing+=(golang-go)
# Looks at the admin page, see crates/sluicegate/tests/gateway/operator.rs.
have chromium || missing+=(chromium fonts-dejavu-core)
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

# Renders charts/sluicegate, see crates/sluicegate/tests/kubernetes/chart.rs.
if [ ! -x .tools/bin/helm ]; then
    CGO_ENABLED=0 GOBIN="$PWD/.tools/bin" \
        go install -trimpath -ldflags "-s -w" helm.sh/helm/v3/cmd/helm@v3.19.0
fi

# Checks deploy/monitoring, see crates/sluicegate/tests/guide/monitoring.rs. Unpacked, not installed: a
# service would come with it.
if [ ! -x .tools/bin/promtool ]; then
    unpacked="$(mktemp -d)"
    (cd "$unpacked" && apt-get update -qq && apt-get download -qq prometheus && dpkg -x prometheus_*.deb .)
    install -m 755 "$unpacked/usr/bin/promtool" .tools/bin/promtool
    rm -r "$unpacked"
fi
