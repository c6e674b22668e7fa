"""Manifest packages: a directory or a .nupkg becomes what it declares, or all that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from weft.manifests.archive import LONGEST_BYTES as LONGEST_ARCHIVE_BYTES
from weft.manifests.archive import files_in_archive
from weft.manifests.declared import Package
from weft.manifests.errors import ManifestInvalid, Report, TooManyFindings, refused
from weft.manifests.frontend import check_frontend
from weft.manifests.reading import read
from weft.manifests.xml import LONGEST_BYTES, Element, parse

MOST_MANIFESTS: Final = 64
MOST_BYTES: Final = 4 * LONGEST_BYTES

_XML = re.compile(r"(?:BE/)?[^/]+\.xml|items/[^/]+/[^/]+\.xml", re.IGNORECASE)
_JSON = re.compile(r"(?:FE/)?[^/]+\.json|items/[^/]+/[^/]+\.json", re.IGNORECASE)
_OF_NUGET: Final = "[Content_Types].xml"


def load(path: Path, *, home_tenant: str = "") -> Package:
    """Return what the package at *path* declares; *home_tenant* publishes what names no publisher.

    The manifests lie in `BE/` and `FE/`, or all in one directory, the items' also in `items/NAME/`. Raises
    ManifestInvalid with everything that is wrong, and OSError where *path* cannot be read.
    """
    if path.is_dir():
        return read_files(_in_directory(path), home_tenant=home_tenant)
    with path.open("rb") as file:
        raw = file.read(LONGEST_ARCHIVE_BYTES + 1)
    return read_files(files_in_archive(raw, _is_wanted, limit_bytes=LONGEST_BYTES), home_tenant=home_tenant)


def read_files(files: Mapping[str, bytes], *, home_tenant: str = "") -> Package:
    """Return what *files*, by their names in the package, declare. Raises ManifestInvalid."""
    report = Report()
    try:
        roots = _roots(files, report)
        package = read(roots, home_tenant, report)
        check_frontend(_chosen(files, _JSON, "FE/"), package, report)
    except TooManyFindings:
        raise report.refusal() from None
    if report.errors or package is None:
        raise report.refusal()
    return package.with_warnings(report.warnings)


def _roots(files: Mapping[str, bytes], report: Report) -> dict[str, Element]:
    """Return the root element of each XML file that is XML."""
    chosen = _chosen(files, _XML, "BE/")
    if len(chosen) > MOST_MANIFESTS:
        raise refused("", f"the package holds more than {MOST_MANIFESTS} manifests")
    if sum(len(raw) for raw in chosen.values()) > MOST_BYTES:
        raise refused("", f"the manifests of the package are longer than {MOST_BYTES} bytes")
    roots: dict[str, Element] = {}
    for name, raw in sorted(chosen.items()):
        try:
            roots[name] = parse(raw, name)
        except ManifestInvalid as invalid:
            for error in invalid.errors:
                report.error(error.file, error.line, error.element, error.message)
    return roots


def _chosen(files: Mapping[str, bytes], pattern: re.Pattern[str], directory: str) -> dict[str, bytes]:
    """Return the files whose name fits *pattern*: those in *directory*, if there are any."""
    fitting = {name: raw for name, raw in files.items() if pattern.fullmatch(name) and name != _OF_NUGET}
    inside = {name: raw for name, raw in fitting.items() if name.upper().startswith(directory)}
    return inside or fitting


def _is_wanted(name: str) -> bool:
    return bool(_XML.fullmatch(name) or _JSON.fullmatch(name))


def _in_directory(path: Path) -> dict[str, bytes]:
    places: tuple[Callable[[], list[Path]], ...] = (
        lambda: sorted(path.glob("*")),
        lambda: sorted(path.glob("[Bb][Ee]/*")) + sorted(path.glob("[Ff][Ee]/*")),
        lambda: sorted(path.glob("items/*/*")),
    )
    found = [file for place in places for file in place() if _is_wanted(file.relative_to(path).as_posix())]
    if len(found) > 4 * MOST_MANIFESTS:
        raise refused("", f"the directory holds more than {4 * MOST_MANIFESTS} XML and JSON files")
    return {file.relative_to(path).as_posix(): _beginning(file) for file in found if file.is_file()}


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LONGEST_BYTES + 1)
