"""The `weft` command: finds the command that was asked for, and turns errors into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from weft.cli.errors import CommandFailed, Exit
from weft.cli.output import complain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    return code


def _run(given: list[str]) -> int:
    if given == ["--version"]:
        return _version()
    # Imported here: `weft --version` needs none of it.
    from cyclopts import CycloptsError  # noqa: PLC0415

    from weft.cli.commands import app  # noqa: PLC0415
    from weft.client.errors import ClientError  # noqa: PLC0415

    try:
        code = app(given, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as misused:
        complain(str(misused))
        return Exit.USAGE
    except CommandFailed as failed:
        complain(str(failed))
        return failed.code
    except ClientError as refused:
        complain(str(refused))
        return Exit.ERROR
    return code if isinstance(code, int) else Exit.OK


def _version() -> int:
    from importlib.metadata import version  # noqa: PLC0415

    print(f"weft {version('weft')}")
    return Exit.OK


def _reader_left() -> int:
    """Who read our output has gone, as `head` does; nothing more can be told, not even at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return Exit.ERROR


if __name__ == "__main__":
    sys.exit(main())
