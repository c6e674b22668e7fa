"""Every item type that jobs can run on: by name, with where and as whom its workload is called."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from weft.auth.issuer import CORE_AUDIENCES, TWINS_AUDIENCES, Issuer
from weft.auth.resources import MANAGEMENT_AUDIENCE, STORAGE_AUDIENCE
from weft.catalog.addresses import AddressRefused
from weft.catalog.fabric_types import published_type
from weft.catalog.item_types import Backend, Dedup, ItemType, RunsAs
from weft.contracts.core import InvokeType
from weft.runners.workload_endpoint import Endpoint, Person
from weft.settings import Settings

if TYPE_CHECKING:
    from weft.manifests.declared import Package


class ItemTypeTaken(Exception):
    """Two workloads have jobs for one item type."""

    def __init__(self, item_type: str, one: str, other: str) -> None:
        super().__init__(f"item type {item_type!r} is of {one!r} and of {other!r}")


class PackageRefused(Exception):
    """What is wrong with a manifest package, in as many lines as there are faults."""


class AudienceTaken(ItemTypeTaken):
    """The tokens that a workload would be sent are good for somebody else, too: it could use them there."""

    def __init__(self, item_type: str, audience: str, owner: str) -> None:
        Exception.__init__(
            self, f"tokens for item type {item_type!r} would be for {audience!r}, which is of {owner}"
        )


class MappingRefused(Exception):
    """An item type cannot have the jobs of another; *given* as `TYPE = 'TYPE/JOB'`."""

    def __init__(self, item_type: str, target: str, why: str) -> None:
        super().__init__(f"mapped {item_type} = {target!r}: {why}")


def declared_item_types(settings: Settings, home_tenant: str) -> tuple[ItemType, ...]:
    """Return the item types of the manifest packages and addresses that the settings name. Blocks.

    Raises PackageRefused, AddressRefused, and OSError where a package cannot be read.
    """
    if not (settings.manifests or settings.workload_urls):
        return ()
    # The readers of packages: loaded only where there is something to read.
    from weft.manifests.by_url import item_type_at  # noqa: PLC0415

    packages = [_loaded(path, home_tenant) for path in settings.manifests]
    by_manifest = (item_type for package in packages for item_type in package.item_types)
    try:
        by_url = [item_type_at(given, publisher_tenant=home_tenant) for given in settings.workload_urls]
    except ValueError as refused:
        raise AddressRefused(f"--workload-url: {refused}") from None
    return (*by_manifest, *by_url)


def _loaded(path: Path, home_tenant: str) -> Package:
    from weft.manifests.errors import ManifestInvalid  # noqa: PLC0415 - as above
    from weft.manifests.package import load  # noqa: PLC0415

    try:
        return load(path, home_tenant=home_tenant)
    except ManifestInvalid as invalid:
        raise PackageRefused(f"--manifest {path}:\n{invalid}") from None


def hosted_as_declared(hosted: Iterable[ItemType], declared: Iterable[ItemType]) -> tuple[ItemType, ...]:
    """Return all item types, once: one that is hosted here stays here, whatever address its manifest names.

    Its manifest decides what is de-duplicated, and whose app it is. Raises ItemTypeTaken for one that is
    declared twice, or that is hosted here and declared by an address alone.
    """
    others: dict[str, ItemType] = {}
    for item_type in declared:
        other = others.setdefault(_folded(item_type.name), item_type)
        if other is not item_type:
            raise ItemTypeTaken(item_type.name, _place(other), _place(item_type))
    here = [_as_declared(item_type, others.pop(_folded(item_type.name), None)) for item_type in hosted]
    return (*here, *others.values())


def _as_declared(hosted: ItemType, manifest: ItemType | None) -> ItemType:
    if manifest is None:
        return hosted
    if manifest.job_types is None:  # an address alone, which nobody would ever call
        raise ItemTypeTaken(hosted.name, hosted.backend.workload, _place(manifest))
    return replace(hosted, on_demand=manifest.on_demand, scheduled=manifest.scheduled, app_id=manifest.app_id)


def _place(item_type: ItemType) -> str:
    return f"{item_type.backend.workload} at {item_type.backend.url}"


@dataclass(frozen=True, slots=True)
class _Mapped:
    """Items of type *item_type* have the jobs of *target*: always *job_type*, or, "", the one asked for."""

    item_type: ItemType
    target: str
    job_type: str


class Registry:
    """Finds item types by their name in any ASCII case, and tells where their workloads are.

    A published type whose jobs no workload does is known by its name alone. *mapped* gives a published type
    the jobs of another one: `{"DataPipeline": "Contoso.Sales.Forecast/calculate"}`.
    """

    def __init__(self, item_types: Iterable[ItemType], *, mapped: Mapping[str, str] | None = None) -> None:
        """Raises ItemTypeTaken, MappingRefused."""
        self._known: dict[str, ItemType] = {}
        self._mapped: dict[str, _Mapped] = {}
        self._hosted_at = ""
        self._tls: ssl.SSLContext | None = None
        for item_type in item_types:
            self._add(item_type)
        for name, target in (mapped or {}).items():
            self._map(name, target)

    def served_at(self, base_url: str, tls: ssl.SSLContext | None) -> None:
        """Take note of where this server's host face is, once its port is known, and what trusts it."""
        self._hosted_at = base_url
        self._tls = tls

    @property
    def all(self) -> tuple[ItemType, ...]:
        return tuple(self._known.values())

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences of the workloads' tokens, each once."""
        return tuple(dict.fromkeys(item_type.backend.audience for item_type in self.all))

    def find(self, name: str) -> ItemType | None:
        """Return an item type that has jobs, its own or mapped ones."""
        folded = _folded(name)
        mapped = self._mapped.get(folded)
        return self._known.get(folded) if mapped is None else mapped.item_type

    def item_type(self, name: str) -> str | None:
        """Return the registered, or published, spelling of an item type given in any ASCII case."""
        found = self.find(name)
        return published_type(name) if found is None else found.name

    def job_type(self, item_type: str, name: str) -> str | None:
        """Return the registered spelling of a job type given in any ASCII case.

        Where the job types are not registered, any name is its own spelling.
        """
        found = self.find(item_type)
        if found is None:
            return None
        if found.job_types is None:
            return name
        return next((known for known in found.job_types if _folded(known) == _folded(name)), None)

    def dedup(self, item_type: str, invoke_type: InvokeType) -> Dedup:
        """Return which live jobs make a new one of *item_type*, invoked so, a duplicate."""
        found = self.find(item_type)
        if found is None:
            return Dedup.NONE
        return found.scheduled if invoke_type is InvokeType.SCHEDULED else found.on_demand

    def runs_as(self, item_type: str, job_type: str) -> RunsAs | None:
        """Return what jobs of a mapped item type are at their workload; None: what they are here."""
        mapped = self._mapped.get(_folded(item_type))
        return None if mapped is None else RunsAs(mapped.target, mapped.job_type or job_type)

    def endpoint(self, item_type: str) -> Endpoint | None:
        found = self.find(item_type)
        if found is None:
            return None
        if found.backend.url:
            return Endpoint(found.backend)
        return Endpoint(replace(found.backend, url=self._hosted_at), self._tls)

    def is_hosted(self, item_type: str) -> bool:
        """Return whether this server itself does the jobs of *item_type*."""
        found = self.find(item_type)
        return found is not None and not found.backend.url

    def _map(self, name: str, given: str) -> None:
        published, (type_name, _, job_name) = published_type(name), given.partition("/")
        if published is None:
            raise MappingRefused(name, given, "it is none of the item types that Fabric publishes")
        if self.find(name) is not None:
            raise MappingRefused(name, given, "it has jobs already")
        target = self._known.get(_folded(type_name))
        if target is None:
            raise MappingRefused(name, given, f"no workload has jobs of item type {type_name!r}")
        job_type = self.job_type(target.name, job_name) if job_name else ""
        if job_type is None:
            known = ", ".join(target.job_types or ())
            raise MappingRefused(name, given, f"{target.name} has no job type {job_name!r}; it has {known}")
        # Its workload does the jobs, but is told nothing of the items: they are not of its own type.
        job_types = None if job_type else target.job_types
        item_type = replace(target, name=published, job_types=job_types, told=frozenset())
        self._mapped[_folded(published)] = _Mapped(item_type, target.name, job_type)

    def _add(self, item_type: ItemType) -> None:
        other = self.find(item_type.name)
        if other is not None:
            raise ItemTypeTaken(item_type.name, other.backend.workload, item_type.backend.workload)
        self._check_audience(item_type)
        self._known[_folded(item_type.name)] = item_type

    def _check_audience(self, item_type: ItemType) -> None:
        backend = item_type.backend
        audience = _plain(backend.audience)
        if audience in _OF_SERVICES:
            raise AudienceTaken(item_type.name, backend.audience, "this server")
        for other in self._known.values():
            if _plain(other.backend.audience) == audience and other.backend.workload != backend.workload:
                raise AudienceTaken(item_type.name, backend.audience, repr(other.backend.workload))


class LocalCredentials:
    """Proves to a workload who calls, with tokens of the local issuer."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer

    def authorization(self, backend: Backend, person: Person) -> str:
        return self._issuer.subject_and_app(
            backend.workload,
            person.name,
            person.user or None,
            person.tenant,
            audience=backend.audience,
            publisher_tenant=backend.publisher_tenant,
        )


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else name


def _plain(audience: str) -> str:
    return audience.rstrip("/").lower()


_OF_SERVICES = frozenset(
    map(_plain, (*CORE_AUDIENCES, *TWINS_AUDIENCES, STORAGE_AUDIENCE, MANAGEMENT_AUDIENCE))
)
