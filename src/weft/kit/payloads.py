"""The payload of a job as its function wants it: the annotation of its second parameter decides."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Protocol

import msgspec

from weft.kit.errors import PayloadInvalid, WorkloadInvalid

PAYLOAD = "creationPayload"
_PLACE = re.compile(r"(?P<what>.*) - at (?:`key` in )?`\$(?P<path>[^`]*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MESSAGE_MOST_CHARS = 1_000
_UNTYPED = (inspect.Parameter.empty, Any, object, dict, dict[str, Any], Mapping, Mapping[str, Any])
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Reader(Protocol):
    """Makes what a function is called with."""

    def read(self, raw: bytes) -> Any:
        """*raw* is JSON text, b"" where no payload came. Raises PayloadInvalid."""


class NotYetKnown(Exception):
    """An annotation names what is not defined: not yet, or nowhere at run time."""


def reader_of(function: Callable[..., Any]) -> Reader:
    """Return the reader of what *function* takes beside its context.

    Raises NotYetKnown, and WorkloadInvalid for a type that no JSON object can become.
    """
    annotation = _annotation(function)
    if any(annotation == untyped for untyped in _UNTYPED):
        return AnyPayload()
    if hasattr(annotation, "model_validate_json") and hasattr(annotation, "model_json_schema"):
        return ModelPayload(annotation)
    return TypedPayload(annotation)


class AnyPayload:
    """The JSON value as it came, `{}` where none did."""

    def read(self, raw: bytes) -> Any:
        value = _plain(raw) if raw else None
        return {} if value is None else value


class TypedPayload:
    """An instance of what msgspec can make: Struct, dataclass, attrs class, TypedDict, unions of them."""

    def __init__(self, annotation: Any) -> None:
        _check_type(annotation)
        self._decoder = msgspec.json.Decoder(annotation)
        self._nothing = b"null" if NoneType in _alternatives(annotation) else b"{}"

    def read(self, raw: bytes) -> Any:
        try:
            return self._decoder.decode(raw or self._nothing)
        except msgspec.ValidationError as error:
            raise _misfit(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _no_json(error) from None
        except Exception as error:  # a __post_init__ is the user's
            raise PayloadInvalid(PAYLOAD, _said(f"{type(error).__name__}: {error}")) from None


class ModelPayload:
    """An instance of a model that validates itself, as those of pydantic 2 do."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def read(self, raw: bytes) -> Any:
        try:
            return self._model.model_validate_json(raw or b"{}")
        except Exception as error:  # validators are the user's
            raise _refused_by_model(error) from None


# ---- the annotation


def _annotation(function: Callable[..., Any]) -> Any:
    parameter = _second_parameter(function)
    if parameter is None or not isinstance(parameter.annotation, str):
        return inspect.Parameter.empty if parameter is None else parameter.annotation
    stub = SimpleNamespace(__annotations__={"payload": parameter.annotation})
    try:
        return typing.get_type_hints(stub, globalns=_namespace(function), include_extras=True)["payload"]
    except NameError as unknown:
        raise NotYetKnown(
            f"the payload's annotation {parameter.annotation!r} cannot be resolved: {unknown}; "
            "what it names must be defined or imported where the module is run, not for type checkers alone"
        ) from None
    except Exception as error:  # an annotation is any expression
        raise WorkloadInvalid(
            f"the payload's annotation {parameter.annotation!r} cannot be resolved: "
            f"{type(error).__name__}: {error}"
        ) from None


def _second_parameter(function: Callable[..., Any]) -> inspect.Parameter | None:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        return None  # a builtin that tells no signature
    taken = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    return taken[1] if len(taken) > 1 else None


