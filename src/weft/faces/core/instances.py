"""Job instances of all workspaces: found, sorted, and read many at once. An addition of weft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import asdict
from starlette.responses import Response

from weft.catalog import scopes
from weft.catalog.errors import ItemNotFound, WorkspaceNotFound
from weft.catalog.model import Item
from weft.contracts import core as wire
from weft.engine.errors import JobNotFound
from weft.engine.jobs import Job, JobKey
from weft.engine.ports import Found, Place, Search
from weft.faces import paging
from weft.faces.core import access, answers, mapping
from weft.faces.core.calls import Call, Operation
from weft.faces.core.errors import EXPECTED, answer
from weft.faces.core.finding import Wanted, wanted
from weft.faces.http import bad_body, canonical_uuid, decode

PATH: Final = "/jobs/instances"
MOST_AT_ONCE: Final = 1000
TEXT_LABELS: Final = ("item_name", "user_name")


class Submitter(wire.Wire):
    """*display_name*: as it was when the job was submitted."""

    id: str
    display_name: str


class FoundInstance(wire.ItemJobInstance):
    """An ItemJobInstance and where it belongs. *item_display_name*: as it was when the job was submitted."""

    workspace_id: str
    item_type: str
    item_display_name: str
    submitted_by: Submitter


class FoundInstances(wire.Wire):
    """A page may be short, or empty, and have a token all the same; without a token it is the last."""

    value: list[FoundInstance]
    continuation_token: str | UnsetType = UNSET
    continuation_uri: str | UnsetType = UNSET


class InstanceName(wire.Wire):
    workspace_id: str
    item_id: str
    id: str


class BulkGetRequest(wire.Wire):
    instances: list[InstanceName]


class NotFoundInstance(wire.Wire):
    """*error* is the body that a GET of the instance would be answered with."""

    workspace_id: str
    item_id: str
    id: str
    error: Raw


class BulkGot(wire.Wire):
    """What became of each in the order of the request."""

    value: list[FoundInstance | NotFoundInstance]


async def find(call: Call) -> Response:
    asked = wanted(call)
    listing = call.listing(PATH, asked.given)
    found = await _search(call, asked, _place(call, listing))
    page = FoundInstances([_shown(job, call.id) for job in found.jobs])
    if found.onward is not None:
        page.continuation_token = _token(call, listing, found.onward)
        onward = {**asked.given, "maxResults": str(asked.most), paging.PARAMETER: page.continuation_token}
        page.continuation_uri = call.url(call.listing(PATH, onward))
    return answers.with_body(200, page)


async def bulk_get(call: Call) -> Response:
    names = _names(await call.body())
    reach = await call.core.catalog.reach(call.caller)
    items = await call.core.catalog.items_of(call.caller, {name.item_id for name in names})
    places = {(item.workspace, item.id): item for item in items}
    jobs = await call.core.engine.store.known([_key(name) for name in names])
    value = [_got(call, name, reach, places, jobs) for name in names]
    return answers.with_body(200, BulkGot(value))


ADDRESSES = {
    PATH: {"GET": Operation(find, access.READ_ITEMS)},
    f"{PATH}/bulkGet": {"POST": Operation(bulk_get, access.READ_ITEMS)},
}

# ---- found


async def _search(call: Call, asked: Wanted, after: Place | None) -> Found:
    reach = await call.core.catalog.reach(call.caller)
    within = reach & asked.workspaces if asked.workspaces else reach
    types = call.scopes.types_for(call.caller)
    if types is not None:
        types = types.intersection(asked.item_types) if asked.item_types else types
        within = within if types else frozenset()
    labels = {
        "item_type": tuple(asked.item_types if types is None else types),
        "invoke_type": asked.invoke_types,
    }
    search = Search(
        queue=scopes.CORE,
        families=[scopes.of_workspace(id) for id in within],
        scopes=await _scopes(call, asked, within),
        states=asked.states,
        kinds=asked.job_types,
        labels={name: values for name, values in labels.items() if values},
        text=asked.text,
        text_labels=TEXT_LABELS,
        started=asked.started,
        ended=asked.ended,
        by_end=asked.by_end,
        oldest_first=asked.oldest_first,
        after=after,
        limit=asked.most,
    )
    return await call.core.engine.store.search(search)


async def _scopes(call: Call, asked: Wanted, within: frozenset[str]) -> list[str] | None:
    """Return the scopes of the items that are asked for, None where any will do."""
    if not asked.items:
        return None
    items = await call.core.catalog.items_of(call.caller, asked.items)
    return [scopes.of_item(item.workspace, item.id) for item in items if item.workspace in within]


def _place(call: Call, listing: str) -> Place | None:
    token = call.query(paging.PARAMETER)
    if token is None:
        return None
    at, number = paging.pair_of(call.core.secret, listing, call.caller, token)
    return Place(paging.instant_of(at), number)


def _token(call: Call, listing: str, onward: Place) -> str:
    at = paging.number_of(onward.at)
    return paging.mint_pair(call.core.secret, listing, call.caller, at, onward.number)


def _shown(job: Job, request_id: str) -> FoundInstance:
    instance = mapping.job_instance(job, request_id)
    labels = job.labels
    return FoundInstance(
        **asdict(instance),
        workspace_id=labels["workspace"],
        item_type=labels["item_type"],
        item_display_name=labels["item_name"],
        submitted_by=Submitter(labels["user"], labels["user_name"]),
    )


# ---- many at once


def _names(raw: bytes) -> list[InstanceName]:
    """Raises Refused."""
    names = decode(raw, BulkGetRequest).instances
    if len(names) > MOST_AT_ONCE:
        raise bad_body("instances", f"instances has {len(names)} entries, {MOST_AT_ONCE} are allowed")
    return [
        InstanceName(
            canonical_uuid(name.workspace_id, f"instances[{place}].workspaceId"),
            canonical_uuid(name.item_id, f"instances[{place}].itemId"),
            canonical_uuid(name.id, f"instances[{place}].id"),
        )
        for place, name in enumerate(names)
    ]


def _key(name: InstanceName) -> JobKey:
    return JobKey(scopes.of_item(name.workspace_id, name.item_id), name.id)


def _got(
    call: Call,
    name: InstanceName,
    reach: frozenset[str],
    items: Mapping[tuple[str, str], Item],
    jobs: Mapping[JobKey, Job],
) -> FoundInstance | NotFoundInstance:
    try:
        return _shown(_job(call, name, reach, items, jobs), call.id)
    except EXPECTED as error:
        body = answer(error, call.id).body
        return NotFoundInstance(name.workspace_id, name.item_id, name.id, Raw(bytes(body)))


def _job(
    call: Call,
    name: InstanceName,
    reach: frozenset[str],
    items: Mapping[tuple[str, str], Item],
    jobs: Mapping[JobKey, Job],
) -> Job:
    """Raises what a GET of the instance would."""
    if name.workspace_id not in reach:
        raise WorkspaceNotFound(name.workspace_id)
    item = items.get((name.workspace_id, name.item_id))
    if item is None:
        raise ItemNotFound(name.workspace_id, name.item_id)
    call.scopes.check_for(call.caller, item.type)
    job = jobs.get(_key(name))
    if job is None:
        raise JobNotFound(_key(name))
    return job
