#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Puts a binary that needs no library at target/static/sluicegate, for the Containerfile: with the
# names of functions for backtraces, without the rest of what only debuggers read.
#
# In: musl's C compiler (Debian: musl-tools), and Rust by rustup. Arguments go to `cargo build`;
# without any it is the release. Out: one line, a path.
set -eu
cd "$(dirname "$0")/.."
[ "$#" -gt 0 ] || set -- --release
target=x86_64-unknown-linux-musl
profile=debug
for argument in "$@"; do
    [ "$argument" = --release ] && profile=release
done
rustup target add "$target" >/dev/null 2>&1
cargo build --locked --target "$target" -p sluicegate "$@" >&2
mkdir -p target/static
strip --strip-debug -o target/static/sluicegate "target/$target/$profile/sluicegate"
echo target/static/sluicegate
