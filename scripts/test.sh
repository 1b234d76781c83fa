#!/usr/bin/env bash
# Every check that must hold, on a machine with a C compiler, Python 3 and Rust by rustup; whatever
# else is needed is installed below .tools/.
set -euo pipefail
cd "$(dirname "$0")/.."
export RUSTFLAGS="${RUSTFLAGS:-} -D warnings" CARGO_TERM_COLOR=never
# Saves a third of the disk; a run builds everything once.
export CARGO_INCREMENTAL=0

step() { printf '\n== %s\n' "$*"; }

step tools
scripts/tools.sh
SLUICEGATE_ENVOY="$(scripts/envoy.sh)"
SLUICEGATE_KUBERNETES="$(scripts/kubernetes.sh)"
export SLUICEGATE_ENVOY SLUICEGATE_KUBERNETES PATH="$PWD/.tools/bin:$PATH"

step format
cargo fmt --all --check

step laws and generated files
cargo xtask layout
cargo xtask rows >/dev/null
cargo xtask descriptors --check

step clippy
cargo clippy --workspace --all-targets --locked
cargo clippy -p sluicegate-dataplane --features bench,fuzzing --all-targets --locked

step dependencies
cargo deny --log-level error check licenses bans sources

step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

step fuzz targets, "${FUZZ_RUNS:-300000}" inputs each
fuzz/run.sh "${FUZZ_RUNS:-300000}"

step tests
cargo test --workspace --locked

step peer: the same tests with a real Envoy
cargo xtask peer

step instruction, system call and allocation gates
cargo build --profile bench-release --locked -p sluicegate
bench/indicators.sh
