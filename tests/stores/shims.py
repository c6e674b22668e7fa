"""A file layer under SQLite that a test can hold up, fill, or break."""

from __future__ import annotations

import asyncio
import threading
from itertools import count

import apsw

_numbers = count(1)


class Disk(apsw.VFS):
    """The real file system, where a test may hold fsync of the log, or make writes fail."""

    def __init__(self) -> None:
        self.name = f"weft-test-{next(_numbers)}"
        super().__init__(self.name, "")
        self.read_error: type[apsw.Error] | None = None
        self.write_error: type[apsw.Error] | None = None
        self.sync_error: type[apsw.Error] | None = None
        self.checkpoint_error: type[apsw.Error] | None = None
        self.syncs_of_log = 0
        self._may_sync = threading.Event()
        self._may_sync.set()
        self._in_sync = threading.Event()

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self, name, flags)

    def hold_sync(self) -> None:
        self._in_sync.clear()
        self._may_sync.clear()

    def release_sync(self) -> None:
        self._may_sync.set()

    async def until_in_sync(self) -> None:
        """Return once the writer stands in a held fsync."""
        assert await asyncio.to_thread(self._in_sync.wait, 10)

    def before_read(self) -> None:
        if self.read_error is not None:
            raise self.read_error("as the test wished")

    def before_write(self) -> None:
        if self.write_error is not None:
            raise self.write_error("as the test wished")

    def before_sync(self, is_log: bool) -> None:
        self.syncs_of_log += is_log
        if self.sync_error is not None:
            raise self.sync_error("as the test wished")
        if self.checkpoint_error is not None and not is_log:
            raise self.checkpoint_error("as the test wished")
        if is_log:
            self._in_sync.set()
            assert self._may_sync.wait(10)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._is_log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        self._disk.before_read()
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.before_write()
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.before_sync(self._is_log)
        super().xSync(flags)
