#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The load benchmark: Sluicegate and its peers on the same traffic, on the same two CPUs.

In: the command line; `bench/load/setup.sh` has installed the peers. Out: tables on standard output, or
raw numbers with `-o json`. Exit code 0 when everything was measured, 1 when a contender answered anything
but 200s (its workload is then not reported), 2 for wrong arguments, 3 when a program is missing.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import report
from contenders import CONTENDERS
from machine import Failed, allow_many_files
from measure import Refused, Result, measure
from observation import variants
from tools import Missing, find
from workloads import WORKLOADS, Workload

DEFAULT_PEERS = ["floor", "haproxy", "nginx", "envoy-lean", "envoy-default"]


def main() -> int:
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if (os.cpu_count() or 1) < 2:
        print("two CPUs are needed: one for the contender, one for load and origin", file=sys.stderr)
        return 3
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="bench-native-") as built:
        try:
            tools = find(arguments.sluicegate, {*names(arguments.peers), *extras(arguments)},
                         {workload.kind for workload in arguments.workload}, Path(built))
        except Missing as missing:
            print(missing, file=sys.stderr)
            return 3
        return run(arguments, tools)


def run(arguments: argparse.Namespace, tools) -> int:
    results: list[Result] = []
    refused: dict[str, str] = {}
    versions = tools.versions()
    as_text = arguments.output == "text"
    if as_text:
        print("\n".join(f"{name:<11} {version}" for name, version in versions.items()))
    for workload in arguments.workload:
        def say(what: str, workload=workload) -> None:
            print(f"{workload.name}: {what}", file=sys.stderr, flush=True)
        try:
            result = measure(workload, contenders(workload, arguments.peers), tools, arguments.rounds, arguments.seconds, say)
        except (Refused, Failed) as failure:
            refused[workload.name] = str(failure)
            say(f"NOT REPORTED: {failure}")
            continue
        results.append(result)
        if as_text:
            print(report.text(result), flush=True)
    if not as_text:
        settings = {"rounds": arguments.rounds, "seconds": arguments.seconds, "peers": arguments.peers}
        print(json.dumps(report.as_json(results, versions, settings, refused), indent=1))
    return 1 if refused else 0


def names(peers: list[str]) -> list[str]:
    return ["sluicegate", *peers]


def contenders(workload: Workload, peers: list[str]) -> list[str]:
    """Who takes part in a workload."""
    if workload.observed:
        return [variant for name in names(peers) for variant in variants(name)]
    return names(peers) + ([*workload.extra_contenders] if "nginx" in peers else [])


def extras(arguments: argparse.Namespace) -> list[str]:
    return [name for workload in arguments.workload for name in workload.extra_contenders
            if "nginx" in arguments.peers]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs Sluicegate and its peers on the same workloads.",
                                     epilog="bench/README.md says what the numbers mean.")
    parser.add_argument("--workload", nargs="+", type=workload_named, default=WORKLOADS, metavar="NAME",
                        help="default all: " + ", ".join(workload.name for workload in WORKLOADS))
    parser.add_argument("--rounds", type=at_least_one, default=3, metavar="N", help="default 3")
    parser.add_argument("--seconds", type=at_least_one, default=2, metavar="S",
                        help="measured per contender and round, after a second of warm-up; default 2")
    parser.add_argument("--peers", nargs="+", default=DEFAULT_PEERS, metavar="NAME",
                        choices=[name for name in CONTENDERS if name != "sluicegate"],
                        help="default: " + ", ".join(DEFAULT_PEERS))
    parser.add_argument("--sluicegate", metavar="PATH",
                        help="the binary; default target/bench-release/sluicegate, then target/release/sluicegate")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    return parser.parse_args()


def workload_named(name: str) -> Workload:
    for workload in WORKLOADS:
        if workload.name == name:
            return workload
    raise argparse.ArgumentTypeError(f"unknown; one of {', '.join(workload.name for workload in WORKLOADS)}")


def at_least_one(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError("a whole number of at least 1")
    return int(value)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
