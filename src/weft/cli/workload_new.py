"""`weft workload new`: makes the project of a new workload, with a job, a hook, tests and manifests."""

from __future__ import annotations

import importlib.resources
import keyword
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated
from uuid import uuid4

from cyclopts import Parameter

from weft.cli.errors import CommandFailed, Misused

TEMPLATE = "templates/workload"
SUFFIX = ".tmpl"
LONGEST_NAME = 32

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*\.[A-Za-z0-9][A-Za-z0-9-]*")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TAKEN = frozenset(("weft", "tests", "conftest", "pytest", "msgspec"))


def new(
    name: Annotated[str, Parameter(help="Name of the workload, such as Org.Forecast.")],
    /,
    *,
    directory: Path | None = None,
) -> None:
    """Make a project: a job, a hook, a typed payload, tests and a manifest package.

    Parameters
    ----------
    directory
        Where to; it must be empty, or not there yet [./NAME-OF-THE-PROJECT].
    """
    words = _words(name)
    target = Path(words["project"]) if directory is None else directory
    _write(target, {path: _filled(text, words) for path, text in _template(words)})
    print(f"{target} holds the workload {name}. Next:")
    print(f"  cd {shlex.quote(str(target))}")
    print("  pytest")
    print(f"  weft up --workload {words['module']}:workload")


def _words(name: str) -> Mapping[str, str]:
    """Return what stands in the template between signs `@`."""
    if len(name) > LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise Misused(
            f"a workload is named Org.Name, two parts of letters, digits and hyphens, at most {LONGEST_NAME} "
            f"characters; not {name!r}"
        )
    module = _module(name.rpartition(".")[2])
    return {
        "name": name,
        "item": f"{name}.Report",
        "job": f"{name}.Report.Summarize",
        "module": module,
        "project": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"),
        "version": version("weft"),
        "app": str(uuid4()),
        "tenant": str(uuid4()),
    }


def _module(part: str) -> str:
    """Return a name for the module that is one, and that hides no other."""
    module = _WORD.sub("_", part).replace("-", "_").lower()
    hides = module in sys.stdlib_module_names or module in _TAKEN
    usable = module.isidentifier() and not keyword.iskeyword(module) and not hides
    return module if usable else f"workload_{module}"


def _template(words: Mapping[str, str]) -> Iterator[tuple[PurePosixPath, str]]:
    root = importlib.resources.files("weft").joinpath(TEMPLATE)
    for path, file in _files(root, PurePosixPath()):
        named = path.with_name(path.name.removesuffix(SUFFIX).replace("MODULE", words["module"]))
        yield named, file.read_text(encoding="utf-8")


def _files(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, at / entry.name)
        elif entry.name.endswith(SUFFIX):
            yield at / entry.name, entry


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"@([a-z]+)@", lambda found: words[found[1]], text)


def _write(target: Path, files: Mapping[PurePosixPath, str]) -> None:
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise Misused(f"{str(target)!r} is there already, and is no empty directory")
        for path, text in files.items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as failed:
        raise CommandFailed(f"cannot write {str(target)!r}: {failed.strerror}") from None
