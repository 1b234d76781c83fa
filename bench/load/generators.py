# SPDX-License-Identifier: Apache-2.0
"""The load: one function per kind, all of them bounded in time and count.

In: a workload, a port, seconds. Out: `Load`, what came back. Anything but answers with status 200 and
the right length is an error.
"""

import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from machine import LOAD_CPU, Failed, run
from tools import Tools
from workloads import HOST, PATH, Workload


@dataclass(frozen=True)
class Load:
    """What a generator saw."""

    requests: int
    seconds: float
    errors: int
    detail: str = ""  # of the errors
    p50_us: float | None = None
    p99_us: float | None = None


def closed(workload: Workload, tools: Tools, port: int, seconds: int, folder: Path) -> Load:
    """wrk: every connection sends its next request when the answer has come."""
    script = folder / "wrk.lua"
    headers = "".join(f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}\n"
                      for k, v in ({"Host": HOST} | workload.headers()).items())
    script.write_text(WRK.format(method=workload.method, headers=headers, body=workload.body_bytes))
    printed = run([tools.wrk, "-t1", f"-c{workload.connections}", f"-d{seconds}s", "--timeout", "5s", "-s",
                   str(script), f"http://127.0.0.1:{port}{PATH}"], LOAD_CPU, seconds + 15)
    seen = json.loads(printed[printed.index("JSON ") + 5:])
    errors = {name: count for name, count in seen["errors"].items() if count}
    # wrk counts statuses from 400; an answer below that, but not ours, is short.
    if seen["bytes"] < seen["requests"] * workload.answer_bytes:
        errors["short answers, bytes per request"] = seen["bytes"] / max(1, seen["requests"])
    return Load(seen["requests"], seen["seconds"], len(errors), json.dumps(errors), seen["p50"], seen["p99"])


def h2(workload: Workload, tools: Tools, port: int, seconds: int, _: Path) -> Load:
    """h2load with prior knowledge; it has no percentiles."""
    return h2load(workload, tools, port, [f"-D{seconds}", f"-c{workload.connections}", f"-m{workload.streams}"],
                  seconds + 15)


def h2load(workload: Workload, tools: Tools, port: int, flags: list[str], patience: float) -> Load:
    """One run of h2load, with what it printed understood."""
    fields = [f"-H{name}: {value}" for name, value in workload.headers().items()]
    printed = run([tools.h2load, "-t1", *flags, *fields, f"-H:authority: {HOST}",
                   f"http://127.0.0.1:{port}{PATH}"], LOAD_CPU, patience)
    took = re.search(r"finished in ([\d.]+)(s|ms|us)", printed)
    counts = re.search(r"(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", printed)
    statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", printed)
    data = re.search(r"\((\d+)\) data", printed)
    if not (took and counts and statuses and data):
        raise Failed(f"h2load printed something unknown:\n{printed[-1000:]}")
    done, succeeded, *bad = map(int, counts.groups())
    good, *other = map(int, statuses.groups())
    # Streams that are open at the end have a status, and data, and are not done.
    wrong = done - succeeded + sum(bad) + sum(other) + max(0, done - good)
    short = int(data[1]) < done * workload.answer_bytes
    return Load(done, float(took[1]) / {"s": 1, "ms": 1e3, "us": 1e6}[took[2]], wrong + short,
                f"{counts[0]}; {statuses[0]}")


def paced(workload: Workload, tools: Tools, port: int, seconds: int, folder: Path) -> Load:
    """native/pace.c: requests are due at fixed times."""
    request = folder / "request"
    request.write_bytes(workload.request())
    seen = json.loads(run([tools.native("pace"), str(port), str(workload.connections), str(workload.rate),
                           str(seconds), str(request)], LOAD_CPU, seconds + 15))
    return Load(seen["requests"], seen["seconds"], seen["errors"], f"{seen['errors']} without a right answer",
                seen["p50"], seen["p99"])


def idle_connections(workload: Workload, port: int, count: int) -> list[socket.socket]:
    """Opens connections and does one request on each; they stay open until the caller closes them."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connections.append(connection)
        exchange(connection, workload)
    return connections


def exchange(connection: socket.socket, workload: Workload) -> None:
    """One request and its answer, which must be a 200 of the right length."""
    body = b"x" * workload.body_bytes
    request = workload.request()
    if body:
        request = request[:-2] + f"Content-Length: {len(body)}\r\n\r\n".encode()
    connection.sendall(request + body)
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.split(b"\r\n\r\n", 1)[1]) < workload.answer_bytes:
        part = connection.recv(65536)
        if not part:
            break
        answer += part
    head, _, content = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 ") or len(content) != workload.answer_bytes:
        raise Failed(f"not a 200 with {workload.answer_bytes} bytes: {head[:300]!r} and {len(content)} bytes")


WRK = """\
function init(arguments)
    wrk.method = "{method}"
    {headers}
    if {body} > 0 then wrk.body = string.rep("x", {body}) end
end

function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format(
        'JSON {{"requests": %d, "seconds": %f, "bytes": %d, "p50": %f, "p99": %f, "errors": ' ..
        '{{"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}}}}\\n',
        summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50), latency:percentile(99),
        e.connect, e.read, e.write, e.status, e.timeout))
end
"""

# The kinds that run for a number of seconds; "idle" is measured by hand.
GENERATORS = {"closed": closed, "h2": h2, "paced": paced}
