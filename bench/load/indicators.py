#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deterministic indicators: what a request costs Sluicegate, in numbers that do not depend on the machine's mood.

In: the command line; strace, valgrind and h2load. Out: system calls, user-space instructions and
allocations per request, each the difference between a long and a short run, so that starting up and
opening connections cancel out; and what an idle connection takes of memory. Exit code 0 when all gates are met, 1 when one is missed (those of a
protocol named by `--report-only` do not count), 3 when a program is missing.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from contenders import Setup, sluicegate
from generators import h2load
from machine import LOAD_CPU, PROXY_CPU, Failed, Process, allow_many_files, free_ports
from measure import Refused
from measure import measure as measure_rounds
from report import IDLE_BAR_BYTES
from tools import Missing, Tools, find, program
from workloads import WORKLOADS, Workload


@dataclass(frozen=True)
class Protocol:
    """What the client speaks, and the gates of the design for it."""

    name: str
    workload: Workload
    flags: tuple[str, ...]  # of h2load
    traced: tuple[str, ...]  # the same under strace: many connections, as when saturated
    most_calls: float
    most_instructions: int
    most_allocations: float | None


@dataclass(frozen=True)
class Row:
    """One indicator."""

    protocol: str
    indicator: str
    value: float
    most: float | None

    def met(self) -> bool:
        # A handful of allocations per run, by a timer that fired once more, is not one per request.
        return self.most is None or round(self.value, 2) <= self.most


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sluicegate", metavar="PATH", help="the binary, as for bench/load/run.py")
    parser.add_argument("--report-only", action="append", default=[], metavar="PROTOCOL",
                        choices=[protocol.name for protocol in PROTOCOLS],
                        help="a missed gate of this protocol is shown and has no other consequence")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="bench-native-") as built:
        try:
            tools = find(arguments.sluicegate, {"sluicegate"}, {"h2"}, Path(built))
            strace, valgrind = program("strace"), program("valgrind")
        except Missing as missing:
            print(missing, file=sys.stderr)
            return 3
        rows = [row for protocol in PROTOCOLS for row in measure(protocol, tools, strace, valgrind)]
        rows.append(idle(tools))
    if arguments.output == "json":
        print(json.dumps([vars(row) | {"met": row.met()} for row in rows], indent=1))
    else:
        versions = tools.versions()
        print(f"sluicegate {versions['sluicegate']}, repository at {versions['repository']}\n")
        for row in rows:
            gate = "" if row.most is None else f"at most {row.most:>9,.1f}  {'met' if row.met() else 'MISSED'}"
            print(f"{row.protocol:<8}{row.indicator:<28}{row.value:>12,.2f}  {gate}".rstrip())
    gated = {protocol.name for protocol in PROTOCOLS} - set(arguments.report_only)
    spoken = gated <= {row.protocol for row in rows}
    return 0 if spoken and all(row.met() for row in rows if row.protocol in gated) else 1


def measure(protocol: Protocol, tools: Tools, strace: str, valgrind: str) -> list[Row]:
    """All indicators of a protocol; none, and a line on standard error, when it is not spoken."""
    try:
        calls = per_request(lambda count: system_calls(protocol, tools, strace, count), TRACED_REQUESTS)
    except NotSpoken:
        print(f"SKIPPED {protocol.name}: not one answer", file=sys.stderr)
        return []
    work = per_request(lambda count: instructions(protocol, tools, valgrind, count), SIMULATED_REQUESTS)
    return [
        *(Row(protocol.name, "system calls", value, protocol.most_calls) for key, value in calls.items()
          if key == "total"),
        *(Row(protocol.name, f"  of them {key}", value, None) for key, value in
          sorted(calls.items(), key=lambda item: -item[1]) if key != "total" and value >= 0.05),
        Row(protocol.name, "user-space instructions", work["instructions"], protocol.most_instructions),
        Row(protocol.name, "allocations", work["allocations"], protocol.most_allocations),
    ]


def idle(tools: Tools) -> Row:
    """Memory of a connection that has had its first answer."""
    [samples] = measure_rounds(IDLE, ["sluicegate"], tools, 1, 0, lambda _: None).rounds
    return Row(GET_PROTOCOL, "bytes of an idle connection", samples["sluicegate"].bytes_per_connection, IDLE_BAR_BYTES)


def per_request(count_events: Callable[[int], dict[str, float]], requests: tuple[int, int]) -> dict[str, float]:
    """The difference between a long and a short run, per request."""
    short, long = (count_events(count) for count in requests)
    return {key: (long[key] - short.get(key, 0)) / (requests[1] - requests[0]) for key in long}


