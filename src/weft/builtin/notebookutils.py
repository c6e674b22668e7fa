"""What notebooks and scripts find as `notebookutils` and `mssparkutils`: the way to end with a value.

Source: Microsoft Learn, "NotebookUtils notebook run and orchestration": `notebook.exit(value)`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final, NoReturn

NAMES: Final = ("notebookutils", "mssparkutils")


class NotebookExit(BaseException):
    """Ends the run well, with its value; no Exception, so that `except Exception` does not swallow it."""


class Notebook:
    """Of Fabric's functions there is the one that ends a run."""

    def exit(self, value: object = "") -> NoReturn:
        """End the run: no further cell runs. *value*, as text, is its exit value."""
        raise NotebookExit(str(value))


def modules() -> dict[str, ModuleType]:
    """Return a module for each name, and let `import` find it."""
    found: dict[str, ModuleType] = {}
    for name in NAMES:
        module = ModuleType(name, __doc__)
        module.__dict__["notebook"] = Notebook()
        found[name] = sys.modules[name] = module
    return found
