"""Items that jobs are run of, as the clients call them and as weft does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.clients.house import House


@dataclass(frozen=True)
class Item:
    """An item in a workspace of its own, as the client calls it and as weft does."""

    house: House
    path: str
    workspace: str
    id: str

    def job(self, id: str) -> Any:
        """Return a job when it has ended."""
        return self.house.job(self.workspace, self.id, id)

    def runs(self) -> list[Any]:
        """Return the jobs, newest first, as they are now."""
        return list(
            self.house.get(f"/v1/workspaces/{self.workspace}/items/{self.id}/jobs/instances")["value"]
        )


def new_item(house: House, type: str) -> Item:
    workspace = f"jobs {uuid4()}"
    id = house.new_workspace(workspace)
    return Item(house, f"{workspace}.Workspace/it.{type}", id, house.new_item(id, "it", type))
