"""Simulate months of 200 schedules in six zones, and compare what fired with another library's calendar.

Usage: `python -m tests.schedules --months 12 --seed 7`.
Exits 1 where an occurrence fired twice, is missing or fired too late, and prints which; the seed makes the
same schedules again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from dateutil.relativedelta import relativedelta

from tests.schedules.simulation import Simulation

BEGINS = datetime(2027, 9, 1, 5, tzinfo=UTC)  # a 29 February lies behind it, and each zone's two changes


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.schedules", description=__doc__)
    parser.add_argument("--months", type=int, default=12, help="how long the simulated time is")
    parser.add_argument("--seed", type=int, default=20270901, help="of all schedules and all that happens")
    options = parser.parse_args(arguments)
    logging.getLogger("weft").setLevel(logging.ERROR)  # what is missed is counted below
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="weft-schedules-") as scratch:
        ends = BEGINS + relativedelta(months=options.months)
        report = asyncio.run(Simulation(Path(scratch) / "weft.db", BEGINS, ends, seed=options.seed).run())
    seconds = time.monotonic() - began
    sys.stdout.write(f"{options.months} months, seed {options.seed}: {report}; {seconds:.0f} s\n")
    for example in report.examples:
        sys.stdout.write(f"  {example}\n")
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
