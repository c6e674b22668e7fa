"""From manifests to what they declare: the schema is checked first, then what no schema can say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from weft.catalog.item_types import Backend, Contract, Dedup, ItemEvent, ItemType
from weft.manifests.declared import Declared, Package, ServiceEndpoint
from weft.manifests.errors import Report, shown
from weft.manifests.schemas import (
    BACKENDS,
    FRONTEND_ONLY,
    ITEM_ROOT,
    REMOTE,
    REMOTE_ITEM,
    VERSION,
    WDK,
    WDK_ITEM,
    WORKLOAD_ROOT,
)
from weft.manifests.shapes import Shape, check, is_true
from weft.manifests.urls import UrlRefused, service_url
from weft.manifests.xml import Element

_DEVELOPED = re.compile(
    r"api://localdevinstance/([a-fA-F0-9]{8}-(?:[a-fA-F0-9]{4}-){3}[a-fA-F0-9]{12})/([^/]+)"
    r"(?:/[a-zA-Z0-9-]{1,36})?"
)
_DEVELOPMENT: Final = "api://localdevinstance/"
_CLOUD: Final = ("Workload", "RemoteServiceConfiguration", "CloudServiceConfiguration")
_ALL: Final = frozenset({ItemEvent.CREATE, ItemEvent.UPDATE, ItemEvent.DELETE})
_EVENTS: Final = {
    "OnCreate": {ItemEvent.CREATE},
    "OnUpdate": {ItemEvent.UPDATE},
    "OnDelete": {ItemEvent.DELETE, ItemEvent.RESTORE},  # who hears of soft deletions must take them back
    "OnRestore": {ItemEvent.RESTORE},
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the published forms of a package; *major*: the first number of its SchemaVersion."""

    major: str
    workload: Shape
    item: Shape
    app: str
    contract: Contract | None


FABRICS_OWN: Final = ("00000009-0000-0000-c000-000000000000", "d2450708-699c-41e3-8077-b0c8341509aa")
"""The apps with which Fabric itself calls workloads."""

_WDK: Final = _Kind("1", WDK, WDK_ITEM, "AADApp", Contract.WDK)
_REMOTE: Final = _Kind("2", REMOTE, REMOTE_ITEM, "AADBEApp", Contract.REMOTE)
_FRONTEND: Final = _Kind("2", FRONTEND_ONLY, REMOTE_ITEM, "AADFEApp", None)


def read(roots: Mapping[str, Element], home_tenant: str, report: Report) -> Package | None:
    """Return what *roots*, by file, declare; None where *report* was told why that cannot be said."""
    file = _workload_file(roots, report)
    items = _item_files(roots, report)
    if file is None:
        return None
    root = roots[file]
    kind = _kind(root, file, report)
    if kind is None:
        return None
    check(root, kind.workload, file, report)
    for name, item in items.items():
        check(item, kind.item, name, report)
    _Reader(file, root, kind, home_tenant, report).check(items)
    if report.errors:
        return None
    return _Reader(file, root, kind, home_tenant, report).package(items)


def _workload_file(roots: Mapping[str, Element], report: Report) -> str | None:
    found = [file for file, root in roots.items() if root.name == WORKLOAD_ROOT]
    if not found and not report.errors:
        report.error("", 0, "", f"the package holds no WorkloadManifest.xml, whose root is {WORKLOAD_ROOT}")
    for extra in found[1:]:
        report.error(extra, roots[extra].line, WORKLOAD_ROOT, f"is there more than once, also in {found[0]}")
    return found[0] if found else None


def _item_files(roots: Mapping[str, Element], report: Report) -> dict[str, Element]:
    items = {file: root for file, root in roots.items() if root.name == ITEM_ROOT}
    for file, root in roots.items():
        if root.name not in (ITEM_ROOT, WORKLOAD_ROOT):
            message = f"is no root of a manifest: those are {WORKLOAD_ROOT} and {ITEM_ROOT}"
            report.error(file, root.line, shown(root.name)[1:-1], message)
    return items


def _kind(root: Element, file: str, report: Report) -> _Kind | None:
    """Return which form the workload manifest has, by its schema version and hosting type."""
    version = root.attributes.get("SchemaVersion", "")
    fault = VERSION(version) if version else "is missing"
    if fault:
        report.error(file, root.line, f"{root.name}@SchemaVersion", fault)
        return None
    major, minor = (int(part) for part in re.split(r"[.+-]", version)[:2])
    if major not in (1, 2):
        report.error(
            file, root.line, f"{root.name}@SchemaVersion", f"must be 1.x or 2.x, not {shown(version)}"
        )
        return None
    workload = root.first("Workload")
    hosting = workload.attributes.get("HostingType", "") if workload else ""
    if major == 1:
        return _WDK
    if hosting == "FERemote":
        return _FRONTEND
    if hosting == "Remote" and minor < 100:
        report.warn(file, root.line, f"{root.name}@SchemaVersion",
                    f"is {version}; a workload with a backend was published as 2.100.0")  # fmt: skip
    elif hosting != "Remote" and workload is not None:
        _tell_hosting(workload, file, report)
        return None
    return _REMOTE


