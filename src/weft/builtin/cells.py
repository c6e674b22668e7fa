"""The cells of a notebook's definition, whichever of the two published formats it has."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from weft.kit.errors import JobFailed
from weft.notebooks import files
from weft.notebooks.conversion import PARAMETERS_TAG
from weft.notebooks.errors import NotFabricSource
from weft.notebooks.git_source import CELL, PARAMETERS_CELL, Block, blocks_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOT_PYTHON: Final = {
    "sparksql": "Spark SQL",
    "spark": "Scala",
    "scala": "Scala",
    "sparkr": "R",
    "r": "R",
    "csharp": "C#",
    "tsql": "T-SQL",
}
INJECTED_TAG: Final = "injected-parameters"

_CODE_KINDS = frozenset({CELL, PARAMETERS_CELL})


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell with code. *number* counts all cells of the notebook, from 1; 0: it was put in for this run."""

    number: int
    source: str
    tags: frozenset[str] = frozenset()
    is_frozen: bool = False


def part_of(definition: Mapping[str, bytes]) -> str:
    """Return the path of the part that is the notebook. Raises JobFailed."""
    if not definition:
        raise no_definition()
    path = files.notebook_among(definition)
    if path is None:
        paths = ", ".join(sorted(definition))
        why = f"The definition has no part *.ipynb or {files.PYTHON}; it has {paths}."
        raise JobFailed("NotebookInvalid", why)
    language = files.OTHER_LANGUAGES.get(path)
    if language is not None:
        raise JobFailed("LanguageNotSupported", f"{path}: {language} does not run here, only Python does.")
    return path


def no_definition() -> JobFailed:
    why = "The item has no definition: give it one with updateDefinition, or when it is created."
    return JobFailed("ItemHasNoDefinition", why)


def cells_of(path: str, content: bytes) -> list[Cell]:
    """Return the cells with code. Raises JobFailed."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _invalid(path, "it is not UTF-8") from None
    return list(_of_git_source(path, text) if path == files.PYTHON else _of_ipynb(path, text))


def with_parameters(cells: Sequence[Cell], code: str) -> list[Cell]:
    """Return *cells* with one of *code* after that of the defaults, or as the first."""
    kept = [cell for cell in cells if INJECTED_TAG not in cell.tags]
    after = [index + 1 for index, cell in enumerate(kept) if PARAMETERS_TAG in cell.tags]
    place = after[0] if after else 0
    return [*kept[:place], Cell(0, code, frozenset({INJECTED_TAG})), *kept[place:]]


def _of_git_source(path: str, text: str) -> Iterator[Cell]:
    try:
        _, blocks = blocks_of(text)
    except NotFabricSource as why:
        raise _invalid(path, str(why)) from None
    for number, block in enumerate(blocks, 1):
        if block.kind in _CODE_KINDS:
            yield _of_block(path, number, block)


def _of_block(path: str, number: int, block: Block) -> Cell:
    other = NOT_PYTHON.get(str(block.metadata.get("language")).lower())
    if other is not None:
        raise JobFailed("LanguageNotSupported", f"{path}: cell {number} is {other}; only Python runs here.")
    tags = {PARAMETERS_TAG} if block.kind == PARAMETERS_CELL else set()
    return Cell(number, block.source, frozenset(tags), _is_frozen(block.metadata))


def _of_ipynb(path: str, text: str) -> Iterator[Cell]:
    notebook = _read(path, text)
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            yield Cell(
                number, cell.source, frozenset(cell.metadata.get("tags", ())), _is_frozen(cell.metadata)
            )


def _read(path: str, text: str) -> NotebookNode:
    import nbformat  # noqa: PLC0415 - an extra, and not for the other format

    reader: Any = nbformat  # its functions have no types
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without ids, which older writers never made
            notebook: NotebookNode = reader.reads(text, as_version=4)
            reader.validate(notebook)
    except nbformat.ValidationError as invalid:
        raise _invalid(path, str(invalid).partition("\n")[0]) from None
    except Exception as unreadable:  # the readers of old formats raise whatever they stumble over
        why = str(unreadable).partition("\n")[0] or type(unreadable).__name__
        raise _invalid(path, f"it is no notebook: {why[:500]}") from None
    return notebook


def _is_frozen(metadata: Mapping[str, Any]) -> bool:
    """Whether its author has locked the cell, so that no run executes it."""
    control = metadata.get("run_control")
    return metadata.get("frozen") is True or (isinstance(control, Mapping) and control.get("frozen") is True)


def _invalid(path: str, why: str) -> JobFailed:
    return JobFailed("NotebookInvalid", f"{path}: {why}.")
