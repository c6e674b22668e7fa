"""One target of the coverage-guided fuzzer: `python -m tests.fuzz.parser_target NAME [OPTIONS]`.

What follows NAME goes to libFuzzer. Any exception that leaves the target ends the process with a trace.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import import_module

import atheris


def main(arguments: list[str]) -> None:
    name, *rest = arguments
    with atheris.instrument_imports(include=["weft"]):
        module = import_module(f"tests.fuzz.targets.{name}")
    run: Callable[[bytes], None] = module.run
    logging.disable()
    atheris.Setup([sys.argv[0], *rest], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
