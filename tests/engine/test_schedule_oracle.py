"""Two hundred schedules in six zones for a month, against another library's calendar; see tests/schedules."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.schedules.simulation import Simulation

# A 29 and a 31, a fifth weekday, clocks that go forward in the north and back in the south.
BEGINS = datetime(2028, 2, 28, 5, tzinfo=UTC)
ENDS = datetime(2028, 4, 5, 5, tzinfo=UTC)


async def test_a_month_has_no_occurrence_twice_and_none_is_missing(tmp_path: Path) -> None:
    report = await Simulation(tmp_path / "weft.db", BEGINS, ENDS, seed=20280229).run()

    assert report.examples == []
    assert report.is_good, str(report)
    assert report.fired > 30_000
    assert report.restarts > 10
