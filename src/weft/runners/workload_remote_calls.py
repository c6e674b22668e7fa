"""The requests of the Fabric Extensibility Toolkit (hosting type Remote): every one is a POST of an action.

Actions are spelled as they are published: `OnCreateItem` on Microsoft Learn, `onCreateJobInstance` in the
toolkit's stub, which is the only source for jobs.
"""

from __future__ import annotations

from weft.catalog import scopes
from weft.catalog.model import Item
from weft.contracts.workload_remote import DeleteType
from weft.engine.jobs import Job
from weft.runners.workload_request import Request, as_it_came, encoded, path_of_item


def create(job: Job) -> Request:
    return _about(job, "onCreateJobInstance", executionData=as_it_came(job.payload))


def read(job: Job) -> Request:
    return _about(job, "onGetJobInstanceStatus")


def cancel(job: Job) -> Request:
    return _about(job, "onCancelJobInstance")


def item_created(item: Item, type_name: str, payload: bytes, definition: bytes) -> Request:
    """*payload*: this contract has no word for it."""
    return _told(item, type_name, "OnCreateItem", definition=as_it_came(definition))


def item_updated(item: Item, type_name: str, payload: bytes, definition: bytes) -> Request:
    return _told(item, type_name, "OnUpdateItem", definition=as_it_came(definition))


def item_deleted(item: Item, type_name: str, *, is_soft: bool) -> Request:
    kind = DeleteType.SOFT if is_soft else DeleteType.HARD
    return _told(item, type_name, "OnDeleteItem", deleteType=kind)


def item_payload(item: Item, type_name: str) -> Request | None:
    return None


def _about(job: Job, action: str, **more: object) -> Request:
    labels = job.labels
    named = scopes.at_workload(job)
    item = path_of_item(labels["workspace"], named.item_type, labels["item"])
    body = encoded({"jobType": named.job_type, "jobInstanceId": job.key.id, **more})
    return Request("POST", f"{item}/jobs/{action}", body)


def _told(item: Item, type_name: str, action: str, **members: object) -> Request:
    path = path_of_item(item.workspace, type_name, item.id)
    return Request("POST", f"{path}/{action}", encoded(members))
