#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""User-space instructions of the inner steps of a request, counted by callgrind.

In: the benchmark `hot_path` of the data plane, which this builds; valgrind. Out: a table, one line per
step: the difference between a long and a short run, so that starting up cancels out. The numbers do not
depend on how busy the machine is.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHORT, LONG = 1_000, 11_000


def main() -> int:
    binary = build()
    steps = subprocess.run([binary, "--steps"], capture_output=True, text=True, check=True).stdout.split()
    wanted = [step for step in steps if not sys.argv[1:] or any(name in step for name in sys.argv[1:])]
    for step in wanted:
        short, long = (instructions(binary, step, count) for count in (SHORT, LONG))
        print(f"{step:<32}{(long - short) / (LONG - SHORT):>10,.0f} instructions", flush=True)
    return 0


def build() -> str:
    """Builds the benchmark; its path."""
    command = ["cargo", "bench", "--package", "sluicegate-dataplane", "--features", "bench", "--bench", "hot_path",
               "--no-run", "--message-format", "json", "--profile", os.environ.get("PROFILE", "bench-release")]
    messages = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    built = (json.loads(line) for line in messages.splitlines())
    return next(message["executable"] for message in built
                if message.get("executable") and message["target"]["name"] == "hot_path")


def instructions(binary: str, step: str, count: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/profile", binary]
        run = subprocess.run(command, env=os.environ | {"REPEAT": f"{step}:{count}"}, capture_output=True, text=True,
                             check=True)
    found = re.search(r"Collected : (\d+)", run.stderr)
    if not found:
        raise SystemExit(f"callgrind printed no total for {step}")
    return int(found[1])


if __name__ == "__main__":
    sys.exit(main())
