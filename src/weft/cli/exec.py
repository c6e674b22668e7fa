"""`weft exec`: runs a command for which this machine's weft is Fabric, and its sign-in."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Self
from uuid import uuid4

from cyclopts import Parameter

from weft.auth.errors import DataRefused
from weft.auth.private_files import private_directory
from weft.cli.errors import CommandFailed, Misused
from weft.cli.options import Data
from weft.cli.output import complain
from weft.cli.own_server import served
from weft.cli.server import running_server
from weft.client.tunnel import Tunnel
from weft.runners import proctree
from weft.runners.keeper import Keeper
from weft.settings import data_directory

NOT_FOUND = 127
NOT_RUN = 126
PASSED_ON = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
OF_A_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
LOOPBACK = "localhost,127.0.0.1,::1"
NAMES_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
USUAL_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
)


def exec_(
    *command: Annotated[
        str, Parameter(name="COMMAND", show=True, allow_leading_hyphen=True, help="What to run, behind --.")
    ],
    data: Data = None,
    allow_other_hosts: bool = False,
) -> int:
    """Run COMMAND such that https://api.fabric.microsoft.com, OneLake and the sign-in answer from weft.

    Other hosts are refused. Without a server one runs for as long as the command does. The exit code is the
    command's; whatever it leaves running is ended with it.

    Parameters
    ----------
    allow_other_hosts
        Pass calls to other hosts on. Those of Microsoft Fabric are refused all the same.
    """
    if not command:
        raise Misused("say what to run: weft exec -- COMMAND...")
    directory = _prepared(data_directory(data))
    with _signals_end_us(), served(directory), tempfile.TemporaryDirectory(prefix="weft-exec-") as private:
        _fabric_port(directory)
        bundle = Path(private) / "certificates.pem"
        bundle.write_bytes(_certificates(directory, os.environ if allow_other_hosts else None))
        return asyncio.run(_run(command, directory, bundle, allow_other_hosts))


def environment(
    before: Mapping[str, str], *, proxy: str, certificates: Path, allow_other_hosts: bool
) -> dict[str, str]:
    """Return *before* with the proxy and the certificates that the command's libraries look for."""
    ours = {name: value for name, value in before.items() if name.lower() not in ("https_proxy", "no_proxy")}
    ours |= dict.fromkeys(("HTTPS_PROXY", "https_proxy"), proxy)
    ours |= dict.fromkeys(("NO_PROXY", "no_proxy"), LOOPBACK)
    ours["NODE_USE_ENV_PROXY"] = "1"
    ours |= dict.fromkeys((*NAMES_CERTIFICATES, "NODE_EXTRA_CA_CERTS"), str(certificates))
    if allow_other_hosts:
        return ours
    ours = {name: value for name, value in ours.items() if name.lower() not in ("http_proxy", "all_proxy")}
    # Plain http goes nowhere else either: the proxy refuses it, and says so.
    return ours | dict.fromkeys(("HTTP_PROXY", "http_proxy"), proxy)


def _prepared(directory: Path) -> Path:
    try:
        return private_directory(directory)
    except (DataRefused, OSError) as refused:
        raise CommandFailed(f"cannot use the data directory: {refused}") from None


def _fabric_port(directory: Path) -> int:
    server = running_server(directory)
    if server is None or server.fabric is None:
        raise CommandFailed(f"the server on {directory} does not answer for Fabric; restart it")
    return server.fabric


def _certificates(directory: Path, others: Mapping[str, str] | None) -> bytes:
    """Return what the command trusts: the authority of the local Fabric, and what was trusted before.

    *others*: the environment, which may name files of certificates; None: nothing else is trusted.
    """
    try:
        own = (directory / "fabric" / "ca.pem").read_bytes()
        return own if others is None else own + b"".join(path.read_bytes() for path in _trusted(others))
    except OSError as unreadable:
        raise CommandFailed(f"cannot read certificates: {unreadable}") from None


def _trusted(environ: Mapping[str, str]) -> list[Path]:
    """Return the files that are trusted without us. Raises CommandFailed where none is found."""
    named = [environ[name] for name in NAMES_CERTIFICATES if environ.get(name)]
    usual = ssl.get_default_verify_paths().openssl_cafile
    found = _files(named) or _files([usual, *USUAL_CERTIFICATES])[:1]
    if not found:
        raise CommandFailed("this machine's certificates are not found; set SSL_CERT_FILE to a file of them")
    return found


def _files(names: Sequence[str]) -> list[Path]:
    return [path for path in map(Path, dict.fromkeys(names)) if path.is_file()]


# ---- the command


async def _run(command: tuple[str, ...], directory: Path, certificates: Path, allow_other_hosts: bool) -> int:
    """Return the exit code, as a shell would tell it."""
    mark = f"exec-{uuid4()}"
    keeper = Keeper(mark, {})  # should we be killed, it ends what the command started
    try:
        async with Tunnel(lambda: _port_now(directory), allows_other_hosts=allow_other_hosts) as tunnel:
            given = environment(
                os.environ, proxy=tunnel.url, certificates=certificates, allow_other_hosts=allow_other_hosts
            )
            return await _command(command, given | {proctree.MARK: mark, "WEFT_DATA": str(directory)})
    finally:
        await asyncio.to_thread(
            proctree.end, lambda table: proctree.below(proctree.marked(mark, table), table)
        )
        await keeper.close()


def _port_now(directory: Path) -> int | None:
    with suppress(CommandFailed):
        return _fabric_port(directory)
    return None


async def _command(command: tuple[str, ...], given: Mapping[str, str]) -> int:
    on_terminal = _has_terminal()
    try:
        with _PassedOn(on_terminal) as signals:
            process = await asyncio.create_subprocess_exec(
                *command, env=given, process_group=None if on_terminal else 0
            )
            signals.to(process)
            code = await process.wait()
    except FileNotFoundError:
        complain(f"no such command: {command[0]}")
        return NOT_FOUND
    except (OSError, ValueError) as refused:
        complain(f"cannot run {command[0]}: {refused}")
        return NOT_RUN
    return 128 - code if code < 0 else code


class _PassedOn:
    """Passes signals on to the command; those that a terminal sends reach it without us.

    One that comes before the command runs waits for it. Afterwards all are ignored: what is left is to end in
    order, which takes no longer for being told twice.
    """

    def __init__(self, on_terminal: bool) -> None:
        self._on_terminal = on_terminal
        self._process: asyncio.subprocess.Process | None = None
        self._early: list[int] = []

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in (*PASSED_ON, *OF_A_TERMINAL):
            loop.add_signal_handler(number, self._hear, number)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (*PASSED_ON, *OF_A_TERMINAL):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def to(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        for number in self._early:
            self._send(process, number)

    def _hear(self, number: int) -> None:
        if self._on_terminal and number in OF_A_TERMINAL:
            return
        if self._process is None:
            self._early.append(number)
        else:
            self._send(self._process, number)

    def _send(self, process: asyncio.subprocess.Process, number: int) -> None:
        with suppress(ProcessLookupError):
            if self._on_terminal:
                process.send_signal(number)
            else:
                os.killpg(process.pid, number)


def _has_terminal() -> bool:
    """Whether a terminal controls us: then the command stays in our process group, and can read from it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


@contextmanager
def _signals_end_us() -> Iterator[None]:
    """Outside of the command a signal ends us in order, so that a server we started ends as well."""

    def end(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (*PASSED_ON, *OF_A_TERMINAL)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
