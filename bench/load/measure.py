# SPDX-License-Identifier: Apache-2.0
"""Rounds: all contenders stay up, one is loaded at a time, in an order that is shuffled each round.

In: a workload and contenders. Out: `Result`, with one `Sample` per contender and round. A contender that
cannot do the workload is left out and named; one that answers wrongly under load makes the whole result
`Refused`.
"""

import os
import random
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from contenders import Setup, command
from generators import GENERATORS, Load, exchange, h2, idle_connections
from machine import LOAD_CPU, PROXY_CPU, Failed, Process, Window, free_ports
from observation import Observation, parse
from tools import Tools
from workloads import Workload


class Refused(Exception):
    """Not only 200s came back, so there is no number to report."""


@dataclass
class Sample:
    """One contender in one round. Fields that the workload does not have are None."""

    cpu_us_per_request: float | None = None
    cpu_share: float | None = None  # of the window that the contender was on its CPU
    requests: int | None = None
    requests_per_second: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    memory_bytes: int | None = None  # private and dirty, after the load
    bytes_per_connection: float | None = None
    lines_per_request: float | None = None  # of the access log, where there is one
    spans_per_request: float | None = None  # that the collector got, where there is one
    foreign_cpus: float = 0.0  # CPUs that everything else on the machine used meanwhile
    stolen_cpus: float = 0.0


@dataclass
class Result:
    """All rounds of a workload."""

    workload: Workload
    rounds: list[dict[str, Sample]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # contender: why
    commands: dict[str, str] = field(default_factory=dict)


@dataclass
class Running:
    """A contender that is up, with what is there for it alone."""

    name: str
    process: Process
    origin: Process
    port: int
    folder: Path
    observation: Observation
    collector: Process | None

    def helpers(self) -> list[Process]:
        return [self.origin, self.collector] if self.collector else [self.origin]


def measure(workload: Workload, names: list[str], tools: Tools, rounds: int, seconds: int, say) -> Result:
    """Runs all rounds of one workload."""
    result = Result(workload)
    if workload.kind == "idle":
        for number in range(rounds):
            result.rounds.append(idle_round(result, names, tools))
            say(f"round {number + 1} of {rounds}")
        return result
    with ExitStack() as stack:
        running = [one for name in names if (one := start(result, name, tools, stack))]
        for number in range(rounds):
            random.shuffle(running)
            result.rounds.append({one.name: sample(workload, one, tools, seconds) for one in running})
            say(f"round {number + 1} of {rounds}")
    return result


def start(result: Result, name: str, tools: Tools, stack: ExitStack) -> Running | None:
    """Starts a contender with an origin of its own; None when it cannot do the workload."""
    workload = result.workload
    if name == "floor" and workload.kind == "h2":
        result.left_out[name] = "a byte forwarder does not translate HTTP/2"
        return None
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"bench-{name}-")))
    # Workers of nginx give up root and need their folders below this one.
    folder.chmod(0o755)
    port, origin_port, admin_port = free_ports(3)
    (folder / "config").mkdir()
    origin = Process("origin", [tools.native("origin"), str(origin_port), str(workload.answer_bytes)], LOAD_CPU,
                     folder / "origin.log")
    stack.callback(origin.stop)
    origin.wait_for_port(origin_port)
    observation, collector = observe(name, tools, folder, stack)
    setup = Setup(workload, tools, folder / "config", port, origin_port, admin_port, observation)
    process = Process(name, command(name, setup), PROXY_CPU, folder / "log")
    stack.callback(process.stop)
    process.wait_for_port(port)
    running = Running(name, process, origin, port, folder, observation, collector)
    result.commands[name] = " ".join(process.command)
    if workload.kind == "h2":
        # Errors of one that does speak it come up again under load, and are not passed over there.
        if h2(workload, tools, port, WARM_UP_SECONDS, folder).requests == 0:
            result.left_out[name] = "not one answer by HTTP/2 with prior knowledge"
            return None
    else:
        look_at_one_answer(running, workload)
    return running


