#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A large cluster: how long a start takes, how soon a change is enforced and told, how much is written.

In: a built binary (`--sluicegate`), the folder that `scripts/kubernetes.sh` fills. Out: a table, or JSON. A
real etcd and kube-apiserver, no pods: Services, EndpointSlices and policies are written by this program.
All on this machine; it ends by itself.
"""

import argparse
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from processes import Processes, cpu_ms, free_ports, rss_kib

ROOT = Path(__file__).resolve().parent.parent
# Every step is done well before this, in seconds.
PATIENCE = 600
TOKEN = "bench-token"
# The most that Gateway API allows in one route, and in one rule.
RULES, REFS = 16, 16
POLICIES = "/apis/gateway.kgateway.dev/v1alpha1/namespaces/default/backendconfigpolicies"
SERVICES = "/api/v1/namespaces/default/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sluicegate", default=ROOT / "target/bench-release/sluicegate", type=Path)
    parser.add_argument("--kubernetes", type=Path,
                        default=os.environ.get("SLUICEGATE_KUBERNETES", ROOT / ".tools/kubernetes"))
    parser.add_argument("--objects", type=int, default=5000, help="Services, and as many slices and policies")
    parser.add_argument("--changes", type=int, default=9, help="of one policy, one after the other")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    arguments = parser.parse_args()
    for program in (arguments.sluicegate, arguments.kubernetes / "kube-apiserver"):
        if not program.exists():
            print(f"{program} is missing: bench/load/setup.sh and scripts/kubernetes.sh make them", file=sys.stderr)
            return 3
    # A signal ends what was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
    with tempfile.TemporaryDirectory(prefix="sluicegate-kubernetes-") as folder:
        bench = Bench(arguments, Path(folder))
        try:
            rows = bench.run()
        finally:
            bench.stop()
    head = {"objects": arguments.objects, "sluicegate": version(arguments.sluicegate, "--version"),
            "kube-apiserver": module("k8s.io/kubernetes"), "etcd": module("go.etcd.io/etcd/server/v3")}
    if arguments.output == "json":
        print(json.dumps(head | {"rows": dict(rows)}, indent=1))
    else:
        print(", ".join(f"{name} {value}" for name, value in head.items()) + "\n")
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            print(f"{name.ljust(width)}  {value:>12,}")
    return 0


class Bench(Processes):
    def __init__(self, arguments, folder):
        super().__init__(folder, PATIENCE)
        self.arguments = arguments
        self.etcd, self.peer, self.api, self.admin, self.port = free_ports(5)
        self.local = threading.local()

    def run(self):
        count = self.arguments.objects
        self.start_api_server()
        origin = Origin()
        self.say(f"{count} Services, EndpointSlices and policies")
        self.create_site(origin)
        rows = []
        before = self.writes()
        begun = time.time()
        gateway = self.start([self.arguments.sluicegate, "run", "--kubernetes",
                              "--kubeconfig", self.folder / "kubeconfig", "--bind", "127.0.0.1", "--workers", "1",
                              "--admin-address", f"127.0.0.1:{self.admin}", "--log-level", "warning"], "sluicegate")
        self.say("start")
        self.until(lambda: self.ready(), "to be ready")
        self.until(lambda: self.status(False) == 200, "the first answer")
        rows.append(("start until ready, ms", round(1000 * (time.time() - begun))))
        rows.append(("RSS when ready, MiB", round(rss_kib(gateway) / 1024)))
        rows.append(("CPU until ready, ms", cpu_ms(gateway)))
        self.say("every status")
        self.until(lambda: self.told() == count, "every status", 1)
        rows.append(("start until every status is written, ms", round(1000 * (time.time() - begun))))
        time.sleep(2)
        rows.append(("status writes by then", self.writes() - before))
        rows.append(("CPU by then, ms", cpu_ms(gateway)))
        rows.append(("RSS then, MiB", round(rss_kib(gateway) / 1024)))
        before, cpu_before = self.writes(), cpu_ms(gateway)
        enforced, told = self.changes()
        rows += [("one policy changed: enforced, median ms", enforced[len(enforced) // 2]),
                 ("one policy changed: enforced, most ms", enforced[-1]),
                 ("one policy changed: status written, median ms", told[len(told) // 2]),
                 ("one policy changed: status written, most ms", told[-1]),
                 ("status writes for each change", round((self.writes() - before) / len(enforced), 1)),
                 ("CPU for each change, ms", round((cpu_ms(gateway) - cpu_before) / len(enforced)))]
        burst = min(count, 500)
        self.say(f"{burst} policies in a burst")
        before = self.writes()
        begun = time.time()
        change = {"spec": {"connectTimeout": "9s"}}
        self.each(range(1, burst), lambda n: self.patch(f"{POLICIES}/s{n}", change))
        rows.append((f"burst of {burst - 1}: patches, ms", round(1000 * (time.time() - begun))))
        self.until(lambda: self.told() == count, "every status after the burst", 0.5)
        rows.append((f"burst of {burst - 1}: every status written, ms", round(1000 * (time.time() - begun))))
        time.sleep(2)
        rows.append((f"burst of {burst - 1}: status writes", self.writes() - before))
        return rows

    def changes(self):
        """Patches one policy back and forth; milliseconds until requests see it, and until its status does."""
        enforced, told = [], []
        for number in range(self.arguments.changes):
            time.sleep(1)
            refuse = number % 2 == 0
            self.say(f"change {number + 1} of {self.arguments.changes}")
            action = {"headersWithUnderscoresAction": "RejectRequest" if refuse else "Allow"}
            begun = time.time()
            generation = self.patch(f"{POLICIES}/s0", {"spec": {"commonHttpProtocolOptions": action}})
            generation = generation["metadata"]["generation"]
            self.until(lambda: (self.status(True) == 400) == refuse, "the change in traffic", 0.002)
            enforced.append(round(1000 * (time.time() - begun)))
            self.until(lambda: observed(self.request("GET", f"{POLICIES}/s0")) == generation, "its status", 0.005)
            told.append(round(1000 * (time.time() - begun)))
        return sorted(enforced), sorted(told)

    # What is asked of the gateway.

    def status(self, underscore):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("GET", "/0-0/", headers={"with_underscore": "1"} if underscore else {})
            return connection.getresponse().status
        except OSError:
            return None

    def ready(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False

    # What is asked of the API server.

    def told(self):
        """How many policies have the status of their generation."""
        items, token = 0, ""
        while True:
            page = self.request("GET", f"{POLICIES}?limit=1000&continue={token}")
            items += sum(observed(item) == item["metadata"]["generation"] for item in page["items"])
            token = page["metadata"].get("continue")
            if not token:
                return items

    def writes(self):
        """Writes of status that the API server has counted, refused ones included."""
        total = 0
        for line in self.request("GET", "/metrics").splitlines():
            if (line.startswith("apiserver_request_total{") and 'subresource="status"' in line
                    and re.search(r'verb="(APPLY|PATCH|PUT)"', line) and 'group="gateway.' in line):
                total += int(float(line.rsplit(" ", 1)[1]))
        return total

    def patch(self, path, change):
        return self.request("PATCH", path, change, "application/merge-patch+json")

    def request(self, method, path, body=None, kind="application/json"):
        """One connection per thread, kept open."""
        if not hasattr(self.local, "connection"):
            # Its certificate was made a moment ago, for itself.
            context = ssl._create_unverified_context()
            self.local.connection = http.client.HTTPSConnection("127.0.0.1", self.api, timeout=60, context=context)
        connection = self.local.connection
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text[:500]}")
        return json.loads(text) if text.startswith(b"{") else text.decode()

    def each(self, numbers, act):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(act, numbers))

    # What is started.

    def start_api_server(self):
        binaries, folder = self.arguments.kubernetes, self.folder
        client, peer = f"http://127.0.0.1:{self.etcd}", f"http://127.0.0.1:{self.peer}"
        self.start([binaries / "etcd", "--data-dir", folder / "etcd-data", "--unsafe-no-fsync",
                    "--listen-client-urls", client, "--advertise-client-urls", client,
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                    "--initial-cluster", f"default={peer}"], "etcd")
        (folder / "tokens.csv").write_text(f"{TOKEN},bench,bench,system:masters\n")
        # Any pair does: no token is made with it.
        pair = ROOT / "tests/certificates"
        self.start([binaries / "kube-apiserver", "--etcd-servers", client, "--bind-address", "127.0.0.1",
                    "--secure-port", self.api, "--cert-dir", folder / "certificates",
                    "--service-account-issuer", "https://kubernetes", "--service-account-key-file", pair / "tls.crt",
                    "--service-account-signing-key-file", pair / "tls.key", "--authorization-mode", "RBAC",
                    "--token-auth-file", folder / "tokens.csv", "--service-cluster-ip-range", "10.96.0.0/16",
                    "--disable-admission-plugins", "ServiceAccount"], "kube-apiserver")
        (folder / "kubeconfig").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": f"https://127.0.0.1:{self.api}",
                                                       "insecure-skip-tls-verify": True}}],
            "users": [{"name": "bench", "user": {"token": TOKEN}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}]}))
        self.say("the API server starts")
        self.until(lambda: self.kubectl("get", "--raw", "/readyz").returncode == 0, "the API server", 0.5)
        definitions = subprocess.check_output([self.arguments.sluicegate, "crds"])
        for arguments, text in ((("-f", binaries / "crds/gateway-api.yaml"), b""), (("-f", "-"), definitions)):
            done = self.kubectl("apply", "--server-side", *arguments, input=text)
            if done.returncode:
                raise SystemExit(done.stderr.decode())
        self.kubectl("wait", "--for=condition=Established", "crd", "--all")

    def kubectl(self, *arguments, input=b""):
        command = [self.arguments.kubernetes / "kubectl", "--kubeconfig", self.folder / "kubeconfig", *arguments]
        return subprocess.run([str(part) for part in command], input=input, capture_output=True,
                              env={**os.environ, "HOME": str(self.folder)})

    def create_site(self, origin):
        count = self.arguments.objects
        post = lambda path, body: self.request("POST", path, body)
        self.each(range(count), lambda n: post(SERVICES, {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{n}"},
            "spec": {"clusterIP": "None", "ports": [{"name": "http", "port": 80}]}}))
        self.each(range(count), lambda n: post(SLICES, {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": f"s{n}-1", "labels": {"kubernetes.io/service-name": f"s{n}"}},
            "ports": [{"name": "http", "port": origin.port}], "endpoints": [{"addresses": [origin.address]}]}))
        self.each(range(count), lambda n: post(POLICIES, {
            "apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "BackendConfigPolicy",
            "metadata": {"name": f"s{n}"},
            "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": f"s{n}"}], "connectTimeout": "7s",
                     "tcpKeepalive": {"keepAliveProbes": 3, "keepAliveTime": "30s", "keepAliveInterval": "5s"}}}))
        post(f"{GATEWAY_API}/gatewayclasses", {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "kgateway"},
            "spec": {"controllerName": "kgateway.dev/kgateway"}})
        post(f"{GATEWAY_API}/namespaces/default/gateways", {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "http"},
            "spec": {"gatewayClassName": "kgateway",
                     "listeners": [{"name": "http", "port": self.port, "protocol": "HTTP"}]}})
        for route in range(0, -(-count // (RULES * REFS))):
            rules = [rule(route, number, count) for number in range(RULES)]
            post(f"{GATEWAY_API}/namespaces/default/httproutes", {
                "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": f"r{route}"},
                "spec": {"parentRefs": [{"name": "http"}], "rules": [rule for rule in rules if rule]}})

    def stop(self):
        super().stop()
        shutil.rmtree(self.folder / "etcd-data", ignore_errors=True)


class Origin:
    """Answers every GET; an address that an API server takes for that of an endpoint: not loopback."""

    def __init__(self):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Nothing is sent; the route is looked up.
        probe.connect(("203.0.113.1", 9))
        self.address = probe.getsockname()[0]

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer((self.address, 0), Answer)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()


def rule(route, number, count):
    """The first rule of the first route is one backend: the one whose policy changes."""
    first = (route * RULES + number) * REFS
    refs = [{"name": f"s{n}", "port": 80} for n in range(first, min(first + REFS, count))]
    if first == 0:
        refs = [{**ref, "weight": int(ref["name"] == "s0")} for ref in refs]
    matches = [{"path": {"type": "PathPrefix", "value": f"/{route}-{number}"}}]
    return {"matches": matches, "backendRefs": refs} if refs else None


def observed(policy):
    for ancestor in policy.get("status", {}).get("ancestors", []):
        for condition in ancestor["conditions"]:
            if condition["type"] == "Accepted":
                return condition.get("observedGeneration")
    return None


def version(program, argument):
    text = subprocess.run([program, argument], capture_output=True, text=True).stdout
    return text.split()[1] if text else "unknown"


def module(name):
    """The version that scripts/kubernetes.sh builds: what it builds does not know its own."""
    found = re.search(rf"{re.escape(name)} (v\S+)", (ROOT / "testkit/kubernetes/go.mod").read_text())
    return found[1] if found else "unknown"


if __name__ == "__main__":
    sys.exit(main())
