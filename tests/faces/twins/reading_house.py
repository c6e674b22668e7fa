"""A Twins face over a real graph of a small building, to read back from."""

from __future__ import annotations

import json
import marshal
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from tests.faces.twins.serving import KEY, Identity, Served, serve
from tests.transcripts.player import Answer
from weft.blobs.policy import Policy
from weft.faces.doors import Doors
from weft.faces.routing import FaceMount
from weft.faces.twins import extra, routes
from weft.faces.twins.blobs import Blobs
from weft.faces.twins.doors import envelope
from weft.faces.twins.face import TwinsFace
from weft.settings import PACES, BlobSettings, Limits, Profile, TwinsSettings
from weft.stores.sqlite.graph import SqliteGraph
from weft.stores.sqlite.graph.store import Limits as GraphLimits
from weft.twins.bulk_jobs import BulkJobs
from weft.twins.graph import Batch, Fence, Section

FENCE = Fence("fill", 1)
GRAPH = "graph.db"

SPACE, ROOM, OFFICE = "dtmi:com:example:Space;1", "dtmi:com:example:Room;1", "dtmi:com:example:Office;1"
DEVICE, THERMOSTAT = "dtmi:com:example:Device;1", "dtmi:com:example:Thermostat;1"
CONTEXT = "dtmi:dtdl:context;2"


def interface(id: str, *contents: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"@context": CONTEXT, "@id": id, "@type": "Interface", "contents": list(contents), **more}


def property_of(name: str, schema: Any) -> dict[str, Any]:
    return {"@type": "Property", "name": name, "schema": schema}


MODELS = [
    interface(DEVICE, property_of("serial", "string")),
    interface(THERMOSTAT, property_of("target", "double"), extends=DEVICE, displayName="Thermostat"),
    interface(
        SPACE,
        property_of("name", "string"),
        property_of("area", "double"),
        {
            "@type": "Relationship",
            "name": "contains",
            "properties": [property_of("since", "date")],
        },
        displayName={"en": "Space", "de": "Raum"},
        description="Any space",
    ),
    interface(
        ROOM,
        property_of("occupied", "boolean"),
        {"@type": "Component", "name": "thermostat", "schema": THERMOSTAT},
        extends=SPACE,
    ),
    interface(OFFICE, property_of("desks", "integer"), extends=ROOM),
]


def twin(id: str, model: str, **members: Any) -> dict[str, Any]:
    return {"$dtId": id, "$metadata": {"$model": model}, **members}


def component(**members: Any) -> dict[str, Any]:
    return {"$metadata": {}, **members}


TWINS = [
    twin("building", SPACE, name="Main building", area=1200.5),
    twin("room1", ROOM, name="Room 1", area=20, occupied=True, thermostat=component(target=21.5)),
    twin("room2", ROOM, name="Room 2", area=30, occupied=False, thermostat=component(target=19)),
    twin("office", OFFICE, name="Office", area=30.0, desks=4, thermostat=component()),
    twin("thermo", THERMOSTAT, serial="t-1", target=20),
]


@dataclass(frozen=True)
class Link:
    source: str
    id: str
    target: str
    name: str = "contains"
    properties: str = ""


LINKS = [
    Link("building", "to-1", "room1", properties='{"since": "2020-01-01"}'),
    Link("building", "to-2", "room2"),
    Link("building", "to-office", "office"),
    Link("room1", "to-thermo", "thermo", "feeds"),
    Link("office", "to-thermo", "thermo", "feeds"),
]


