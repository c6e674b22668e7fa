"""One target of the coverage-guided fuzzer: `python -m tests.fuzz.parser_target NAME [OPTIONS]`.

What follows NAME goes to libFuzzer. Any exception but the expected ones ends the process with a trace.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["weft.twins"]):
    from weft.twins.dtdl.models import ModelSet, ModelsRefused
    from weft.twins.ndjson import check_format


def ndjson(data: bytes) -> None:
    """The first pass over an import file, which comes in pieces of any length."""
    length = 1 + (data[0] if data else 0)
    rest = data[1:]
    check_format(rest[start : start + length] for start in range(0, len(rest), length))


def dtdl(data: bytes) -> None:
    """Models as they come out of the first pass: any JSON objects."""
    try:
        models = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        ModelSet().add(models if isinstance(models, list) else [models])
    except ModelsRefused:
        return


TARGETS: dict[str, Callable[[bytes], None]] = {"ndjson": ndjson, "dtdl": dtdl}


def main(arguments: list[str]) -> None:
    name, *rest = arguments
    atheris.Setup([sys.argv[0], *rest], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
