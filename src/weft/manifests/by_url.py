"""An item type that is known by the URL of its backend alone, as `TYPE=URL` or `TYPE=remote+URL` names it.

Without a manifest any job type is sent. `remote+` says that the backend speaks the contract of the Fabric
Extensibility Toolkit; without it, that of the Workload Development Kit.
"""

from __future__ import annotations

from typing import Final

from weft.catalog.item_types import Backend, Contract, ItemType
from weft.manifests.errors import shown
from weft.manifests.shapes import matches
from weft.manifests.urls import UrlRefused, service_url

REMOTE: Final = "remote+"
_NAME: Final = matches(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}", "the name of an item type such as Org.Workload.Item"
)


def item_type_at(given: str, *, publisher_tenant: str, audience: str = "") -> ItemType:
    """Return the item type that *given* names. Raises ValueError that says what is wrong.

    *audience*: that of its tokens; "": the one that a workload has while it is developed.
    """
    name, separator, url = given.partition("=")
    if not separator:
        raise ValueError(f"{shown(given)} must be TYPE=URL or TYPE={REMOTE}URL")
    fault = _NAME(name)
    if fault:
        raise ValueError(f"TYPE {fault}")
    try:
        base = service_url(url.removeprefix(REMOTE))
    except UrlRefused as refused:
        raise ValueError(f"the URL of {name} {refused}") from None
    workload = name.rpartition(".")[0].rstrip(".") or name
    backend = Backend(
        workload=workload,
        audience=audience or f"api://localdevinstance/{publisher_tenant}/{workload}",
        publisher_tenant=publisher_tenant,
        url=base,
        contract=Contract.REMOTE if url.startswith(REMOTE) else Contract.WDK,
    )
    return ItemType(name=name, backend=backend)
