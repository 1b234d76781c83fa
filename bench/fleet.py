#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A large fleet: how fast a change reaches every node, in how many bytes, and what the server needs.

In: a built binary (`--sluicegate`), the `simulated_nodes` example, an Envoy. Out: a table, or JSON. One
real Envoy first, then simulated nodes beside it. All on loopback; it ends by itself. Needs `ss`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import datetime
from pathlib import Path

from processes import Processes, cpu_ms, free_ports, rss_kib

ROOT = Path(__file__).resolve().parent.parent
# Every change is done with well before this, in seconds; the first configuration too.
PATIENCE = 300
GATEWAY = "default/http"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sluicegate", default=ROOT / "target/bench-release/sluicegate", type=Path)
    parser.add_argument("--nodes-program", type=Path,
                        default=ROOT / "target/bench-release/examples/simulated_nodes")
    parser.add_argument("--envoy", default=os.environ.get("SLUICEGATE_ENVOY", ROOT / ".tools/envoy"))
    parser.add_argument("--clusters", type=int, default=5000)
    parser.add_argument("--endpoints", type=int, default=10, help="of each cluster")
    parser.add_argument("--nodes", type=int, default=50, help="simulated ones")
    parser.add_argument("--changes", type=int, default=5, help="of one policy, and of one endpoint")
    parser.add_argument("--variant", choices=["delta", "sotw"], default="delta")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    for program in (arguments.sluicegate, arguments.nodes_program, Path(arguments.envoy)):
        if not program.exists():
            print(f"{program} is missing: bench/load/setup.sh makes it", file=sys.stderr)
            return 3
    if not shutil.which("ss"):
        print("ss is missing: Debian package iproute2", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="sluicegate-fleet-") as folder:
        fleet = Fleet(arguments, Path(folder))
        try:
            rows = fleet.run()
        finally:
            fleet.stop()
    if arguments.output == "json":
        print(json.dumps({"clusters": arguments.clusters, "endpoints_of_each": arguments.endpoints,
                          "variant": arguments.variant, "rows": rows}, indent=1))
    else:
        show(rows, arguments)
    return 0


