"""`weft workload`: what helps to write a workload and to hand it over."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from weft.cli.errors import Exit, Misused
from weft.cli.options import AsJson, group
from weft.cli.output import print_json, print_pairs, printable
from weft.manifests.declared import Package
from weft.manifests.errors import Finding, ManifestInvalid
from weft.manifests.package import load

app = group("workload", "Write workloads, check and host them.")
app.command("weft.cli.workload_new:new", name="new", help="Make the project of a new workload.")
app.command("weft.cli.workload_serve:serve", name="serve", help="Host workloads on their own.")


@app.command
def check(
    package: Annotated[Path, Parameter(help="A directory with manifests, or a .nupkg.")],
    /,
    *,
    as_json: AsJson = False,
) -> int:
    """Say what is wrong with a manifest package. Exits with 1 if something is."""
    try:
        found: Package | ManifestInvalid = load(package)
    except ManifestInvalid as invalid:
        found = invalid
    except OSError as unreadable:
        raise Misused(f"cannot read {str(package)!r}: {unreadable.strerror}") from None
    if as_json:
        print_json(_as_json(found))
    else:
        _tell(found)
    return Exit.ERROR if isinstance(found, ManifestInvalid) else Exit.OK


def _tell(found: Package | ManifestInvalid) -> None:
    errors = _errors(found)
    for error in errors:
        print(printable(str(error)))
    for warning in found.warnings:
        print(printable(f"{warning} (warning)"))
    if isinstance(found, Package):
        print_pairs(_summary(found))
    print(f"{_count(errors, 'error')}, {_count(found.warnings, 'warning')}")


def _errors(found: Package | ManifestInvalid) -> tuple[Finding, ...]:
    return found.errors if isinstance(found, ManifestInvalid) else ()


def _summary(package: Package) -> list[tuple[str, str | None]]:
    contract = "no backend" if package.contract is None else f"contract {package.contract}"
    workload = ("workload", f"{package.workload} {package.version} (schema {package.schema}, {contract})")
    items = [
        ("item type", f"{item.name}: {', '.join(item.job_types) or 'no jobs'}") for item in package.items
    ]
    endpoints = [
        ("endpoint", f"{known.name} {known.url}{' (resolves it)' if known.resolves else ''}")
        for known in package.endpoints
    ]
    return [workload, *items, *endpoints]


def _count(findings: tuple[Finding, ...], what: str) -> str:
    return f"{len(findings) or 'no'} {what}{'' if len(findings) == 1 else 's'}"


def _as_json(found: Package | ManifestInvalid) -> dict[str, Any]:
    said: dict[str, Any] = {
        "errors": [asdict(error) for error in _errors(found)],
        "warnings": [asdict(warning) for warning in found.warnings],
    }
    if isinstance(found, ManifestInvalid):
        return said
    return {
        "workload": found.workload,
        "version": found.version,
        "schemaVersion": found.schema,
        "hostingType": found.hosting,
        "contract": found.contract,
        "itemTypes": [{"name": item.name, "jobTypes": item.job_types} for item in found.items],
        "endpoints": [asdict(known) for known in found.endpoints],
        **said,
    }