def system_calls(protocol: Protocol, tools: Tools, strace: str, requests: int) -> dict[str, float]:
    """Counts by `strace -c`, which is attached when the server is up."""
    with ExitStack() as stack:
        folder, port, server = serve(protocol, tools, stack, [])
        counts = folder / "strace"
        tracer = Process("strace", [strace, "-c", "-f", "-o", str(counts), "-p", str(server.child.pid)], LOAD_CPU,
                         folder / "strace.log")
        stack.callback(tracer.stop)
        wait_until(lambda: " attached" in tracer.output())
        load(protocol, tools, port, requests, protocol.traced)
        tracer.child.send_signal(signal.SIGINT)
        tracer.child.wait(timeout=10)
        # % time, seconds, usecs/call, calls, errors (maybe empty), name
        rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", counts.read_text(), re.MULTILINE)
        found = {name: float(calls) for calls, name in rows}
        # The last row has the total, in newer versions with the time of a call.
        found["total"] = sum(calls for name, calls in found.items() if name != "total")
        return found


def instructions(protocol: Protocol, tools: Tools, valgrind: str, requests: int) -> dict[str, float]:
    """Instructions and calls of allocation functions by callgrind, over the whole life of the process."""
    with ExitStack() as stack:
        profile = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-callgrind-"))) / "profile"
        wrapper = [valgrind, "--tool=callgrind", f"--callgrind-out-file={profile}"]
        _, port, server = serve(protocol, tools, stack, wrapper)
        load(protocol, tools, port, requests, protocol.flags)
        server.stop()
        return profile_counts(profile.read_text(errors="replace"))


def profile_counts(profile: str) -> dict[str, float]:
    """Sums up a profile: `totals:`, and `calls=` lines that follow a `cfn=` of an allocation function."""
    names: dict[str, str] = {}
    allocations, callee = 0, ""
    for line in profile.splitlines():
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.partition("=")[2].partition(" ")
            if name:
                names[number] = name
            if line.startswith("cfn="):
                callee = names[number]
        elif line.startswith("calls=") and ALLOCATION.fullmatch(callee.partition("'")[0]):
            allocations += int(line[6:].split()[0])
    total = re.search(r"^(?:totals|summary): (\d+)", profile, re.MULTILINE)
    if not total:
        raise Failed("callgrind wrote no totals")
    return {"instructions": float(total[1]), "allocations": float(allocations)}


def serve(protocol: Protocol, tools: Tools, stack: ExitStack, wrapper: list[str]) -> tuple[Path, int, Process]:
    """Starts an origin and Sluicegate, the latter as an argument of `wrapper`."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-indicators-")))
    (folder / "config").mkdir()
    port, origin_port, admin_port = free_ports(3)
    origin = Process("origin", [tools.native("origin"), str(origin_port), str(protocol.workload.answer_bytes)],
                     LOAD_CPU, folder / "origin.log")
    stack.callback(origin.stop)
    origin.wait_for_port(origin_port)
    setup = Setup(protocol.workload, tools, folder / "config", port, origin_port, admin_port)
    server = Process("sluicegate", [*wrapper, *sluicegate(setup)], PROXY_CPU, folder / "log")
    stack.callback(server.stop)
    server.wait_for_port(port, patience=120)
    return folder, port, server


def load(protocol: Protocol, tools: Tools, port: int, requests: int, flags: tuple[str, ...]) -> None:
    seen = h2load(protocol.workload, tools, port, [f"-n{requests}", *flags], patience=300)
    if seen.requests == 0:
        raise NotSpoken
    if seen.errors or seen.requests != requests:
        raise Failed(f"{protocol.name}: {seen.detail}")


def wait_until(condition: Callable[[], bool], patience: float = 10.0) -> None:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise Failed("strace did not attach")
        time.sleep(0.05)


class NotSpoken(Exception):
    """Not one request was answered."""


GET = replace(WORKLOADS[0], name="indicators")
GET_PROTOCOL = "HTTP/1"
[IDLE] = [workload for workload in WORKLOADS if workload.kind == "idle"]
PROTOCOLS = [
    Protocol(GET_PROTOCOL, GET, ("--h1", "-c8"), ("--h1", "-c64"), 4.2, 16_000, 0),
    Protocol("HTTP/2", replace(GET, kind="h2"), ("-c8", "-m8"), ("-c16", "-m32"), 2.6, 45_000, None),
]
TRACED_REQUESTS = (5_000, 25_000)
SIMULATED_REQUESTS = (2_000, 8_000)
# glibc's and jemalloc's; what returns memory is not counted.
ALLOCATION = re.compile(r"(_rjem_|_rjem_je_|je_)?(malloc|calloc|realloc|mallocx|rallocx|posix_memalign|aligned_alloc)")

if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Failed, Refused, subprocess.TimeoutExpired) as failure:
        print(failure, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
