"""What the commands that serve have in common: checks of their options, and how a failed start is told."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from weft.catalog.addresses import is_loopback
from weft.cli.errors import CommandFailed, Misused


def check_platform(platform: str) -> None:
    if platform != "linux":
        raise Misused(f"weft serves on Linux only, and this is {platform}")


def loopback(host: str, *, because: str) -> str:
    if not is_loopback(host):
        raise Misused(f"--host {host} is not a loopback address: {because}")
    return host


def whole_port(port: int) -> int:
    if not 0 <= port <= 65535:
        raise Misused(f"--port must be from 0 to 65535, not {port}")
    return port


def is_workload_name(name: str) -> bool:
    module, colon, attribute = name.partition(":")
    return bool(module and colon and attribute)


def find_modules_here() -> None:
    """A workload may lie in the current directory."""
    if "" not in sys.path:
        sys.path.insert(0, "")


@contextmanager
def loading() -> Iterator[None]:
    """Import within: collections would walk what stays loaded anyway, again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def told(serve: Callable[[], int], *, port: int, refusals: tuple[type[Exception], ...]) -> int:
    """Return the exit code of *serve*. Raises Misused for *refusals*, CommandFailed for what failed."""
    from weft.engine.errors import StoreUnavailable  # noqa: PLC0415 - see the callers
    from weft.stores.errors import StoreError  # noqa: PLC0415

    try:
        return serve()
    except refusals as refused:
        raise Misused(str(refused)) from None
    except (StoreError, StoreUnavailable, OSError) as failed:
        if isinstance(failed, OSError) and failed.errno == errno.EADDRINUSE:
            raise CommandFailed(f"port {port} is in use by another program; choose one with --port") from None
        raise CommandFailed(f"cannot serve: {failed}") from None