@dataclass
class Reading:
    """A served face and its graph. *served* calls it."""

    served: Served
    graph: SqliteGraph

    @property
    def path(self) -> Path:
        return self.served.directory / GRAPH

    async def get(self, target: str, status: int = 200, **how: Any) -> Any:
        answer = await self.served.call("GET", target, **how)
        assert answer.status == status, answer.body
        return answer.json()

    async def query(
        self, text: str | None = None, *, size: int | None = None, continued: str | None = None, **how: Any
    ) -> Answer:
        body = {"query": text, "continuationToken": continued}
        headers = {} if size is None else {"max-items-per-page": str(size)}
        return await self.served.call("POST", "/query", body, headers=headers, **how)

    async def found(self, text: str, **how: Any) -> list[Any]:
        """Return all that a query finds, of all its pages."""
        token, found = None, []
        while True:
            answer = await self.query(text, continued=token, **how)
            assert answer.status == 200, answer.body
            found += answer.json()["value"]
            token = answer.json().get("continuationToken")
            if token is None:
                return found

    async def ids(self, where: str, collection: str = "digitaltwins") -> list[str]:
        key = "$dtId" if collection == "digitaltwins" else "$relationshipId"
        return [one[key] for one in await self.found(f"SELECT * FROM {collection} WHERE {where}")]

    async def close(self) -> None:
        await self.graph.close()
        await self.served.store.close()

    async def fill(self) -> None:
        await self.graph.take_over(FENCE)
        await self.put_models(MODELS)
        await self.put_twins(TWINS)
        await self.put_links(LINKS)

    async def put_models(self, definitions: Sequence[Mapping[str, Any]]) -> None:
        await self._put(Section.MODELS, [(model["@id"], json.dumps(model)) for model in definitions])

    async def put_twins(self, twins: Sequence[Mapping[str, Any]]) -> None:
        numbers = {model.id: model.number for model in await self.graph.models(after=0, limit=10_000)}
        rows = [(one["$dtId"], numbers[one["$metadata"]["$model"]], json.dumps(one)) for one in twins]
        await self._put(Section.TWINS, rows)

    async def put_body(self, id: str, model: str, body: str) -> None:
        """Put a twin with just this text."""
        number = await self._model_number(model)
        await self._put(Section.TWINS, [(id, number, body)])

    async def put_links(self, links: Iterable[Link]) -> None:
        rows = [
            (await self._number(one.source), one.id, await self._number(one.target), one.name, one.properties)
            for one in links
        ]
        await self._put(Section.RELATIONSHIPS, rows)

    async def delete_all(self) -> None:
        while await self.graph.delete_some(FENCE, 1000, Batch(checkpoint=b"")):
            pass

    async def _model_number(self, id: str) -> int:
        found = await self.graph.model(id)
        assert found is not None
        return found.number

    async def _number(self, id: str) -> int:
        found = await self.graph.twin(id)
        assert found is not None
        return found.number

    async def _put(self, section: Section, rows: Sequence[tuple[Any, ...]]) -> None:
        await self.graph.apply(FENCE, Batch(checkpoint=b"", section=section, rows=marshal.dumps(list(rows))))


def open_house(
    directory: Path,
    identity: Identity,
    *,
    page_size: int = 100,
    secret: bytes | None = None,
    limits: GraphLimits | None = None,
) -> Reading:
    """Return a face over an empty graph."""
    served = serve(directory, identity)
    graph = SqliteGraph.open(directory / GRAPH, clock=served.clock, limits=limits or GraphLimits())
    twins = TwinsFace(
        engine=served.engine,
        bulk=BulkJobs(served.engine, graph, store_id=served.store.store_id, most=1),
        graph=graph,
        blobs=Blobs(Policy(BlobSettings(roots=(directory,))), KEY),
        verifier=served.verifier,
        tenant=served.home.tenant,
        pace=PACES[Profile.LOCAL],
        limits=Limits(),
        settings=TwinsSettings(),
        secret=secret or identity.keys.secret,
        page_size=page_size,
    )
    mounted = [FaceMount("/weft/v1/twins", extra.routes(twins)), *routes.routes(twins)]
    served.app = Doors(Starlette(routes=mounted), default=envelope, envelopes={}, requests_at_once=100)
    return Reading(served, graph)


@asynccontextmanager
async def reading(directory: Path, identity: Identity, **how: Any) -> AsyncIterator[Reading]:
    house = open_house(directory, identity, **how)
    await house.fill()
    yield house
    await house.close()