def _namespace(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names that the annotations of *function* may use: those of its module and its closure."""
    inner: Any = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    if not inspect.isroutine(inner):
        inner = type(inner).__call__  # an object that can be called
    module = sys.modules.get(inner.__module__ or "")
    return {**vars(module or typing), **getattr(inner, "__globals__", {}), **_closure(inner)}


def _closure(function: Any) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = getattr(function, "__closure__", None) or ()
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=False) if _is_full(cell)}


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - it is asked for, not used
    except ValueError:
        return False
    return True


# ---- the type


def _check_type(annotation: Any) -> None:
    """Raises WorkloadInvalid for what no JSON object can become."""
    import msgspec.inspect  # noqa: PLC0415 - only those who annotate pay for it

    try:
        found = msgspec.inspect.type_info(annotation)
        msgspec.json.Decoder(annotation)
    except Exception as error:  # of msgspec, and of classes that refuse to be looked at
        raise WorkloadInvalid(f"a payload cannot become {_name(annotation)}: {error}") from None
    if not _takes_object(found):
        raise WorkloadInvalid(
            f"a payload is a JSON object, and {_name(annotation)} is read from none: take a dataclass, a "
            "msgspec.Struct, a TypedDict, an attrs class or a pydantic model"
        )
    strange = _find_strange(found)
    if strange is not None:
        raise WorkloadInvalid(
            f"a payload cannot become {_name(annotation)}: nothing in JSON becomes {_name(strange)}"
        )


def _takes_object(found: Any) -> bool:
    inspected = msgspec.inspect
    if isinstance(found, inspected.UnionType):
        return any(map(_takes_object, found.types))
    if isinstance(found, inspected.Metadata):
        return _takes_object(found.type)
    if isinstance(found, inspected.StructType):
        return not found.array_like
    kinds = (inspected.DataclassType, inspected.TypedDictType, inspected.DictType, inspected.CustomType)
    return isinstance(found, kinds)


def _find_strange(found: Any) -> Any:
    """Return the first class within *found* that msgspec knows no way to make, or None."""
    seen: set[int] = set()
    waiting = [found]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, msgspec.inspect.CustomType):
            return node.cls
        waiting.extend(_parts(node))
    return None


def _parts(node: Any) -> Sequence[Any]:
    """Return the types that the type *node* is made of."""
    parts: list[Any] = [field.type for field in getattr(node, "fields", ())]
    for name in ("type", "item_type", "key_type", "value_type"):
        part = getattr(node, name, None)
        parts.extend([part] if isinstance(part, msgspec.inspect.Type) else [])
    for name in ("types", "item_types"):
        parts.extend(getattr(node, name, ()))
    return parts


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    is_union = typing.get_origin(annotation) in (typing.Union, UnionType)
    return typing.get_args(annotation) if is_union else (annotation,)


def _name(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)


# ---- what is wrong with a payload


def _plain(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_json(error) from None


def _no_json(error: Exception) -> PayloadInvalid:
    return PayloadInvalid(PAYLOAD, _said(f"is no JSON value: {error}"))


def _misfit(text: str) -> PayloadInvalid:
    """Return what msgspec says of a value, with the member that it says it of."""
    placed = _PLACE.fullmatch(text)
    what, path = (placed["what"], placed["path"]) if placed else (text, "")
    missing = _MISSING.fullmatch(what)
    if missing is not None:
        return PayloadInvalid(f"{PAYLOAD}{path}.{missing['name']}", "is required")
    return PayloadInvalid(PAYLOAD + path, _said(what))


def _refused_by_model(error: Exception) -> PayloadInvalid:
    faults = _faults(error)
    if not faults:
        return PayloadInvalid(PAYLOAD, _said(f"{type(error).__name__}: {error}"))
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    path = "".join(map(_step, faults[0].get("loc", ())))
    return PayloadInvalid(PAYLOAD + path, _said(f"{faults[0].get('msg', 'is not valid')}{more}"))


def _faults(error: Exception) -> Sequence[Mapping[str, Any]]:
    try:
        return list(error.errors())  # type: ignore[attr-defined]  # pydantic's, which is not imported here
    except Exception:  # it is no error of pydantic's
        return ()


def _step(part: object) -> str:
    return f".{part}" if isinstance(part, str) and _NAME.fullmatch(part) else f"[{part!r}]"


def _said(text: str) -> str:
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain if len(plain) <= _MESSAGE_MOST_CHARS else f"{plain[: _MESSAGE_MOST_CHARS - 1]}…"
