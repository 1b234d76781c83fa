# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of many objects share: processes that end with them, ports, readings of /proc.

In: commands. Out: children with their logs in a folder, and numbers.
"""

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path


class Processes:
    """Children, and how long anything may take in seconds."""

    def __init__(self, folder, patience):
        self.folder, self.patience = folder, patience
        self.processes = []

    def start(self, command, name):
        log = open(self.folder / f"{name}.log", "w")
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT)
        self.processes.append((name, process))
        return process

    def until(self, condition, what, pause=0.02):
        """Waits, as long as every child lives."""
        end = time.time() + self.patience
        while not condition():
            for name, process in self.processes:
                if process.poll() is not None:
                    raise SystemExit(f"{name} ended: {(self.folder / (name + '.log')).read_text()[-2000:]}")
            if time.time() > end:
                raise SystemExit(f"{what}: not within {self.patience} s")
            time.sleep(pause)

    def stop(self):
        for _, process in reversed(self.processes):
            process.kill()
            process.wait()
        if sys.stderr.isatty():
            print(file=sys.stderr)

    @staticmethod
    def say(words):
        """Progress, for a person."""
        if sys.stderr.isatty():
            print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def free_ports(count):
    """Ports that nobody has, below those that the kernel gives to connections."""
    ports = []
    for port in random.sample(range(20000, 32000), 1000):
        if len(ports) == count:
            break
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
    return ports


def rss_kib(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1])


def cpu_ms(process):
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return round(1000 * sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))
