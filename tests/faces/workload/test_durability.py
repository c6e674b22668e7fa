"""What is on disk when an answer leaves, and what is answered when the disk takes nothing more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from tests.dump import dump
from tests.faces.workload.house import Identity, a_house
from tests.stores.shims import Disk


@pytest.mark.parametrize("call", ["create", "cancel"])
async def test_p1_the_answer_leaves_only_after_the_fsync(
    call: str, tmp_path: Path, identity: Identity
) -> None:
    disk = Disk()
    async with a_house(tmp_path, identity, slots=0, disk=disk) as house:
        if call == "cancel":
            await house.create()
        disk.hold_sync()

        asked = asyncio.create_task(house.create() if call == "create" else house.cancel())
        await disk.until_in_sync()
        early = asked.done()
        disk.release_sync()
        answer = await asked

    assert not early
    assert answer.status == (202 if call == "create" else 200)


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
async def test_a_disk_that_takes_nothing_refuses_creates_and_serves_reads(
    error: type[apsw.Error], tmp_path: Path, identity: Identity
) -> None:
    disk = Disk()
    first, second = (f"63f77191-432d-4ee6-9c5f-31a1a697707{number}" for number in (1, 2))
    async with a_house(tmp_path, identity, slots=0, disk=disk) as house:
        await house.create(job=first)
        before = dump(house.database)
        disk.write_error = error

        refused = [await house.create(job=second) for _ in range(5)]
        read = await house.get(job=first)
        disk.write_error = None
        after = dump(house.database)
        recovered = await house.create(job=second)

        assert {(answer.status, answer.json()["errorCode"]) for answer in refused} == {
            (503, "ServiceUnavailable")
        }
        assert all(answer.header("retry-after") == "1" for answer in refused)
        assert read.status == 200
        assert after == before
        assert recovered.status == 202
