# SPDX-License-Identifier: Apache-2.0
"""The machine: pinned processes, their CPU time and memory, and how busy everything else was.

In: commands. Out: `Process`, which ends with the driver whatever happens, and readings from /proc.
"""

import ctypes
import os
import random
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

PROXY_CPU = 0
LOAD_CPU = 1


class Failed(Exception):
    """A process did not do what it had to; the text says which, and shows its output."""


class Process:
    """A child on one CPU, with its log in a file."""

    def __init__(self, name: str, command: list[str], cpu: int, log: Path):
        self.name = name
        self.command = pinned(command, cpu)
        self.log = log
        with log.open("wb") as output:
            self.child = subprocess.Popen(self.command, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                          start_new_session=True, preexec_fn=die_with_parent)

    def tree(self) -> list[int]:
        """The process and all its descendants."""
        found, queue = [], [self.child.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                queue += map(int, read(children).split())
        return found

    def cpu_seconds(self) -> float:
        """Time on a CPU so far, user and system, of every thread: the first field of schedstat."""
        fields = (read(path).split() for pid in self.tree() for path in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(int(field[0]) for field in fields if field) / 1e9

    def private_dirty_bytes(self) -> int:
        """User memory that belongs to this process tree alone."""
        kilobytes = 0
        for pid in self.tree():
            for line in read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
                if line.startswith("Private_Dirty:"):
                    kilobytes += int(line.split()[1])
        return kilobytes * 1024

    def wait_for_port(self, port: int, patience: float = 15.0) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.child.poll() is not None:
                raise Failed(f"{self.name} ended with {self.child.returncode}:\n{self.output()}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failed(f"{self.name} does not listen on port {port}:\n{self.output()}")

    def output(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """Ends the whole process group: asks first, then does not ask."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.child.pid, number)
                self.child.wait(timeout=3)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.child.wait()


class Window:
    """A measured window: CPU time of the contender, and of what does not belong to the measurement."""

    def __init__(self, contender: Process, helpers: list[Process]):
        self.contender, self.helpers = contender, helpers

    def __enter__(self) -> "Window":
        self.before = self.readings()
        return self

    def __exit__(self, *_) -> None:
        after = self.readings()
        wall, cpu, helpers, generators, busy, stolen = (b - a for a, b in zip(self.before, after))
        self.cpu_seconds = cpu
        self.wall_seconds = wall
        # Ticks are coarse, so a quiet machine may come out a little below zero.
        self.foreign_cpus = max(0.0, (busy - cpu - helpers - generators) / wall)
        self.stolen_cpus = stolen / wall

    def readings(self) -> tuple[float, ...]:
        children = os.times()
        busy, stolen = machine_seconds()
        helpers = sum(helper.cpu_seconds() for helper in self.helpers)
        return (time.monotonic(), self.contender.cpu_seconds(), helpers,
                children.children_user + children.children_system + children.user + children.system, busy, stolen)


def allow_many_files() -> None:
    """5,000 connections need as many descriptors here and twice as many in a contender, which inherits this."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pinned(command: list[str], cpu: int) -> list[str]:
    return ["taskset", "-c", str(cpu), *command]


def run(command: list[str], cpu: int, patience: float) -> str:
    """Runs a generator to its end and returns what it printed."""
    try:
        done = subprocess.run(pinned(command, cpu), capture_output=True, text=True, timeout=patience,
                              preexec_fn=die_with_parent, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {patience:.0f} s") from None
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} failed: {(done.stdout + done.stderr)[-1000:]}")
    return done.stdout


def die_with_parent() -> None:
    """Runs in the child: it gets a SIGTERM when the driver dies, even by SIGKILL."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def machine_seconds() -> tuple[float, float]:
    """Seconds that all CPUs were busy, and that the hypervisor took, since boot."""
    fields = [int(field) for field in read(Path("/proc/stat")).split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = fields[:8]
    tick = os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + softirq) / tick, steal / tick


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on, below the range that outgoing connections use."""
    ports: list[int] = []
    while len(ports) < count:
        port = random.randrange(12000, 28000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def read(path: Path) -> str:
    """A file of /proc; empty when its process or thread has gone."""
    try:
        return path.read_text()
    except OSError:
        return ""


LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
