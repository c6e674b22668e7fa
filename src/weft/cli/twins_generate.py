"""`weft twins generate`: writes a building graph of the size one asks for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from weft.cli.errors import CommandFailed, Misused
from weft.cli.options import AsJson, whole
from weft.cli.output import print_json, print_pairs

MOST_BUILDINGS = 9_999_999  # an ordered id has seven digits for its building


def generate(
    *,
    buildings: Annotated[int, Parameter(converter=whole, allow_leading_hyphen=True)],
    out: Path,
    ids: Literal["ordered", "guid"] = "ordered",
    seed: Annotated[int, Parameter(converter=whole, allow_leading_hyphen=True)] = 0,
    as_json: AsJson = False,
) -> None:
    """Write a graph of buildings as a file to import, and print what it holds; no server is needed.

    Parameters
    ----------
    buildings
        How many buildings; each has floors, rooms, air handlers and sensors: about 1,000 entities.
    out
        The file to write; what is there is replaced.
    ids
        ordered: ids that rise through the file; guid: random ones.
    seed
        Another number makes another graph of the same size.
    """
    from weft.examples.building.generate import Size, write_buildings  # noqa: PLC0415 - makes its plans

    if not 1 <= buildings <= MOST_BUILDINGS:
        raise Misused(f"--buildings must be from 1 to {MOST_BUILDINGS}, not {buildings}")
    if seed < 0:
        raise Misused(f"--seed must not be negative, as {seed} is")
    try:
        with _progress(Size.of_buildings(buildings).entities) as told:
            written = write_buildings(out, buildings=buildings, ids=ids, seed=seed, told=told)
    except OSError as failed:
        raise CommandFailed(f"cannot write {out}: {failed.strerror or failed}") from None
    if as_json:
        print_json(written)
        return
    print_pairs(
        [
            ("file", str(out)),
            ("models", f"{written.models:,}"),
            ("twins", f"{written.twins:,}"),
            ("relationships", f"{written.relationships:,}"),
            ("bytes", f"{written.bytes:,}"),
        ]
    )


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None] | None]:
    """Yield what is told how many entities have been written; None where nobody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (BarColumn(24), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task("", total=total)
        yield lambda done: bar.update(shown, completed=done)
