"""The graph on the data plane of Azure Digital Twins, 2023-10-31: models, twins, relationships, queries.

Sources as for `twins.py`. Twins and relationships are open objects: `faces/twins/reading.py` composes them.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET, Raw, Struct, UnsetType, field

from weft.contracts.twins import Wire


class ModelData(Wire):
    """Swagger: DigitalTwinsModelData; key order as recorded. *upload_time* ends in `+00:00`."""

    id: str
    description: Mapping[str, str]
    display_name: Mapping[str, str]
    decommissioned: bool
    upload_time: str
    model: Raw | UnsetType = UNSET


class Page(Wire):
    """Swagger: PagedDigitalTwinsModelDataCollection, RelationshipCollection and their like.

    The link is null on the last page, as recorded.
    """

    value: list[ModelData] | list[Raw] | list[IncomingRelationship]
    next_link: str | None = None


class IncomingRelationship(Struct):
    """Swagger: IncomingRelationship."""

    id: str = field(name="$relationshipId")
    source: str = field(name="$sourceId")
    name: str = field(name="$relationshipName")
    link: str = field(name="$relationshipLink")


class QuerySpecification(Wire):
    query: str | None = None
    continuation_token: str | None = None


class QueryResult(Wire):
    """The token is left out where nothing follows."""

    value: list[Raw]
    continuation_token: str | UnsetType = UNSET


class Counted(Struct):
    """The only element of the answer to `SELECT COUNT()`."""

    count: int = field(name="COUNT")