def _tell_hosting(workload: Element, file: str, report: Report) -> None:
    given = workload.attributes.get("HostingType")
    fault = "is missing" if given is None else f"must be Remote or FERemote, not {shown(given)}"
    report.error(file, workload.line, f"{workload.path}@HostingType", fault)


class _Reader:
    """Reads one package of a known kind, whose elements have been checked against their schema."""

    def __init__(self, file: str, root: Element, kind: _Kind, home_tenant: str, report: Report) -> None:
        self._file = file
        self._root = root
        self._kind = kind
        self._home_tenant = home_tenant
        self._report = report
        self._workload = _attribute(root.first("Workload"), "WorkloadName")
        self._cloud = root.first(*_CLOUD)

    # ---- what no schema says

    def check(self, items: Mapping[str, Element]) -> None:
        workload = self._root.first("Workload")
        if workload is not None and self._workload and not self._workload.startswith("Org."):
            self._report.warn(
                self._file,
                workload.line,
                f"{workload.path}@WorkloadName",
                f"is {shown(self._workload)}; while it is developed Fabric takes Org.* only",
            )
        self._check_endpoints()
        self._check_resource()
        self._check_app()
        if not items:
            self._report.warn("", 0, "", "the package declares no item type")
        if self._kind.contract is None and workload is not None:
            self._report.warn(
                self._file,
                workload.line,
                f"{workload.path}@HostingType",
                "is FERemote: the workload has no backend, so no job can run on its items",
            )
        self._check_items(items)

    def _check_endpoints(self) -> None:
        seen: set[str] = set()
        for endpoint in self._endpoints:
            name = endpoint.first("Name")
            role = "Workload" if _text(endpoint, "Name") in BACKENDS else _text(endpoint, "Name")
            if name is not None and role in seen:
                self._report.error(self._file, name.line, name.path, f"{shown(role)} is there more than once")
            seen.add(role)
            if role == "Workload":
                self._check_backend(endpoint)
        if self._endpoints and self._kind.contract is not None and "Workload" not in seen:
            line = self._endpoints[0].line
            self._report.error(self._file, line, "Endpoints/ServiceEndpoint", "none has the Name Workload")

    def _check_backend(self, endpoint: Element) -> None:
        url = endpoint.first("Url")
        if url is not None and url.text.strip():
            try:
                service_url(url.text)
            except UrlRefused as fault:
                self._report.error(self._file, url.line, url.path, str(fault))
        context = endpoint.first("EndpointResolutionContext")
        if context is not None and not is_true(_text(endpoint, "IsEndpointResolutionService")):
            self._report.warn(
                self._file, context.line, context.path, "says nothing, for the endpoint resolves none"
            )

    def _check_resource(self) -> None:
        resource = self._cloud.first(self._kind.app, "ResourceId") if self._cloud else None
        if resource is None or not resource.text.startswith(_DEVELOPMENT):
            return
        found = _DEVELOPED.fullmatch(resource.text)
        if found is None:
            message = f"is not {_DEVELOPMENT}TENANT/{self._workload or 'WORKLOAD'}: {shown(resource.text)}"
            self._report.warn(self._file, resource.line, resource.path, message)
        elif found[2] != self._workload:
            message = f"names the workload {shown(found[2])}, the manifest {shown(self._workload)}"
            self._report.warn(self._file, resource.line, resource.path, message)

    def _check_app(self) -> None:
        app = self._cloud.first(self._kind.app, "AppId") if self._cloud else None
        if app is not None and self._app_id in FABRICS_OWN:
            message = "is Fabric's own: its tokens prove to workloads who calls"
            self._report.error(self._file, app.line, app.path, message)

    def _check_items(self, items: Mapping[str, Element]) -> None:
        types: dict[str, str] = {}
        for file, root in items.items():
            item = root.first("Item")
            if item is None:
                continue
            self._check_version(file, root)
            self._check_workload_of(file, item)
            name = item.attributes.get("TypeName", "")
            if name and name.lower() in types:
                message = f"{shown(name)} is also in {types[name.lower()]}"
                self._report.error(file, item.line, f"{item.path}@TypeName", message)
            types.setdefault(name.lower(), file)
            self._check_job_types(file, item, name)

    def _check_version(self, file: str, root: Element) -> None:
        version = root.attributes.get("SchemaVersion", "")
        if VERSION(version) is None and version.partition(".")[0] != self._kind.major:
            of_workload = self._root.attributes["SchemaVersion"]
            message = f"is {version}, while that of the workload is {of_workload}"
            self._report.warn(file, root.line, f"{root.name}@SchemaVersion", message)

    def _check_workload_of(self, file: str, item: Element) -> None:
        workload = item.first("Workload")
        name = _attribute(workload, "WorkloadName")
        if workload is not None and name and self._workload and name != self._workload:
            message = f"is {shown(name)}, but the workload is {shown(self._workload)}"
            self._report.error(file, workload.line, f"{workload.path}@WorkloadName", message)
        type = item.attributes.get("TypeName", "")
        if type and self._workload and not type.startswith(f"{self._workload}."):
            message = f"must begin with {self._workload}. : {shown(type)}"
            self._report.error(file, item.line, f"{item.path}@TypeName", message)

    def _check_job_types(self, file: str, item: Element, type: str) -> None:
        seen: set[str] = set()
        for job_type in _job_types(item):
            name = job_type.attributes.get("Name", "")
            if name and type and not name.startswith(f"{type}."):
                message = f"must begin with {shown(f'{type}.')[1:-1]} : {shown(name)}"
                self._report.error(file, job_type.line, f"{job_type.path}@Name", message)
            if name and name.lower() in seen:
                message = f"{shown(name)} is there more than once"
                self._report.error(file, job_type.line, f"{job_type.path}@Name", message)
            seen.add(name.lower())

    # ---- what is declared

    def package(self, items: Mapping[str, Element]) -> Package:
        declared = {file: root.first("Item") for file, root in items.items()}
        found = {file: item for file, item in declared.items() if item is not None}
        return Package(
            workload=self._workload,
            version=_text(self._root.first("Workload"), "Version"),
            schema=self._root.attributes["SchemaVersion"],
            hosting=_attribute(self._root.first("Workload"), "HostingType"),
            contract=self._kind.contract,
            app_id=self._app_id,
            endpoints=tuple(_endpoint(endpoint) for endpoint in self._endpoints),
            items=tuple(_declared(file, item) for file, item in found.items()),
            item_types=self._item_types(found) if self._kind.contract is not None else (),
        )

    def _item_types(self, items: Mapping[str, Element]) -> tuple[ItemType, ...]:
        backend = self._backend()
        return tuple(self._item_type(item, backend) for item in items.values())

    def _item_type(self, item: Element, backend: Backend) -> ItemType:
        scheduler = item.first("JobScheduler")
        return ItemType(
            name=item.attributes["TypeName"],
            backend=backend,
            job_types=_job_type_names(item),
            on_demand=Dedup(_text(scheduler, "OnDemandJobDeduplicateOptions") or Dedup.NONE),
            scheduled=Dedup(_text(scheduler, "ScheduledJobDeduplicateOptions") or Dedup.NONE),
            told=self._told(item),
            app_id=self._app_id,
        )

    def _backend(self) -> Backend:
        endpoint = next(known for known in self._endpoints if _text(known, "Name") in BACKENDS)
        audience = _text(self._cloud, self._kind.app, "ResourceId").strip()
        developed = _DEVELOPED.fullmatch(audience)
        return Backend(
            workload=self._workload,
            audience=audience,
            publisher_tenant=developed[1].lower() if developed else self._home_tenant,
            url=service_url(_text(endpoint, "Url")),
            contract=self._kind.contract or Contract.WDK,
            resolves=_resolves(endpoint),
        )

    def _told(self, item: Element) -> frozenset[ItemEvent]:
        """Return what the item's manifest asks for, else that of the workload; WDK workloads are told all."""
        name = "LifecycleOperationsNotifications"
        if self._kind.contract is Contract.WDK:
            return _ALL
        asked = item.first(name) or (self._cloud.first(name) if self._cloud else None)
        wanted = [child for child in asked.children if is_true(child.text)] if asked else []
        return frozenset(event for child in wanted for event in _EVENTS[child.name])

    @property
    def _endpoints(self) -> list[Element]:
        endpoints = self._cloud.first("Endpoints") if self._cloud else None
        return endpoints.all("ServiceEndpoint") if endpoints else []

    @property
    def _app_id(self) -> str:
        return _text(self._cloud, self._kind.app, "AppId").lower()


def _endpoint(endpoint: Element) -> ServiceEndpoint:
    resolves = is_true(_text(endpoint, "IsEndpointResolutionService"))
    return ServiceEndpoint(_text(endpoint, "Name"), _text(endpoint, "Url"), resolves)


def _declared(file: str, item: Element) -> Declared:
    return Declared(name=item.attributes["TypeName"], file=file, job_types=_job_type_names(item))


def _resolves(endpoint: Element) -> tuple[str, ...] | None:
    if not is_true(_text(endpoint, "IsEndpointResolutionService")):
        return None
    context = endpoint.first("EndpointResolutionContext")
    return tuple(dict.fromkeys(child.text for child in context.children)) if context else ()


def _job_types(item: Element) -> list[Element]:
    found = item.first("JobScheduler", "ItemJobTypes")
    return found.all("ItemJobType") if found else []


def _job_type_names(item: Element) -> tuple[str, ...]:
    return tuple(job_type.attributes["Name"] for job_type in _job_types(item))


def _text(element: Element | None, *names: str) -> str:
    found = element.first(*names) if element else None
    return found.text if found else ""


def _attribute(element: Element | None, name: str) -> str:
    return element.attributes.get(name, "") if element else ""
