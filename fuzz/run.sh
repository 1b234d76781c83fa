#!/bin/sh
# Runs every fuzz target on so many inputs, as many targets at once as there are cores:
#   fuzz/run.sh [inputs-per-target [target...]]
#
# Inputs follow from FUZZ_SEED, 1 by default, and from nothing else, so that a commit is right or wrong by
# itself, on a fast machine and on a slow one; FUZZ_SEED=0 explores, other inputs each time.
#
# Needs a stable Rust compiler and a C++ compiler (libFuzzer is C++), neither cargo-fuzz nor
# nightly: the coverage flags below are those of cargo-fuzz. There is no sanitizer, since the code
# under test has no `unsafe`; panics, overflows, hangs and memory growth are found.
set -eu
cd "$(dirname "$0")"
runs=${1:-300000}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- chunks documents durations http2_frames proxy_header quantities request_head response_head

# With an explicit target the flags do not reach build scripts and macros.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="${RUSTFLAGS:-} --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
export RUSTFLAGS
"${CARGO:-cargo}" build --release --target "$host" --target-dir target

# As many at a time as there are cores; what one says comes in one piece.
one='
    name=$3 outcome=
    # What is found anew goes to target/, so that the committed corpus changes only on purpose; exploring
    # goes on from there.
    [ "${FUZZ_SEED:-1}" = 0 ] || rm -rf "target/corpus/$name"
    mkdir -p "target/corpus/$name" "artifacts/$name"
    said=$("target/$1/release/$name" -runs="$2" -timeout=60 -rss_limit_mb=1024 \
        -max_len=4096 -print_final_stats=0 -verbosity=0 -seed="${FUZZ_SEED:-1}" -artifact_prefix="artifacts/$name/" \
        "target/corpus/$name" "corpus/$name" 2>&1) && said="" || outcome="$said
FAILED"
    echo "== $name, $2 inputs: ${outcome:-nothing found}"
    [ -z "${outcome:-}" ]
'
printf '%s\n' "$@" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -n 1 sh -c "$one" sh "$host" "$runs"
echo "nothing found in $# targets"
