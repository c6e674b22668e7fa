"""The files in which a definition keeps its notebook: one name for each language, and Jupyter's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final

IPYNB: Final = "notebook-content.ipynb"
PYTHON: Final = "notebook-content.py"
OTHER_LANGUAGES: Final = {
    "notebook-content.sql": "Spark SQL",
    "notebook-content.scala": "Scala",
    "notebook-content.r": "R",
}

LANGUAGES: Mapping[str, str] = {
    PYTHON: "python",
    "notebook-content.sql": "sparksql",
    "notebook-content.scala": "scala",
    "notebook-content.r": "sparkr",
}
COMMENTS: Mapping[str, str] = {
    PYTHON: "#",
    "notebook-content.sql": "--",
    "notebook-content.scala": "//",
    "notebook-content.r": "#",
}
"""What begins a comment in each file of the Git format."""

_FILES: Mapping[str, str] = {
    "sparksql": "notebook-content.sql",
    "sql": "notebook-content.sql",
    "tsql": "notebook-content.sql",
    "scala": "notebook-content.scala",
    "spark": "notebook-content.scala",
    "sparkr": "notebook-content.r",
    "r": "notebook-content.r",
}


def is_ipynb(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() == ".ipynb"


def notebook_among(paths: Iterable[str]) -> str | None:
    """Return which of the parts of a definition is the notebook."""
    known = set(paths)
    named_by_kind = sorted(path for path in known if is_ipynb(path))
    if named_by_kind:
        return IPYNB if IPYNB in known else named_by_kind[0]
    return next((path for path in COMMENTS if path in known), None)


def file_of(language: str) -> str:
    """Return the file that keeps notebooks of *language*, as metadata name it, in the Git format."""
    return _FILES.get(language.lower(), PYTHON)
