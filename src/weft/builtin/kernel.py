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
    shell.register_magic_function(_python_of(shell), "cell", "pyspark")
    app.start()


def _ignored(line: str, cell: str = "") -> None:
    """`%%configure` sizes a Spark session."""
    print("%%configure is ignored: there is no Spark session here")  # noqa: T201 - said in the job's log


def _python_of(shell: Any) -> Any:
    def pyspark(line: str, cell: str) -> None:
        """`%%pyspark` marks a cell as Python."""
        shell.run_cell(cell, silent=True).raise_error()

    return pyspark


if __name__ == "__main__":
    main(sys.argv[1:])