def observe(name: str, tools: Tools, folder: Path, stack: ExitStack) -> tuple[Observation, Process | None]:
    """The file and the collector that the features of a contender ask for."""
    _, features = parse(name)
    percent = next((int(feature.rpartition("-")[2]) for feature in features if feature.startswith("traces-")), 0)
    log_path = folder / "access.log"
    if "log" not in features:
        return Observation(), None
    log_path.touch()
    # Workers of nginx open it again under another user.
    log_path.chmod(0o666)
    if not percent:
        return Observation(log=True, log_path=str(log_path)), None
    [port] = free_ports(1)
    collector = Process("collector", [tools.native("collector"), str(port)], LOAD_CPU, folder / "collector.log")
    stack.callback(collector.stop)
    collector.wait_for_port(port)
    return Observation(True, percent, str(log_path), port), collector


def look_at_one_answer(running: Running, workload: Workload) -> None:
    """One request, its answer looked at in full, before any load."""
    try:
        for connection in idle_connections(workload, running.port, 1):
            connection.close()
    except (Failed, OSError) as failure:
        raise Refused(f"{running.name}: {failure}\n{running.process.output()}") from None


def sample(workload: Workload, running: Running, tools: Tools, seconds: int) -> Sample:
    """Warms one contender up and measures it."""
    generate = GENERATORS[workload.kind]
    generate(workload, tools, running.port, WARM_UP_SECONDS, running.folder)
    take_lines(running)
    before = spans(running)
    with Window(running.process, running.helpers()) as window:
        load: Load = generate(workload, tools, running.port, seconds, running.folder)
    lines, after = take_lines(running), spans(running)
    if load.errors or not load.requests:
        raise Refused(f"{running.name}: {load.requests} answers and errors: {load.detail}\n{running.process.output()}")
    return Sample(
        cpu_us_per_request=window.cpu_seconds * 1e6 / load.requests,
        cpu_share=window.cpu_seconds / window.wall_seconds,
        requests=load.requests,
        requests_per_second=load.requests / load.seconds,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        memory_bytes=running.process.private_dirty_bytes(),
        lines_per_request=None if lines is None else lines / load.requests,
        spans_per_request=None if before is None or after is None else (after - before) / load.requests,
        foreign_cpus=window.foreign_cpus,
        stolen_cpus=window.stolen_cpus,
    )


def take_lines(running: Running) -> int | None:
    """Lines in the access log since this was asked last. Those that wait in a buffer are missing."""
    if not running.observation.log:
        return None
    path = running.observation.log_path
    with open(path, "rb") as log:
        lines = sum(part.count(b"\n") for part in iter(lambda: log.read(1 << 20), b""))
    os.truncate(path, 0)
    return lines


def spans(running: Running) -> int | None:
    """Spans that the collector got so far."""
    if not running.collector:
        return None
    with socket.create_connection(("127.0.0.1", running.observation.collector_port), timeout=10) as connection:
        connection.sendall(b"count\n")
        return int(connection.makefile().readline())


def idle_round(result: Result, names: list[str], tools: Tools) -> dict[str, Sample]:
    """Memory of idle connections. Each contender is new: memory that was freed before would hide growth."""
    samples = {}
    for name in random.sample(names, len(names)):
        with ExitStack() as stack:
            if not (running := start(result, name, tools, stack)):
                continue
            workload, held = result.workload, []
            stack.callback(lambda held=held: [connection.close() for connection in held])
            try:
                held += idle_connections(workload, running.port, SETTLING_CONNECTIONS)
                before = running.process.private_dirty_bytes()
                held += idle_connections(workload, running.port, workload.connections)
                after = running.process.private_dirty_bytes()
                # All must still be open, or it is not their memory.
                exchange(held[0], workload)
                exchange(held[-1], workload)
            except (Failed, OSError) as failure:
                raise Refused(f"{name}: {failure}\n{running.process.output()}") from None
            samples[name] = Sample(memory_bytes=after,
                                   bytes_per_connection=(after - before) / workload.connections)
    return samples


WARM_UP_SECONDS = 1
# What a first connection touches once and for all is not counted with the others.
SETTLING_CONNECTIONS = 50
