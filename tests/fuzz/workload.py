"""A workload whose items have hooks, and whose job knows what it takes."""

from dataclasses import dataclass

from weft import JobContext, JobFailed, Workload
from weft.kit.items import Item

NAME = "Contoso.Fuzz"
ITEM_TYPE = "Contoso.Fuzz.Thing"

workload = Workload(NAME)


@dataclass
class Order:
    amount: int
    colour: str = "red"


@workload.job(ITEM_TYPE, "typed")
def typed(ctx: JobContext, payload: Order) -> dict[str, int]:
    return {"amount": payload.amount}


@workload.on_create(ITEM_TYPE)
def made(ctx: JobContext, item: Item) -> dict[str, str] | None:
    if item.display_name.startswith("no"):
        raise JobFailed("NotWanted", "no such thing is wanted", source="User", is_permanent=True)
    return {"name": item.display_name}


@workload.on_update(ITEM_TYPE)
def changed(ctx: JobContext, item: Item) -> None:
    return None