class Fleet(Processes):
    def __init__(self, arguments, folder):
        super().__init__(folder, PATIENCE)
        self.arguments = arguments
        self.ads, self.admin, self.envoy_admin, self.port = free_ports(4)

    def run(self):
        self.manifests = self.folder / "manifests"
        self.manifests.mkdir()
        self.write_site()
        self.server = self.start([self.arguments.sluicegate, "run", self.manifests, "--no-data-plane",
                                  "--ads-address", f"127.0.0.1:{self.ads}",
                                  "--admin-address", f"127.0.0.1:{self.admin}"], "server")
        self.say("the server reads its manifests")
        self.until(lambda: self.nodes() is not None, "the admin API")
        rows = [self.row("server alone", 0)]
        self.bootstrap = self.folder / "bootstrap.json"
        self.bootstrap.write_bytes(subprocess.check_output([
            self.arguments.sluicegate, "bootstrap", "--gateway", GATEWAY, "--variant", self.arguments.variant,
            "--ads", f"127.0.0.1:{self.ads}", "--admin-address", f"127.0.0.1:{self.envoy_admin}"]))
        rows += self.phase("1 Envoy", 1, lambda: self.start(
            [self.arguments.envoy, "-c", self.bootstrap, "--log-level", "error", "--use-dynamic-base-id",
             "--concurrency", "1"], "envoy"))
        count = self.arguments.nodes
        rows += self.phase(f"1 Envoy, {count} nodes", 1 + count, lambda: self.start(
            [self.arguments.nodes_program, self.bootstrap, str(count)], "nodes"))
        return rows

    def phase(self, name, count, start):
        """Starts nodes, and then changes one policy and one endpoint, several times each."""
        before = self.totals()
        begun = time.time()
        start()
        self.say(f"{name}: first configuration")
        self.until(lambda: self.converged(count, begun), "the first configuration")
        rows = [self.row(f"{name}: first configuration", count, begun, before, count)]
        for what, change in (("one policy", self.write_policy), ("one endpoint", self.write_endpoint)):
            samples = []
            for number in range(self.arguments.changes):
                time.sleep(1)
                self.say(f"{name}: {what}, change {number + 1} of {self.arguments.changes}")
                before = self.totals()
                begun = time.time()
                change(begun)
                self.until(lambda: self.converged(count, begun, what), what)
                time.sleep(0.2)
                samples.append(self.row(f"{name}: {what} changes", count, begun, before, count))
            samples.sort(key=lambda row: row["last_ack_ms"])
            rows.append(samples[len(samples) // 2])
        return rows

    def converged(self, count, begun, what=None):
        """Every node has accepted what was sent last, and after a change something since `begun`."""
        nodes = [node for node in self.nodes() if node["connected"]]
        return len(nodes) == count and all(ready(node, begun, what) for node in nodes)

    def row(self, name, count, begun=None, before=None, nodes=0):
        row = {"what": name, "server_rss_mib": round(rss_kib(self.server) / 1024)}
        if begun is None:
            return row
        times = [acknowledged(node, begun) for node in self.nodes() if node["connected"]]
        acks = sorted(1000 * (time - begun) for time in times if time)
        (sent, cpu), (sent_before, cpu_before) = self.totals(), before
        grown = sorted(sent[key] - sent_before.get(key, 0) for key in sent)
        grown = [size for size in grown if size > 0]
        return row | {
            "nodes": count,
            "first_ack_ms": round(acks[0], 1),
            "median_ack_ms": round(acks[len(acks) // 2], 1),
            "last_ack_ms": round(acks[-1], 1),
            "bytes_per_node": grown[len(grown) // 2] if grown else 0,
            "bytes_most": grown[-1] if grown else 0,
            "server_cpu_ms": cpu - cpu_before,
        }

    def nodes(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/sluicegate/nodes?format=json",
                                        timeout=10) as answer:
                return json.load(answer)["nodes"]
        except OSError:
            return None

    def totals(self):
        """Bytes that were written to each connection of a node, and milliseconds of CPU of the server."""
        text = subprocess.check_output(["ss", "-tinH", "state", "established", f"sport = :{self.ads}"], text=True)
        found = re.findall(r":(\d+)\s*\n\s.*?bytes_sent:(\d+)", text)
        return {int(port): int(size) for port, size in found}, cpu_ms(self.server)

    def put(self, name, text):
        """A file is there as a whole, or not at all."""
        fresh = self.folder / "fresh"
        fresh.write_text(text)
        fresh.replace(self.manifests / name)

    def write_site(self):
        self.put("gateway.yaml", f"""apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: http }}
spec:
  gatewayClassName: kgateway
  listeners: [ {{ name: http, protocol: HTTP, port: {self.port} }} ]
""")
        for at in range(0, self.arguments.clusters, 100):
            numbers = range(at, min(at + 100, self.arguments.clusters))
            self.put(f"services-{at // 100}.yaml", "".join(service(n, self.arguments.endpoints) for n in numbers))
        self.put("endpoints-0.yaml", slice_of(0, self.arguments.endpoints, 1))
        self.put("policy-0.yaml", policy(0, 1000))

    def write_policy(self, begun):
        self.put("policy-0.yaml", policy(0, 1000 + int(begun) % 100_000))

    def write_endpoint(self, begun):
        self.put("endpoints-0.yaml", slice_of(0, self.arguments.endpoints, 2 + int(begun) % 60_000))


def service(number, endpoints):
    text = f"""apiVersion: v1
kind: Service
metadata: {{ name: s{number} }}
spec: {{ ports: [ {{ name: http, port: 80 }} ] }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{ name: r{number} }}
spec:
  parentRefs: [ {{ name: http }} ]
  hostnames: [ "s{number}.example.com" ]
  rules: [ {{ backendRefs: [ {{ name: s{number}, port: 80 }} ] }} ]
---
"""
    if number > 0:
        text += slice_of(number, endpoints, 1) + "---\n" + policy(number, 1000) + "---\n"
    return text


def slice_of(number, endpoints, first_port):
    lists = "".join(f"  - addresses: [ 10.{number >> 8 & 255}.{number & 255}.{n + 1} ]\n" for n in range(endpoints))
    return f"""apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: s{number}-1
  labels: {{ kubernetes.io/service-name: s{number} }}
addressType: IPv4
ports: [ {{ name: http, port: {first_port} }} ]
endpoints:
{lists}"""


def policy(number, milliseconds):
    return f"""apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{ name: p{number} }}
spec:
  targetRefs: [ {{ name: s{number}, group: "", kind: Service }} ]
  connectTimeout: {milliseconds}ms
  circuitBreakers: {{ maxConnections: 1024, maxRequests: 2048 }}
  tcpKeepalive: {{ keepAliveProbes: 3, keepAliveTime: 30s, keepAliveInterval: 5s }}
"""


def ready(node, begun, what):
    types = node["types"]
    for kind in types.values():
        if kind["sent"] and (not kind["accepted"] or kind["accepted"]["version"] != kind["sent"]["version"]):
            return False
    wanted = {None: ("cds", "eds", "lds", "rds"), "one policy": ("cds", "eds"), "one endpoint": ("eds",)}[what]
    since = begun if what else 0
    return all(kind in types and types[kind]["accepted"] and at(types[kind]["accepted"]) >= since - 0.001
               for kind in wanted)


def acknowledged(node, begun):
    """When it accepted something for the last time, if that was since `begun`."""
    stamps = [at(kind["accepted"]) for kind in node["types"].values() if kind["accepted"]]
    return max([stamp for stamp in stamps if stamp >= begun - 0.001], default=None)


def at(stamp):
    return datetime.fromisoformat(stamp["at"].replace("Z", "+00:00")).timestamp()


def show(rows, arguments):
    print(f"{arguments.clusters} clusters with {arguments.endpoints} endpoints each, {arguments.variant}; "
          f"medians of {arguments.changes} changes\n")
    columns = ["what", "first_ack_ms", "median_ack_ms", "last_ack_ms", "bytes_per_node", "bytes_most",
               "server_cpu_ms", "server_rss_mib"]
    heads = ["", "first ACK ms", "median ACK ms", "last ACK ms", "bytes a node", "most bytes", "server CPU ms",
             "server MiB"]
    lines = [heads] + [[f"{row.get(column, ''):,}" if isinstance(row.get(column), (int, float))
                        else str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        print("  ".join([line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]))


if __name__ == "__main__":
    sys.exit(main())
