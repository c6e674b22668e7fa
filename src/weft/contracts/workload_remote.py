"""The Workload API of the Fabric Extensibility Toolkit (hosting type Remote), as far as it is published.

Tokens, headers, states and errors are those of `contracts/workload.py`; addresses and bodies are not.
Source: the toolkit's Remote backend stub, and fabricextensibilitytoolkit on Microsoft Learn.
"""

from enum import StrEnum
from typing import Any

from msgspec import UNSET, UnsetType

from weft.contracts.workload import Wire


class DefinitionPart(Wire):
    """*payload* is Base64 where *payload_type* is InlineBase64, the only one published."""

    path: str
    payload: str
    payload_type: str


class ItemDefinition(Wire):
    parts: list[DefinitionPart]


class ItemRequest(Wire):
    """The body of OnCreateItem, OnUpdateItem and OnRestoreItem."""

    definition: ItemDefinition | UnsetType | None = UNSET


class DeleteType(StrEnum):
    HARD = "Hard"
    SOFT = "Soft"


class DeleteItemRequest(Wire):
    delete_type: DeleteType = DeleteType.HARD


class CreateJobInstanceRequest(Wire):
    """The body of onCreateJobInstance."""

    job_type: str
    job_instance_id: str
    execution_data: dict[str, Any] | UnsetType | None = UNSET
    definition: ItemDefinition | UnsetType | None = UNSET


class JobInstanceRequest(Wire):
    """The body of onGetJobInstanceStatus and onCancelJobInstance."""

    job_type: str
    job_instance_id: str
