#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A long run of mixed traffic while everything around the gateway changes.

In: a built binary. Out: a table, and exit code 1 if an answer was wrong, a request failed that nothing
in the scenario can explain, memory grew, or a descriptor leaked. Needs Python 3.9 and h2load.
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from processes import free_ports

ROOT = Path(__file__).resolve().parent.parent
ORIGINS = 3
# A request is explained by a crash until this long after the origin is back, in seconds: the gateway may
# find a dead connection in its pool.
AFTERMATH = 1.0
# What a crash may look like to a client, if it is answered at all.
CRASH_CODES = (502, 503)
# Growth that is no leak: allocators keep pages, pools keep connections.
RSS_GROWTH, RSS_SLACK_KIB = 1.15, 8 * 1024
FILES_SLACK = 40


# --- the origin: a process of its own, so that it can be killed ---


def body_of(name, length):
    """What an origin answers to `name`: any byte in the wrong place shows."""
    piece = hashlib.sha256(name.encode()).hexdigest().encode() + b"\n"
    return (piece * (length // len(piece) + 1))[:length]


async def read_head(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    return first, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines if ": " in line)}


async def read_body(reader, fields, pause=0.0):
    if fields.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body
    left, pieces = int(fields.get("content-length", 0)), []
    while left and pause:
        piece = await reader.read(min(left, 4096))
        if not piece:
            raise EOFError("the body was cut")
        pieces.append(piece)
        left -= len(piece)
        await asyncio.sleep(pause)
    return b"".join(pieces) + await reader.readexactly(left)


def chunks(body, size):
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def serve_origin(port, name):
    async def connection(reader, writer):
        try:
            while True:
                first, fields = await read_head(reader)
                method, path, _ = first.split(" ")
                received = await read_body(reader, fields)
                if method == "POST":
                    answer = f"{hashlib.sha256(received).hexdigest()} {path}".encode()
                else:
                    answer = body_of(path, int(path.split("/")[2]))
                head = f"HTTP/1.1 200 OK\r\nx-origin: {name}\r\nx-path: {path}\r\n"
                if path.startswith("/chunked/"):
                    head, answer = head + "transfer-encoding: chunked\r\n\r\n", chunks(answer, 3000)
                else:
                    head += f"content-length: {len(answer)}\r\n\r\n"
                writer.write(head.encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port, reuse_address=True, backlog=512)
    await server.serve_forever()


# --- the traffic ---


class Count:
    def __init__(self):
        self.ok = self.wrong = self.explained = self.unexplained = 0
        self.samples = []


class Soak:
    def __init__(self, arguments):
        self.arguments = arguments
        self.counts, self.crashes, self.events = {}, [], {}
        self.running, self.pause = True, asyncio.Event()
        self.pause.set()
        self.idle_clients = 0
        self.folder = Path(tempfile.mkdtemp(prefix="sluicegate-soak-"))
        self.ports = free_ports(ORIGINS + 2)
        self.gateway, self.admin = self.ports.pop(), self.ports.pop()
        self.origins, self.process = {}, None

    def note(self, kind, started, outcome, detail="", status=503):
        count = self.counts.setdefault(kind, Count())
        if outcome == "failed":
            now = time.monotonic()
            hit = any(begin < now and started < end for begin, end in self.crashes)
            hit = hit and status in CRASH_CODES
            outcome = "explained" if hit else "unexplained"
        setattr(count, outcome, getattr(count, outcome) + 1)
        if outcome in ("wrong", "unexplained") and len(count.samples) < 5:
            count.samples.append(detail)

    async def client(self, kind, request, keep):
        """One client: `request` sends and checks one exchange on a connection."""
        connection, number = None, 0
        while self.running:
            await self.wait_if_paused()
            number += 1
            name = f"{number}-{random.random()}"
            started = time.monotonic()
            try:
                if connection is None:
                    connection = await asyncio.open_connection("127.0.0.1", self.gateway)
                wrong, closes = await asyncio.wait_for(request(*connection, name, keep), 60)
                self.note(kind, started, "wrong" if wrong else "ok", wrong)
                done = closes or not keep
            except Failed as failed:
                self.note(kind, started, "failed", str(failed), failed.status)
                done = failed.closes
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                self.note(kind, started, "failed", f"{type(error).__name__}: {error}")
                done = True
            if done and connection:
                connection[1].close()
                connection = None
            await asyncio.sleep(random.uniform(0, 0.02))

    async def wait_if_paused(self):
        if not self.pause.is_set():
            self.idle_clients += 1
            await self.pause.wait()
            self.idle_clients -= 1

    async def http2(self):
        while self.running:
            await self.wait_if_paused()
            started = time.monotonic()
            command = ["h2load", "-D", "3", "-c", "4", "-m", "8", "-t", "1"]
            url = f"http://127.0.0.1:{self.gateway}/bytes/2000/h2"
            load = await asyncio.create_subprocess_exec(
                *command, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
            text = (await load.communicate())[0].decode()
            codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
            lost = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", text)
            good, *bad = [int(code) for code in codes.groups()] if codes else [0, 1]
            self.counts.setdefault("http2", Count()).ok += good
            for _ in range(sum(bad) + sum(int(one) for one in lost.groups()[1:]) if lost else 1):
                self.note("http2", started, "failed", (lost.group(0) if lost else text[-300:]))
            await asyncio.sleep(1)

    # --- what goes on around ---

    def start_origin(self, at):
        command = [sys.executable, __file__, "--origin", str(self.ports[at]), f"origin-{at}"]
        self.origins[at] = subprocess.Popen(command)

    def write(self, name, text):
        temporary = self.folder / f".{name}.tmp"
        temporary.write_text(text)
        temporary.rename(self.folder / name)

    def write_site(self, marker=0):
        self.write("gateway.yaml", GATEWAY.format(port=self.gateway, marker=marker))

    def write_policy(self, timeout):
        self.write("policy.yaml", POLICY.format(timeout=timeout))

    def write_endpoints(self, used):
        for at, port in enumerate(self.ports):
            if at in used:
                self.write(f"slice-{at}.yaml", SLICE.format(at=at, port=port))
            else:
                (self.folder / f"slice-{at}.yaml").unlink(missing_ok=True)

    async def crash(self):
        at = random.randrange(ORIGINS)
        window = [time.monotonic(), float("inf")]
        self.crashes.append(window)
        self.origins[at].kill()
        self.origins[at].wait()
        await asyncio.sleep(1)
        self.start_origin(at)
        await listening(self.ports[at])
        window[1] = time.monotonic() + AFTERMATH

    async def swap_policy(self):
        self.write_policy(random.randint(1, 9))

    async def swap_routes(self):
        self.write_site(random.randint(1, 1000))

    async def churn(self):
        used = set(random.sample(range(ORIGINS), random.randint(1, ORIGINS)))
        self.write_endpoints(used)
        await asyncio.sleep(1)
        self.write_endpoints(set(range(ORIGINS)))

    async def break_a_file(self):
        self.write("policy.yaml", "spec: [")
        await asyncio.sleep(0.5)
        self.write_policy(5)

    async def chaos(self):
        steps = [self.swap_policy, self.churn, self.swap_routes, self.break_a_file, self.churn, self.crash]
        while self.running:
            for step in steps:
                await asyncio.sleep(1.5)
                await self.wait_if_paused()
                if not self.running:
                    return
                self.events[step.__name__] = self.events.get(step.__name__, 0) + 1
                await step()

    # --- the run ---

    async def quiet(self, clients):
        """Nothing is under way: what the process holds then is what it keeps."""
        self.pause.clear()
        while self.idle_clients < clients:
            await asyncio.sleep(0.1)
        await asyncio.sleep(3)
        if self.process.poll() is not None:
            sys.exit(f"FAILED\nthe gateway ended with {self.process.returncode}")
        sample = Sample(self.process.pid, self.admin)
        self.pause.set()
        return sample

    async def run(self):
        for at in range(ORIGINS):
            self.start_origin(at)
            await listening(self.ports[at])
        self.write_site()
        self.write_policy(5)
        self.write_endpoints(set(range(ORIGINS)))
        command = [self.arguments.sluicegate, "run", self.folder, "--bind", "127.0.0.1", "--workers", "2"]
        command += ["--admin-address", f"127.0.0.1:{self.admin}", "--log-level", "error"]
        self.process = subprocess.Popen(command, stderr=open(self.folder / "log", "w"))
        await listening(self.gateway)
        kinds = [
            ("keep-alive", get("/bytes/5000"), True, 6),
            ("connection per request", get("/bytes/1000"), False, 4),
            ("post", post(chunked=False), True, 3),
            ("post, chunked", post(chunked=True), True, 3),
            ("chunked answer", get("/chunked/40000"), True, 3),
            ("slow reader", get("/bytes/300000", pause=0.01), True, 3),
            ("slow writer", slow_writer, True, 3),
        ]
        tasks = [self.client(name, what, keep) for name, what, keep, number in kinds for _ in range(number)]
        tasks += [self.http2(), self.chaos()]
        tasks = [asyncio.create_task(task) for task in tasks]
        seconds = self.arguments.minutes * 60
        # Warm after a quarter: every kind of event has happened a few times.
        await asyncio.sleep(seconds / 4)
        warm = await self.quiet(len(tasks))
        await asyncio.sleep(seconds * 3 / 4)
        end = await self.quiet(len(tasks))
        self.running = False
        await asyncio.gather(*tasks)
        return self.judge(warm, end)

    def judge(self, warm, end):
        print(f"{'traffic':<24}{'answered':>10}{'wrong':>8}{'explained':>11}{'unexplained':>13}")
        problems = []
        for kind, count in self.counts.items():
            print(f"{kind:<24}{count.ok:>10}{count.wrong:>8}{count.explained:>11}{count.unexplained:>13}")
            problems += [f"{kind}: {sample}" for sample in count.samples]
            if count.wrong or count.unexplained or not count.ok:
                problems.append(f"{kind}: wrong or unexplained, or nothing at all")
        print("\nevents: " + ", ".join(f"{number} {name}" for name, number in self.events.items()))
        print("explained: the request overlaps with the crash of an origin, or the second after it\n")
        print(f"{'':<24}{'warm':>10}{'end':>10}")
        for name in ("rss_kib", "files", "tasks"):
            print(f"{name:<24}{getattr(warm, name):>10}{getattr(end, name):>10}")
        if end.rss_kib > warm.rss_kib * RSS_GROWTH + RSS_SLACK_KIB:
            problems.append("memory grew")
        if end.files > warm.files + FILES_SLACK:
            problems.append("descriptors leaked")
        problems += [f"{name} is {value} when nothing runs" for name, value in end.busy.items()]
        print("\n" + ("\n".join(["FAILED"] + problems) if problems else "passed"))
        return bool(problems)

    def stop(self):
        for process in [self.process, *self.origins.values()]:
            if process and process.poll() is None:
                process.terminate()
                process.wait(60)


class Sample:
    """What a process holds."""

    def __init__(self, pid, admin):
        status = Path(f"/proc/{pid}/status").read_text()
        self.rss_kib = int(re.search(r"VmRSS:\s+(\d+)", status).group(1))
        self.tasks = int(re.search(r"Threads:\s+(\d+)", status).group(1))
        self.files = len(os.listdir(f"/proc/{pid}/fd"))
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/stats?format=json") as answer:
            stats = {one["name"]: one["value"] for one in json.load(answer)["stats"] if "name" in one}
        gauge = re.compile(r"(upstream_rq|upstream_rq_pending|downstream_rq)_active$|streams_active$")
        self.busy = {name: value for name, value in stats.items() if gauge.search(name) and value}


class Failed(Exception):
    def __init__(self, status, closes):
        super().__init__(f"status {status}")
        self.status, self.closes = status, closes


async def answer(reader, pause=0.0):
    first, fields = await read_head(reader)
    body = await read_body(reader, fields, pause)
    closes = fields.get("connection") == "close"
    status = int(first.split(" ")[1])
    if status != 200:
        raise Failed(status, closes)
    return fields, body, closes


def get(prefix, pause=0.0):
    async def request(reader, writer, name, keep):
        path = f"{prefix}/{name}"
        close = "" if keep else "connection: close\r\n"
        writer.write(f"GET {path} HTTP/1.1\r\nhost: soak\r\n{close}\r\n".encode())
        fields, body, closes = await answer(reader, pause)
        right = fields.get("x-path") == path and body == body_of(path, int(path.split("/")[2]))
        return "" if right else f"{path}: {fields} {body[:80]}", closes

    return request


def post(chunked):
    async def request(reader, writer, name, keep):
        body, path = random.randbytes(random.randint(0, 100_000)), f"/sum/{name}"
        framing = "transfer-encoding: chunked" if chunked else f"content-length: {len(body)}"
        writer.write(f"POST {path} HTTP/1.1\r\nhost: soak\r\n{framing}\r\n\r\n".encode())
        writer.write(chunks(body, 7000) if chunked else body)
        _, got, closes = await answer(reader)
        right = got == f"{hashlib.sha256(body).hexdigest()} {path}".encode()
        return "" if right else f"{path}: {got[:200]}", closes

    return request


async def slow_writer(reader, writer, name, keep):
    path = f"/bytes/1000/{name}"
    for byte in f"GET {path} HTTP/1.1\r\nhost: soak\r\n\r\n".encode():
        writer.write(bytes([byte]))
        await asyncio.sleep(0.005)
    fields, body, closes = await answer(reader)
    right = fields.get("x-path") == path and body == body_of(path, 1000)
    return "" if right else f"{path}: {body[:80]}", closes


async def listening(port):
    for _ in range(400):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        except OSError:
            await asyncio.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


GATEWAY = """\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: http}}
spec:
  gatewayClassName: kgateway
  listeners: [{{name: http, protocol: HTTP, port: {port}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: soak}}
spec:
  parentRefs: [{{name: http}}]
  rules:
  - backendRefs: [{{name: soak, port: 80}}]
    timeouts: {{request: 60s}}
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {{set: [{{name: x-marker, value: "{marker}"}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: soak}}
spec:
  ports: [{{name: http, port: 80}}]
"""
SLICE = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: soak-{at}, labels: {{kubernetes.io/service-name: soak}}}}
addressType: IPv4
endpoints: [{{addresses: [127.0.0.1]}}]
ports: [{{name: http, port: {port}}}]
"""
POLICY = """\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {{name: soak}}
spec:
  targetRefs: [{{group: "", kind: Service, name: soak}}]
  connectTimeout: {timeout}s
"""


def main():
    if sys.argv[1:2] == ["--origin"]:
        asyncio.run(serve_origin(int(sys.argv[2]), sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--sluicegate", default=ROOT / "target/release/sluicegate", type=Path)
    soak = Soak(parser.parse_args())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    failed = True
    try:
        failed = asyncio.run(soak.run())
    finally:
        soak.stop()
        if failed:
            print(f"manifests and log: {soak.folder}")
        else:
            shutil.rmtree(soak.folder)
    sys.exit(failed)


if __name__ == "__main__":
    main()
