#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator's view of many backends: what each page and each refresh of `top` cost.

In: a built binary (`--sluicegate`). Out: a table, or JSON: milliseconds, CPU, bytes and memory of each
page, of a look of `top`, and of a second of polling. All on loopback, without traffic; it ends by itself.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from fleet import policy, service, slice_of
from processes import Processes, cpu_ms, free_ports, rss_kib

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 300
PAGES = [
    "/", "/overview?format=json", "/overview?format=json&all", "/overview?filter=s99", "/problems", "/policies",
    "/explain?backend=s1", "/explain", "/sockets", "/ejections", "/clusters", "/clusters?format=json",
    "/clusters?filter=s99", "/stats", "/stats?usedonly", "/stats?format=json", "/stats/prometheus",
    "/stats?filter=%5Ecluster%5C.kube_default_s99_80%5C.", "/config_dump", "/config_dump?include_eds",
    "/config_dump?resource=dynamic_active_clusters&mask=cluster.name", "/server_info", "/ready",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sluicegate", default=ROOT / "target/release/sluicegate", type=Path)
    parser.add_argument("--backends", type=int, default=10_000)
    parser.add_argument("--endpoints", type=int, default=3, help="of each backend")
    parser.add_argument("--looks", type=int, default=5, help="at each page; the median counts")
    parser.add_argument("--seconds", type=int, default=10, help="of polling")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    if not arguments.sluicegate.exists():
        print(f"{arguments.sluicegate} is missing: cargo build --release -p sluicegate", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="sluicegate-views-") as folder:
        views = Views(arguments, Path(folder))
        try:
            rows = views.run()
        finally:
            views.stop()
    if arguments.output == "json":
        print(json.dumps({"backends": arguments.backends, "endpoints_of_each": arguments.endpoints, "rows": rows},
                         indent=1))
    else:
        show(rows, arguments)
    return 0


class Views(Processes):
    def __init__(self, arguments, folder):
        super().__init__(folder, PATIENCE)
        self.arguments = arguments
        self.admin, self.port = free_ports(2)

    def run(self):
        manifests = self.folder / "manifests"
        manifests.mkdir()
        write_site(manifests, self.arguments, self.port)
        self.server = self.start([self.arguments.sluicegate, "run", manifests, "--admin-address",
                                  f"127.0.0.1:{self.admin}", "--workers", "1"], "server")
        self.say("the server reads its manifests")
        self.until(self.ready, "the admin API")
        # Samples of the last seconds are there, and what the start left behind is gone.
        time.sleep(12)
        rows = [self.idle()]
        rows += [self.page(path) for path in PAGES]
        rows += [self.top()]
        rows += [self.polled("polled each second: " + path, [path]) for path in ("/overview?format=json", "/ready")]
        rows.append(self.watched())
        return rows

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=60) as answer:
            return len(answer.read())

    def ready(self):
        try:
            return self.get("/ready") > 0
        except OSError:
            return False

    def idle(self):
        before = cpu_ms(self.server)
        time.sleep(self.arguments.seconds)
        cpu = cpu_ms(self.server) - before
        self.idle_cpu = cpu / self.arguments.seconds
        return {"what": "idle", "cpu_ms_per_second": round(self.idle_cpu, 1), "mib": rss_kib(self.server) // 1024}

    def page(self, path):
        self.say(path)
        times, size = [], 0
        try:
            self.get(path)
        except urllib.error.HTTPError as error:
            return {"what": path, "status": error.code}
        # The highest mark of resident memory begins anew.
        Path(f"/proc/{self.server.pid}/clear_refs").write_text("5")
        before, resident = cpu_ms(self.server), rss_kib(self.server)
        for _ in range(self.arguments.looks):
            begun = time.perf_counter()
            size = self.get(path)
            times.append(1000 * (time.perf_counter() - begun))
        cpu = (cpu_ms(self.server) - before) / self.arguments.looks
        return {"what": path, "ms": round(sorted(times)[len(times) // 2], 1), "cpu_ms": round(cpu, 1),
                "kib": size // 1024, "more_mib": max(0, (peak_kib(self.server) - resident) // 1024)}

    def top(self):
        """Two looks and a second between them; what the command itself needs is the difference."""
        self.say("top")
        before = cpu_ms(self.server)
        begun = time.perf_counter()
        child = subprocess.Popen([self.arguments.sluicegate, "top", "--once", "--admin",
                                  f"http://127.0.0.1:{self.admin}"], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        if status:
            raise SystemExit("top failed")
        took = 1000 * (time.perf_counter() - begun) - 1000
        cpu = cpu_ms(self.server) - before - self.idle_cpu
        return {"what": "top, a look", "ms": round(took / 2, 1), "cpu_ms": round(cpu / 2, 1),
                "top_cpu_ms": round(500 * (usage.ru_utime + usage.ru_stime), 1), "top_mib": usage.ru_maxrss // 1024}

    def watched(self):
        """What the page in a browser asks for, every two seconds."""
        return self.polled("the page in a browser", ["/overview?format=json"], 2)

    def polled(self, what, paths, interval=1):
        self.say(what)
        before, rounds = cpu_ms(self.server), self.arguments.seconds // interval
        for _ in range(rounds):
            begun = time.perf_counter()
            for path in paths:
                self.get(path)
            time.sleep(max(0, interval - (time.perf_counter() - begun)))
        cpu = (cpu_ms(self.server) - before) / (rounds * interval) - self.idle_cpu
        return {"what": what, "cpu_ms_per_second": round(cpu, 1), "mib": rss_kib(self.server) // 1024}


def write_site(folder, arguments, port):
    (folder / "gateway.yaml").write_text(f"""apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: http }}
spec:
  gatewayClassName: kgateway
  listeners: [ {{ name: http, protocol: HTTP, port: {port} }} ]
""")
    for at in range(0, arguments.backends, 100):
        numbers = range(at, min(at + 100, arguments.backends))
        (folder / f"services-{at // 100}.yaml").write_text(
            "".join(service(number, arguments.endpoints) for number in numbers))
    (folder / "service-0.yaml").write_text(slice_of(0, arguments.endpoints, 1) + "---\n" + policy(0, 1000))


def peak_kib(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def show(rows, arguments):
    print(f"{arguments.backends} backends with {arguments.endpoints} endpoints each; medians of {arguments.looks}\n")
    columns = ["what", "ms", "cpu_ms", "kib", "more_mib", "cpu_ms_per_second", "mib", "top_cpu_ms", "top_mib", "status"]
    heads = ["", "ms", "CPU ms", "KiB", "peak +MiB", "CPU ms/s", "MiB", "top's CPU ms", "top's MiB", "status"]
    lines = [heads] + [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        print("  ".join(cells).rstrip())


if __name__ == "__main__":
    sys.exit(main())
