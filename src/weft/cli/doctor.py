"""`weft doctor`: looks at what a server needs, and says what is wrong and what to do."""

from __future__ import annotations

import asyncio
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from weft.cli.errors import CommandFailed, Exit
from weft.cli.options import AsJson, Data
from weft.cli.output import print_json, printable
from weft.cli.server import Running, own_token, running_server
from weft.settings import data_directory

SECRETS = (
    "keys", "keys/signing.pem", "keys/secret", "tenant", "tls", "tls/key.pem", "weft.db", "graph.db",
)  # fmt: skip
CLOCK_TOLERANCE_SECONDS = 5.0
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """*ok* None: nothing is wrong, but good to know."""

    what: str
    ok: bool | None
    text: str


def doctor(*, as_json: AsJson = False, data: Data = None) -> int:
    """Check what a server needs. Exits with 1 if something is wrong."""
    directory = data_directory(data)
    findings = [finding for check in CHECKS for finding in check(directory)]
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            print(f"{_MARKS[finding.ok]:<6} {finding.what:<12} {printable(finding.text)}")
    return Exit.ERROR if any(finding.ok is False for finding in findings) else Exit.OK


_MARKS = {True: "ok", False: "WRONG", None: "note"}


def _platform(data: Path) -> Iterator[Finding]:
    yield Finding("platform", sys.platform == "linux", f"{sys.platform} (weft serves on Linux only)")


def _modes(data: Path) -> Iterator[Finding]:
    """The data directory and the secrets in it are the business of their owner alone."""
    if not data.is_dir():
        yield Finding("data", None, f"{data} is not there yet; the first start makes it")
        return
    for path in (data, *(data / name for name in SECRETS)):
        if path.exists() and (found := _open_to_others(path)):
            yield Finding("data", False, f"{found}; close it with: chmod go= {path}")
            return
    yield Finding("data", True, f"{data} is private")


def _open_to_others(path: Path) -> str | None:
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{path} is open to other users (mode {mode:04o})" if mode & 0o077 else None


def _tenant(data: Path) -> Iterator[Finding]:
    """Names the tenant, which stands in the addresses of the issuer."""
    try:
        tenant = (data / "tenant").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return
    if tenant:
        yield Finding("tenant", True, tenant)


def _sqlite(data: Path) -> Iterator[Finding]:
    import apsw  # noqa: PLC0415 - as late as all that a single check needs

    from weft.stores.errors import StoreUnsafe  # noqa: PLC0415
    from weft.stores.sqlite.database import check_sqlite  # noqa: PLC0415

    linked = apsw.sqlite_lib_version()
    try:
        check_sqlite(linked)
    except StoreUnsafe as unsafe:
        yield Finding("SQLite", False, str(unsafe))
    else:
        yield Finding("SQLite", True, linked)


def _server(data: Path) -> Iterator[Finding]:
    try:
        running = running_server(data)
    except CommandFailed as unreadable:
        yield Finding("server", False, str(unreadable))
        return
    locked = _is_locked(data / "weft.lock")
    if running is None:
        yield from _without_server(data, locked=locked)
        return
    yield asyncio.run(_reach(running, data))
    text = "held by the server" if locked else "not held by the server that says it runs"
    yield Finding("store lock", locked, text)


def _without_server(data: Path, *, locked: bool) -> Iterator[Finding]:
    if locked:
        yield Finding("store lock", False, f"a server holds {data / 'weft.lock'}, but {data} names none")
        return
    left = (
        " (server.json is left of one that was killed; harmless)" if (data / "server.json").exists() else ""
    )
    yield Finding("server", None, f"none runs on {data}; weft up starts one{left}")
    yield Finding("store lock", True, "free")


async def _reach(running: Running, data: Path) -> Finding:
    """Call the server as any command would."""
    from weft.client import ClientError, Patience, WeftClient  # noqa: PLC0415

    try:
        async with WeftClient(
            running.url,
            own_token(data),
            patience=Patience(attempts=1, call_seconds=5),
            certificate=running.trusted,
        ) as client:
            known = [workspace async for workspace in client.workspaces()]
    except (ClientError, CommandFailed, OSError) as failed:
        return Finding("server", False, f"process {running.pid}: {failed}")
    return Finding("server", True, f"{running.url}, process {running.pid}, answers ({len(known)} workspaces)")


def _is_locked(path: Path) -> bool:
    """Whether a process holds a lock on *path*. Only looked up: taking it could stop a server's start."""
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        return False
    # The device is left out: on some file systems a file's own differs from that of its locks.
    held = Path("/proc/locks").read_text().splitlines()
    return any(fields[5].rpartition(":")[2] == str(inode) for line in held if len(fields := line.split()) > 5)


def _clock(data: Path) -> Iterator[Finding]:
    """A clock far behind makes tokens and leases that are over before they begin."""
    now = datetime.now(UTC)
    if now < EARLIEST:
        yield Finding("clock", False, f"it says {now:%Y-%m-%d %H:%M} UTC, which is past; set it")
        return
    ahead = _newest(data) - time.time()
    if ahead > CLOCK_TOLERANCE_SECONDS:
        yield Finding(
            "clock", False, f"files in {data} are from {ahead:.0f} s in the future; was it set back?"
        )
        return
    yield Finding("clock", True, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _newest(data: Path) -> float:
    paths = [data / name for name in ("weft.db", "weft.db-wal", "server.json")]
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


def _forecast(data: Path) -> Iterator[Finding]:
    if find_spec("statsmodels") is None:
        yield Finding("forecast", None, "the example workload needs: pip install 'weft[forecast]'")
    else:
        yield Finding("forecast", True, "statsmodels is installed")


CHECKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (
    _platform,
    _modes,
    _tenant,
    _sqlite,
    _server,
    _clock,
    _forecast,
)
