#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# System calls, user-space instructions and allocations per request, against the project's gates. Unlike
# times, they are the same on a busy machine. `bench/load/setup.sh` installs what it needs.
#
# In: `--sluicegate PATH`, `--report-only PROTOCOL`, `-o json`. Out: a table; exit code 1 when a gate is
# missed.
exec python3 "$(dirname "$0")/load/indicators.py" "$@"
