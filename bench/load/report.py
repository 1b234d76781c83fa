# SPDX-License-Identifier: Apache-2.0
"""The report: tables for people, numbers for programs.

In: results. Out: text, and a JSON value. A ratio is taken between two samples of one round, and only
then the median over the rounds: rounds differ more than contenders do. Below 1, Sluicegate uses less.
"""

from collections.abc import Callable
from dataclasses import asdict
from statistics import median

from measure import Result, Sample
from observation import parse

SUBJECT = "sluicegate"
Ratios = dict[str, list[float]]


def ratios(result: Result, value: Callable[[Sample], float | None]) -> Ratios:
    """Of every other contender, and of the better of HAProxy and nginx: the subject's / its, per round."""
    found: Ratios = {}
    for samples in result.rounds:
        for features in sorted({name.partition("+")[2] for name in samples}):
            for name, ratio in of_round(samples, features, value):
                found.setdefault(name, []).append(ratio)
    return found


def of_round(samples: dict[str, Sample], features: str,
             value: Callable[[Sample], float | None]) -> list[tuple[str, float]]:
    """The same of one round, with the same things on beside on both sides."""
    found = {name.partition("+")[0]: taken for name, sample in samples.items()
             if name.partition("+")[2] == features and (taken := value(sample))}
    subject = found.pop(SUBJECT, None)
    if subject is None:
        return []
    peers = [other for name, other in found.items() if name.startswith(("haproxy", "nginx"))]
    if len(peers) > 1:
        found[BETTER] = min(peers)
    return [(f"{name}+{features}" if features else name, subject / other) for name, other in found.items()]


def costs(result: Result) -> Ratios:
    """CPU per request of every contender that has something on beside / its own without, per round."""
    found: Ratios = {}
    for samples in result.rounds:
        for name, sample in samples.items():
            plain = samples.get(parse(name)[0])
            if name != parse(name)[0] and plain and sample.cpu_us_per_request and plain.cpu_us_per_request:
                found.setdefault(name, []).append(sample.cpu_us_per_request / plain.cpu_us_per_request)
    return found


def text(result: Result) -> str:
    """The tables of one workload."""
    workload = result.workload
    lines = [f"\n{workload.name}: {workload.title} ({count(result)})", ""]
    lines += [f"  SKIPPED {name}: {why}" for name, why in result.left_out.items()]
    lines += idle_table(result) if workload.kind == "idle" else load_table(result)
    if workload.kind == "paced":
        lines += ratio_table(result, "p99", lambda sample: sample.p99_us, P99_BARS)
    foreign = max((sample.foreign_cpus + sample.stolen_cpus for samples in result.rounds
                   for sample in samples.values()), default=0)
    if foreign > QUIET_CPUS:
        lines.append(f"\n  NOT A QUIET MACHINE: other processes used up to {foreign:.2f} CPUs during a window; "
                     "these are not numbers to quote")
    return "\n".join(lines)


def count(result: Result) -> str:
    rounds = len(result.rounds)
    return "1 round" if rounds == 1 else f"medians of {rounds} rounds"


def load_table(result: Result) -> list[str]:
    columns = ["contender", "CPU µs/req", "req/s", "p50 µs", "p99 µs", "on CPU", "memory MB"]
    observed = result.workload.observed
    columns += ["lines/req", "spans/req"] if observed else []
    rows = [[name,
             number(middle(result, name, lambda s: s.cpu_us_per_request), 2),
             number(middle(result, name, lambda s: s.requests_per_second)),
             number(middle(result, name, lambda s: s.p50_us)),
             number(middle(result, name, lambda s: s.p99_us)),
             number(middle(result, name, lambda s: s.cpu_share and s.cpu_share * 100)) + " %",
             number(middle(result, name, lambda s: s.memory_bytes and s.memory_bytes / 1e6), 1),
             *([number(middle(result, name, lambda s: s.lines_per_request), 2),
                number(middle(result, name, lambda s: s.spans_per_request), 2)] if observed else [])]
            for name in present(result)]
    bars = {} if observed else CPU_BARS
    own = ratio_rows("CPU per request: with / without", costs(result), {}) if observed else []
    return table(columns, rows) + own + ratio_table(result, "CPU per request", lambda s: s.cpu_us_per_request, bars)


def idle_table(result: Result) -> list[str]:
    rows = [[name,
             number(middle(result, name, lambda s: s.bytes_per_connection)),
             number(middle(result, name, lambda s: s.memory_bytes and s.memory_bytes / 1e6), 1),
             f"{IDLE_BAR_BYTES}" if name == SUBJECT else ""]
            for name in present(result)]
    return table(["contender", "bytes/connection", "memory MB", "at most"], rows)


def ratio_table(result: Result, what: str, value: Callable[[Sample], float | None],
                bars: dict[str, float]) -> list[str]:
    return ratio_rows(f"{what}: {SUBJECT} / …", ratios(result, value), bars)


def ratio_rows(title: str, found: Ratios, bars: dict[str, float]) -> list[str]:
    rows = [[name, f"{min(values):.2f}", f"{median(values):.2f}", f"{max(values):.2f}",
             bar(bars.get(name), median(values))]
            for name, values in found.items()]
    rows.sort(key=lambda row: place(row[0]))
    if not rows:
        return []
    return ["", *table([title, "min", "median", "max", *(["must be"] if bars else [""])], rows)]


def place(name: str) -> tuple[int, int]:
    """Where a contender stands in the report."""
    base, _, features = name.partition("+")
    return ORDER.index(base), len(features)


def bar(most: float | None, value: float) -> str:
    if most is None:
        return ""
    return f"≤ {most:.2f} {'met' if value <= most else 'MISSED'}"


def table(columns: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]

    def line(cells: list[str]) -> str:
        first, *others = (cell.ljust(width) if i == 0 else cell.rjust(width)
                          for i, (cell, width) in enumerate(zip(cells, widths)))
        return "  " + "  ".join([first, *others]).rstrip()

    return [line(columns), *map(line, rows)]


def present(result: Result) -> list[str]:
    """The contenders that have samples, in the report's order."""
    return sorted({name for samples in result.rounds for name in samples}, key=place)


def middle(result: Result, name: str, value: Callable[[Sample], float | None]) -> float | None:
    values = [found for samples in result.rounds
              if name in samples and (found := value(samples[name])) is not None]
    return median(values) if values else None


def number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def as_json(results: list[Result], versions: dict[str, str], settings: dict, refused: dict[str, str]) -> dict:
    """Everything raw."""
    return {
        "versions": versions,
        "settings": settings,
        "refused": refused,
        "workloads": [{
            "workload": asdict(result.workload),
            "left_out": result.left_out,
            "commands": result.commands,
            "rounds": [{name: asdict(sample) for name, sample in samples.items()} for samples in result.rounds],
            "cost_ratios": costs(result),
            "cpu_ratios": ratios(result, lambda sample: sample.cpu_us_per_request),
            "p99_ratios": ratios(result, lambda sample: sample.p99_us),
        } for result in results],
    }


BETTER = "better of haproxy and nginx"
ORDER = ["floor", SUBJECT, "haproxy", "nginx", "nginx-buffered", BETTER, "envoy-lean", "envoy-default"]
# The goals that the project set itself; lean is the stronger Envoy, so it is the one that counts.
CPU_BARS = {"floor": 1.30, BETTER: 0.85, "envoy-lean": 0.40}
P99_BARS = {BETTER: 1.0}
IDLE_BAR_BYTES = 2500
# Above this, interference is larger than the differences that matter.
QUIET_CPUS = 0.10
