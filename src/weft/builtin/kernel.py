"""The process in which a notebook's cells run: an IPython kernel that knows Fabric's `notebookutils`.

`python -m weft.builtin.kernel -f CONNECTION_FILE`, started by `kernels.py` for one run of one notebook.
"""

from __future__ import annotations

import sys
from typing import Any

from ipykernel.kernelapp import IPKernelApp

from weft.builtin.notebookutils import modules


def main(arguments: list[str]) -> None:
    app: Any = IPKernelApp.instance()  # its methods have no types
    app.initialize(arguments)
    shell = app.shell
    shell.push(modules(), interactive=False)
    shell.register_magic_function(_ignored, "line_cell", "configure")
    shell.input_transformers_cleanup.insert(0, _unmarked)
    app.start()


def _ignored(line: str, cell: str = "") -> None:
    """`%%configure` sizes a Spark session."""
    print("%%configure is ignored: there is no Spark session here")  # noqa: T201 - said in the job's log


def _unmarked(lines: list[str]) -> list[str]:
    """`%%pyspark` marks a cell as Python, which it is here in any case."""
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    return [
        "\n" if index == first and line.strip() == "%%pyspark" else line for index, line in enumerate(lines)
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
