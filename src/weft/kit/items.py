"""An item, as the hooks of its workload are given it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Where a hook is called before a change, the item as it will be. Whose it is, the context says.

    *payload* is what came with the item, or what an earlier hook returned; None: there is none. *definition*
    has the content of each of its parts by path; it is empty where the item has none.
    """

    display_name: str = ""
    description: str | None = None
    payload: dict[str, Any] | None = None
    definition: Mapping[str, bytes] = field(default_factory=dict)


class ItemReader:
    """Reads what the host says of an item; see `hook_payload_of` in faces/workload/mapping.py."""

    def read(self, raw: bytes) -> Item:
        told = _decode(raw)
        return Item(
            display_name=told.display_name,
            description=told.description,
            payload=told.payload,
            definition=_parts_of(told.definition),
        )


def definition_of(raw: bytes) -> dict[str, bytes]:
    """Return the content of each part by its path; none for b"". *raw* is the contract's ItemDefinition."""
    return _parts_of(_decode_definition(raw) if raw else None)


def encode_definition(parts: Mapping[str, bytes]) -> bytes:
    """Return the ItemDefinition of these contents, b"" for none: what `definition_of` reads."""
    if not parts:
        return b""
    made = [_Part(path, base64.b64encode(content).decode()) for path, content in parts.items()]
    return msgspec.json.encode(_Definition(made))


class _Part(msgspec.Struct, rename="camel"):
    path: str
    payload: str
    payload_type: str = "InlineBase64"

    @property
    def content(self) -> bytes:
        """As it came, where it is in an encoding of the future."""
        is_base64 = self.payload_type == "InlineBase64"
        return base64.b64decode(self.payload) if is_base64 else self.payload.encode()


class _Definition(msgspec.Struct):
    parts: list[_Part]


class _Told(msgspec.Struct, rename="camel"):
    display_name: str = ""
    description: str | None = None
    payload: dict[str, Any] | None = None
    definition: _Definition | None = None


def _parts_of(definition: _Definition | None) -> dict[str, bytes]:
    return {} if definition is None else {part.path: part.content for part in definition.parts}


_decode = msgspec.json.Decoder(_Told).decode
_decode_definition = msgspec.json.Decoder(_Definition).decode
