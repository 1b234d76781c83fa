# SPDX-License-Identifier: Apache-2.0
"""The workloads: what is sent, how, and what the peers are tuned to for it.

In: nothing. Out: `WORKLOADS`, in the order in which they run. Every kind of load has a function in
`generators.py`.
"""

from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True)
class Workload:
    """One kind of traffic."""

    name: str
    title: str
    kind: str  # "closed" (wrk), "h2" (h2load), "paced" (native/pace.c) or "idle"
    connections: int
    answer_bytes: int
    body_bytes: int = 0
    close: bool = False  # a new connection for every request
    streams: int = 1  # concurrent ones per HTTP/2 connection
    rate: int = 0  # requests per second, when paced
    haproxy_bufsize: int = 32 * KIB
    extra_contenders: tuple[str, ...] = ()
    observed: bool = False  # contenders run without and with access logs and traces

    @property
    def method(self) -> str:
        return "POST" if self.body_bytes else "GET"

    def headers(self) -> dict[str, str]:
        """The header fields next to Host: 488 bytes of request head, as a browser would send."""
        return HEADERS | ({"Connection": "close"} if self.close else {})

    def request(self) -> bytes:
        """The request as bytes, for generators that take it so."""
        fields = {"Host": HOST} | self.headers()
        head = f"{self.method} {PATH} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        return head.encode() + b"\r\n"


HOST = "bench.example.com"
PATH = "/api/v1/items/4711?view=full"

HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.7,de;q=0.3",
    "Accept-Encoding": "gzip, deflate, br",
    "Referer": "https://bench.example.com/catalogue/items?page=17&sort=price",
    "Cookie": "session=7c1f0e52b8d94a63a0f5; theme=dark; consent=all",
    "Cache-Control": "no-cache",
}

WORKLOADS = [
    Workload("get-1k", "GET, 1 KiB answer, 64 keep-alive connections", "closed", 64, KIB),
    Workload("get-16k", "GET, 16 KiB answer, 64 keep-alive connections", "closed", 64, 16 * KIB,
             haproxy_bufsize=64 * KIB),
    Workload("post-64k", "POST, 64 KiB body, 2 bytes answer, 64 keep-alive connections", "closed", 64, 2,
             body_bytes=64 * KIB, haproxy_bufsize=128 * KIB, extra_contenders=("nginx-buffered",)),
    Workload("h2-h1", "HTTP/2 in (16 connections, 32 streams each), HTTP/1.1 out, 1 KiB answer", "h2", 16, KIB,
             streams=32),
    Workload("connection-per-request", "GET, 1 KiB answer, a new connection for each, 64 at a time", "closed",
             64, KIB, close=True),
    Workload("idle-5000", "5,000 keep-alive connections, idle after one request each", "idle", 5000, KIB),
    Workload("observed", "GET, 1 KiB answer, 64 keep-alive connections, without and with access log and traces",
             "closed", 64, KIB, observed=True),
    Workload("fixed-rate", "GET, 1 KiB answer, 10,000 requests per second, open loop, 64 connections", "paced",
             64, KIB, rate=10_000),
]
