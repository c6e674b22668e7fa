"""What a person can do about a server that hosts no workload for what was asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weft.cli.errors import CommandFailed
from weft.cli.names import Place
from weft.client import Accepted, ApiError, ClientError, WeftClient

NOT_HOSTED = frozenset({"InvalidItemType", "InvalidJobType"})
BUILT_IN = {"Notebook": "RunNotebook or Execute", "PythonScript": "Execute"}


@contextmanager
def hosted(item_type: str, job_type: str | None = None) -> Iterator[None]:
    """Say, in place of the server's refusal of one of the types alone, how such a workload is hosted."""
    try:
        yield
    except ApiError as refused:
        if refused.code in NOT_HOSTED:
            raise _not_hosted(item_type, job_type, refused) from None
        raise


async def run_job(
    client: WeftClient, place: Place, job_type: str, execution_data: Any, key: str | None = None
) -> Accepted:
    """Raises CommandFailed, as hosted does, for a job type that no workload has for the item."""
    try:
        return await client.run(*place, job_type, execution_data=execution_data, idempotency_key=key)
    except ApiError as refused:
        if refused.code in NOT_HOSTED and (item_type := await _type_of(client, place)) is not None:
            raise _not_hosted(item_type, job_type, refused) from None
        raise


async def _type_of(client: WeftClient, place: Place) -> str | None:
    """Return the type of an item; None: it cannot be had, and must not hide why it was asked for."""
    try:
        known = [item async for item in client.items(place.workspace) if item.id == place.item]
    except ClientError:
        return None
    return known[0].type if known else None


def _not_hosted(item_type: str, job_type: str | None, refused: ApiError) -> CommandFailed:
    if refused.code == "InvalidJobType":
        return CommandFailed(
            f"the server hosts no job type {job_type} for items of type {item_type}; "
            f"write it out as its workload names it{_published(item_type)}: {refused}"
        )
    job = f"with job type {job_type} " if job_type is not None else ""
    other = "" if job_type is not None else "--type names another; "
    return CommandFailed(
        f"the server hosts no workload {job}for items of type {item_type} "
        f"({other}weft up --workload, --manifest or --workload-url hosts one): {refused}"
    )


def _published(item_type: str) -> str:
    """Return what else helps with a type that Fabric publishes; those of workloads have a dot in them."""
    if "." in item_type:
        return ""
    if item_type in BUILT_IN:
        return f", {BUILT_IN[item_type]} where builtin is true below [server] in weft.toml"
    return f", or give it one with weft up --map {item_type}=TYPE/JOB"
