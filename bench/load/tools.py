# SPDX-License-Identifier: Apache-2.0
"""The programs that take part: where they are, and their versions.

In: the command line and the environment. Out: `Tools`, checked to exist.
"""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Missing(Exception):
    """A program is not there; the text says how to get it."""


@dataclass(frozen=True)
class Tools:
    """Paths of programs; those that no contender or workload needs may be empty."""

    sluicegate: str
    haproxy: str
    nginx: str
    envoy: str
    wrk: str
    h2load: str
    built: Path  # where the programs in native/ are

    def native(self, name: str) -> str:
        return str(self.built / name)

    def versions(self) -> dict[str, str]:
        """What each program says about itself."""
        return {
            "sluicegate": f"{version(self.sluicegate, '--version')} ({self.sluicegate})",
            "repository": revision(),
            "haproxy": version(self.haproxy, "-v"),
            "nginx": version(self.nginx, "-v"),
            "envoy": version(self.envoy, "--version"),
            "wrk": version(self.wrk, "-v"),
            "h2load": version(self.h2load, "--version"),
            "cc": version("cc", "--version"),
            "kernel": platform.release(),
            "cpu": cpu_model(),
        }


def find(sluicegate: str | None, contenders: set[str], kinds: set[str], built: Path) -> Tools:
    """Finds what these contenders and kinds of load need, and builds the native programs."""
    def needed(name: str, users: set[str]) -> str:
        return program(name) if users & (contenders | kinds) else ""

    tools = Tools(
        sluicegate=sluicegate_binary(sluicegate) if "sluicegate" in contenders else "",
        haproxy=needed("haproxy", {"haproxy"}),
        nginx=needed("nginx", {"nginx", "nginx-buffered"}),
        envoy=envoy_binary() if {"envoy-lean", "envoy-default"} & contenders else "",
        wrk=needed("wrk", {"closed"}),
        h2load=needed("h2load", {"h2"}),
        built=built,
    )
    build_native(built)
    return tools


def program(name: str) -> str:
    # Debian's place for daemons is not on every user's path.
    path = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    if not path:
        raise Missing(f"{name} is missing: bench/load/setup.sh installs it")
    return path


def sluicegate_binary(given: str | None) -> str:
    candidates = [Path(given)] if given else [ROOT / "target" / profile / "sluicegate" for profile in PROFILES]
    for path in candidates:
        if path.is_file():
            return str(path.resolve())
    raise Missing(f"no {' or '.join(map(str, candidates))}: build it with "
                  "`cargo build --profile bench-release -p sluicegate`, or name one with --sluicegate")


def envoy_binary() -> str:
    candidates = [os.environ.get("SLUICEGATE_ENVOY", ""), str(ROOT / ".tools" / "envoy")]
    for path in filter(None, candidates):
        if os.access(path, os.X_OK):
            return path
    raise Missing("Envoy is missing: bench/load/setup.sh installs it, or name one in SLUICEGATE_ENVOY")


def build_native(built: Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        raise Missing("a C compiler (cc) is missing")
    for source in (HERE / "native").glob("*.c"):
        subprocess.run([compiler, "-O2", "-pthread", "-Wall", "-Wextra", "-o", built / source.stem, source], check=True)


def version(program: str, flag: str) -> str:
    """The first line of what the program prints for `flag`, whatever its exit code is."""
    if not program:
        return "not used"
    try:
        done = subprocess.run([program, flag], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"unknown: {error}"
    found = re.search(r"\b\d+\.\d+(\.\d+)?([-+][\w+.~-]+)?", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def revision() -> str:
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def cpu_model() -> str:
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} CPUs"


# Of the profiles in Cargo.toml, the one that is meant for measuring comes first.
PROFILES = ("bench-release", "release")
