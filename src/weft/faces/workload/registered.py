"""The workloads that are served, and what is known of their types: names are found in any ASCII case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from weft.catalog.errors import PayloadInvalid
from weft.catalog.item_types import ItemEvent
from weft.engine.jobs import RunPolicy
from weft.faces.http import bad_body
from weft.faces.workload.errors import UnknownItemType, UnknownJobType

PAYLOAD = "creationPayload"


class HostedWorkload(Protocol):
    """A workload whose jobs run here. Types are given, and told, as registered."""

    @property
    def item_types(self) -> Sequence[str]: ...

    def find(self, item_type: str, job_type: str) -> tuple[str, str] | None:
        """Return item type and job type as registered, found in any ASCII case, or None."""

    def policy(self, item_type: str, job_type: str) -> RunPolicy: ...

    def check_payload(self, item_type: str, job_type: str, payload: bytes) -> None:
        """*payload* is JSON, b"" where a job has none. Raises PayloadInvalid."""

    @property
    def hooks(self) -> Mapping[tuple[str, str], object]:
        """The hooks by item type and name, which is `@` and the event."""


class JobType(NamedTuple):
    workload: HostedWorkload
    item_type: str
    name: str

    @property
    def policy(self) -> RunPolicy:
        return self.workload.policy(self.item_type, self.name)

    def check(self, payload: bytes, *, called: str) -> None:
        """Raises Refused for a payload that its function does not take. *called*: the member it came in."""
        try:
            self.workload.check_payload(self.item_type, self.name, payload)
        except PayloadInvalid as invalid:
            field = called + invalid.field.removeprefix(PAYLOAD)
            raise bad_body(field, f"{field}: {invalid.message}") from None


class Registered:
    def __init__(self, workloads: Sequence[HostedWorkload]) -> None:
        self._workloads = tuple(workloads)
        self._by_item_type = {
            item_type.lower(): (workload, item_type)
            for workload in self._workloads
            for item_type in workload.item_types
        }

    def item_type(self, name: str) -> str:
        """Return *name* as registered. Raises UnknownItemType."""
        # Only ASCII is registered, and what is not must not fold into it.
        found = self._by_item_type.get(name.lower()) if name.isascii() else None
        if found is None:
            raise UnknownItemType(name)
        return found[1]

    def job_type(self, item_type: str, job_type: str) -> JobType:
        """Raises UnknownJobType, also where no item type is called so."""
        for workload in self._workloads:
            found = workload.find(item_type, job_type)
            if found is not None:
                return JobType(workload, *found)
        raise UnknownJobType(item_type, job_type)

    def has_hook(self, item_type: str, event: ItemEvent) -> bool:
        """*item_type* as registered."""
        workload, _ = self._by_item_type[item_type.lower()]
        return (item_type, f"@{event}") in workload.hooks
