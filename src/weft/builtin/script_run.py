"""A run of a Python file: `main.py` of the item's definition, in the job's own process."""

from __future__ import annotations

import os
import runpy
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from weft.builtin.cells import no_definition
from weft.builtin.execution import parameters_of, tell_ignored
from weft.builtin.notebookutils import NotebookExit, modules
from weft.builtin.places import place, write_parts
from weft.kit.context import JobContext
from weft.kit.errors import ErrorDetail, JobFailed

MAIN: Final = "main.py"
ARGUMENTS: Final = "commandLineArguments"
MOST_FRAMES: Final = 10


def run(ctx: JobContext, payload: Mapping[str, Any]) -> Any:
    """Return what the script has left as `result`, or its exit value. Raises JobFailed.

    The process is no other job's afterwards: the script may change it as it likes.
    """
    tell_ignored(ctx, payload, ARGUMENTS)
    parameters = parameters_of(payload)
    arguments = _arguments(payload.get(ARGUMENTS))
    definition = ctx.get_definition()
    if not definition:
        raise no_definition()
    if MAIN not in definition:
        raise JobFailed(
            "ScriptInvalid", f"The definition has no part {MAIN}; it has {', '.join(definition)}."
        )
    with place() as directory:
        write_parts(directory, definition)
        os.chdir(directory)
        sys.path.insert(0, str(directory))
        sys.argv = [MAIN, *arguments]
        return _run(directory, parameters)


def _run(directory: Path, parameters: Mapping[str, Any]) -> Any:
    given = {**modules(), "parameters": dict(parameters)}
    try:
        left = runpy.run_path(str(directory / MAIN), init_globals=given, run_name="__main__")
    except NotebookExit as exited:
        return {"exitValue": str(exited)}
    except SystemExit as left_by:
        if left_by.code in (None, 0):
            return None
        raise _failure(
            left_by, f"The script called sys.exit({_said(repr, left_by.code)}).", directory
        ) from None
    except Exception as error:
        raise _failure(error, _said(str, error), directory) from None
    return left.get("result")


def _arguments(given: Any) -> list[str]:
    """Read the arguments as Fabric's Spark jobs are given theirs: one text, as for a shell."""
    if given is None:
        return []
    try:
        if isinstance(given, str):
            return shlex.split(given)
    except ValueError:
        pass  # a quotation mark that is not closed
    raise JobFailed(
        "InvalidParameter", f"{ARGUMENTS} must be text, as for a command line, not {given!r:.100}"
    )


def _failure(error: BaseException, message: str, directory: Path) -> JobFailed:
    return JobFailed(
        type(error).__qualname__, message, details=list(_frames(error, directory))[-MOST_FRAMES:]
    )


def _frames(error: BaseException, directory: Path) -> Iterator[ErrorDetail]:
    """Yield the frames from the script's first on, the innermost last."""
    if isinstance(error, SyntaxError) and error.filename:
        yield ErrorDetail(
            "Frame", f"{Path(error.filename).name}:{error.lineno}: {(error.text or '').strip()}"
        )
        return
    found = traceback.extract_tb(error.__traceback__)
    first = next(
        (at for at, frame in enumerate(found) if Path(frame.filename).parent == directory), len(found)
    )
    for frame in found[first:]:
        where = Path(frame.filename)
        name = where.relative_to(directory) if where.is_relative_to(directory) else where
        yield ErrorDetail("Frame", f"{name}:{frame.lineno} in {frame.name}: {frame.line}"[:500])


def _said(say: Callable[[object], str], value: object) -> str:
    try:
        return say(value) or type(value).__qualname__
    except BaseException:  # how it is said is the script's, which may even leave there
        return type(value).__qualname__
