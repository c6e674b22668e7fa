"""The frontend's part of a package, looked at leniently: only what jobs depend on, and only as warnings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from weft.manifests.declared import Declared, Package
from weft.manifests.errors import Report, shown
from weft.manifests.xml import LONGEST_BYTES

_SCHEDULE = "itemSettings.schedule.itemJobType"


def check_frontend(files: Mapping[str, bytes], package: Package | None, report: Report) -> None:
    """Warn of files that are no JSON, and of schedules of job types that their item does not have."""
    names = {PurePosixPath(file).name for file in files}
    if files and "Product.json" not in names:
        report.warn("", 0, "", "the package holds no FE/Product.json")
    for file, raw in sorted(files.items()):
        value = _value(file, raw, report)
        if package is not None and PurePosixPath(file).name != "Product.json":
            _check_schedule(file, value, package, report)


def _value(file: str, raw: bytes, report: Report) -> Any:
    if len(raw) > LONGEST_BYTES:
        report.warn(file, 0, "", f"the file is longer than {LONGEST_BYTES} bytes")
        return None
    try:
        return msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        report.warn(file, 0, "", f"not JSON: {fault}")
        return None


def _check_schedule(file: str, value: Any, package: Package, report: Report) -> None:
    scheduled = _at(value, *_SCHEDULE.split("."))
    item = _item(file, _at(value, "name"), package)
    if scheduled is None or item is None:
        return
    known = {name.rpartition(".")[2] for name in item.job_types} | set(item.job_types)
    if not isinstance(scheduled, str):
        report.warn(file, 0, _SCHEDULE, "must be the name of a job type")
    elif scheduled not in known:
        report.warn(file, 0, _SCHEDULE, f"{shown(scheduled)} is no job type of {item.name}")


def _item(file: str, name: Any, package: Package) -> Declared | None:
    """Return the item type that the file is about, by the name in it, else by its own."""
    names = {PurePosixPath(file).stem, name if isinstance(name, str) else ""}
    for item in package.items:
        if names & {item.name, item.name.rpartition(".")[2], PurePosixPath(item.file).stem}:
            return item
    return None


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
