"""What a manifest package declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weft.catalog.item_types import Contract, ItemType
from weft.manifests.errors import Finding


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """*resolves*: it only tells where the endpoint is."""

    name: str
    url: str
    resolves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """An item type as its manifest, *file*, has it."""

    name: str
    file: str
    job_types: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """*contract*: None where the workload has a frontend only; *item_types* is empty then.

    *items*: every item type that is declared, with a backend or without.
    """

    workload: str
    version: str
    schema: str
    hosting: str
    contract: Contract | None
    app_id: str
    endpoints: tuple[ServiceEndpoint, ...]
    items: tuple[Declared, ...]
    item_types: tuple[ItemType, ...]
    warnings: tuple[Finding, ...] = ()

    def with_warnings(self, warnings: Sequence[Finding]) -> Package:
        return replace(self, warnings=tuple(warnings))

    def at(self, url: str) -> Package:
        """Return the package with its backend at *url*, not to be resolved: as while it is developed."""
        moved = tuple(
            replace(known, backend=replace(known.backend, url=url, resolves=None))
            for known in self.item_types
        )
        return replace(self, item_types=moved)
