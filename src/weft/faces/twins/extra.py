"""What the published API does not show of imports and of the graph, under `/weft/v1/twins`."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict
from starlette.responses import Response
from starlette.routing import BaseRoute

from weft.contracts import twins as wire
from weft.engine.jobs import Job, Progress
from weft.faces.routing import AnyCaseRoute, EveryPath
from weft.faces.twins import answers, imports
from weft.faces.twins.access import DataRole
from weft.faces.twins.calls import Call, Endpoint, Operation
from weft.faces.twins.face import TwinsFace
from weft.twins.graph import Section


class ProgressShown(Struct):
    done: float
    total: float
    text: str


class ImportShown(wire.ImportJob, kw_only=True):
    """An ImportJob and what else is known; *attempt* counts the calls that may have started it."""

    progress: ProgressShown | None
    attempt: int


class Stats(Struct):
    models: int
    twins: int
    relationships: int


async def get_import(call: Call) -> Response:
    job = await imports.find(call)
    return answers.with_body(200, _import_shown(job, imports.published(call, job)))


async def stats(call: Call) -> Response:
    counts = await call.twins.graph.counts()
    return answers.with_body(
        200, Stats(counts[Section.MODELS], counts[Section.TWINS], counts[Section.RELATIONSHIPS])
    )


ADDRESSES = {
    "/imports/{id}": {"GET": Operation(get_import, DataRole.READER, is_versioned=False)},
    "/stats": {"GET": Operation(stats, DataRole.READER, is_versioned=False)},
}


def routes(twins: TwinsFace) -> list[BaseRoute]:
    """Return the routes below `/weft/v1/twins`."""
    known = [AnyCaseRoute(path, Endpoint(twins, operations)) for path, operations in ADDRESSES.items()]
    return [*known, EveryPath(Endpoint(twins, {}))]


def _import_shown(job: Job, published: wire.ImportJob) -> ImportShown:
    return ImportShown(
        **asdict(published),
        progress=None if job.progress is None else _progress_shown(job.progress),
        attempt=job.attempt,
    )


def _progress_shown(progress: Progress) -> ProgressShown:
    return ProgressShown(progress.done, progress.total, progress.text)
