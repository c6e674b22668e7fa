"""The requests of the Workload Development Kit (WDK v1): jobs and items as resources, with verbs of HTTP."""

from __future__ import annotations

from weft.catalog import scopes
from weft.catalog.model import Item
from weft.contracts.workload import InvokeType
from weft.engine.jobs import Job
from weft.runners.workload_request import Request, as_it_came, encoded, path, path_of_item


def create(job: Job) -> Request:
    invoke_type = job.labels.get("invoke_type") or InvokeType.MANUAL
    body = encoded({"invokeType": invoke_type, "creationPayload": as_it_came(job.payload)})
    return Request("POST", _path_of_job(job), body)


def read(job: Job) -> Request:
    return Request("GET", _path_of_job(job))


def cancel(job: Job) -> Request:
    return Request("POST", f"{_path_of_job(job)}/cancel")


def item_created(item: Item, type_name: str, payload: bytes, definition: bytes) -> Request:
    """*definition*: this contract has no word for it."""
    return Request("POST", _path_of(item, type_name), _item_body(item, "creationPayload", payload))


def item_updated(item: Item, type_name: str, payload: bytes, definition: bytes) -> Request:
    """A description that is None is not sent, and so stays what it is at the workload."""
    return Request("PATCH", _path_of(item, type_name), _item_body(item, "updatePayload", payload))


def item_deleted(item: Item, type_name: str, *, is_soft: bool) -> Request:
    """*is_soft*: this contract knows one kind of delete."""
    return Request("DELETE", _path_of(item, type_name))


def item_payload(item: Item, type_name: str) -> Request | None:
    return Request("GET", f"{_path_of(item, type_name)}/payload")


def _item_body(item: Item, member: str, payload: bytes) -> bytes:
    named = {"displayName": item.display_name, "description": item.description}
    return encoded({**named, member: as_it_came(payload)})


def _path_of(item: Item, type_name: str) -> str:
    return path_of_item(item.workspace, type_name, item.id)


def _path_of_job(job: Job) -> str:
    labels = job.labels
    named = scopes.at_workload(job)
    item = path_of_item(labels["workspace"], named.item_type, labels["item"])
    return item + path("jobTypes", named.job_type, "instances", job.key.id)
