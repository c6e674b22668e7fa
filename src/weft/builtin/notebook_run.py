"""A run of a notebook: its definition's cells, one after the other, in a kernel of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from weft.builtin.cells import Cell, cells_of, part_of, with_parameters
from weft.builtin.execution import as_code, parameters_of, tell_ignored
from weft.builtin.places import place, write_parts
from weft.kit.context import JobContext
from weft.kit.errors import ErrorDetail, JobFailed

EXTRA: Final = "weft[notebooks]"
LONGEST_TRACEBACK: Final = 6000
LONGEST_LINE: Final = 200


async def run(ctx: JobContext, payload: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the exit value, where the notebook gives one. Raises JobFailed."""
    tell_ignored(ctx, payload)
    parameters = parameters_of(payload)
    definition = await ctx.definition()
    path = part_of(definition)
    _check_installed()
    cells = cells_of(path, definition[path])
    if parameters:
        cells = with_parameters(cells, as_code(parameters))
    with place() as directory:
        files = directory / "files"
        files.mkdir()
        write_parts(files, {name: content for name, content in definition.items() if name != path})
        return await _execute(ctx, [cell for cell in cells if _runs(ctx, cell)], files)


def _check_installed() -> None:
    try:
        import ipykernel  # noqa: F401, PLC0415 - an extra
        import nbclient  # noqa: F401, PLC0415
        import nbformat  # noqa: F401, PLC0415
    except ImportError as missing:
        why = f"Notebooks need {EXTRA}: pip install '{EXTRA}' where the server runs ({missing})."
        raise JobFailed("NotebooksNotInstalled", why) from None


def _runs(ctx: JobContext, cell: Cell) -> bool:
    if cell.is_frozen:
        ctx.log.info("cell %d is frozen, and not run", cell.number)
    return bool(cell.source.strip()) and not cell.is_frozen


async def _execute(ctx: JobContext, cells: Sequence[Cell], files: Path) -> dict[str, str] | None:
    from weft.builtin.kernels import CellFailed, Exited, kernel  # noqa: PLC0415 - needs the extra

    if not cells:
        return None
    ctx.progress(0, len(cells), "starting")
    async with kernel(files, _say) as ready:
        for done, cell in enumerate(cells):
            ctx.progress(done, len(cells), _named(cell))
            try:
                await ready.execute(cell)
            except Exited as exited:
                ctx.progress(done + 1, len(cells), f"exited in {_named(cell)}")
                return {"exitValue": exited.value}
            except CellFailed as failed:
                raise _failure(cell, failed.name, failed.value, failed.traceback) from None
    ctx.progress(len(cells), len(cells), "done")
    return None


def _say(stream: str, text: str) -> None:
    """What the job's process prints is kept with the job, line by line and within bounds."""
    out = sys.stderr if stream == "stderr" else sys.stdout
    out.write(text)
    out.flush()


def _failure(cell: Cell, name: str, value: str, traceback: str) -> JobFailed:
    first_line = cell.source.strip().partition("\n")[0]
    details = [ErrorDetail("Cell", f"{_named(cell)}: {first_line[:LONGEST_LINE]}")]
    if traceback.strip():  # IPython gives none for an unknown magic
        details.append(ErrorDetail("Traceback", traceback[-LONGEST_TRACEBACK:]))
    return JobFailed(name, value or name, details=details)


def _named(cell: Cell) -> str:
    return f"cell {cell.number}" if cell.number else "the parameters"
