"""What is set beside the command line: a settings file, `DATA/weft.toml`, and the environment on top of it.

A table of the file is a part of the settings, `[caller]` for one, and a key is one of its fields. The
environment names both: `WEFT_CALLER_CALL_TIMEOUT`. Whatever is not understood is refused, for a setting that
is misspelled and passed over is worse than none.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from weft.settings import (
    MOST_PROCESSES,
    CallerSettings,
    Limits,
    Pace,
    Rates,
    RunnerSettings,
    ScheduleSettings,
    Settings,
    TwinsSettings,
    WebhookSettings,
)

FILE_NAME = "weft.toml"
FILE_BYTES = 64 * 1024
PREFIX = "WEFT_"

TABLES: Mapping[str, tuple[type, frozenset[str]]] = {
    "server": (Settings, frozenset({"shutdown_grace", "retention", "maintenance_every", "builtin"})),
    "caller": (CallerSettings, frozenset(field.name for field in fields(CallerSettings))),
    "runner": (RunnerSettings, frozenset(field.name for field in fields(RunnerSettings))),
    "limits": (Limits, frozenset(field.name for field in fields(Limits))),
    "pace": (Pace, frozenset(field.name for field in fields(Pace))),
    "twins": (TwinsSettings, frozenset({"keeps_jobs"})),
    "schedules": (ScheduleSettings, frozenset(field.name for field in fields(ScheduleSettings))),
    "rates": (Rates, frozenset(field.name for field in fields(Rates))),
    "webhooks": (WebhookSettings, frozenset(field.name for field in fields(WebhookSettings))),
}
"""Each table: the part of the settings that it sets, and the fields that it may name."""

MAPPED = "mapped"
"""The table whose keys are names of item types; the environment, all in capitals, cannot name them."""

_ALL_TABLES = frozenset((*TABLES, MAPPED))

LEAST_NUMBER, MOST_NUMBER = 1, 10**9
SHORTEST, LONGEST = timedelta(milliseconds=1), timedelta(days=3650)
MAY_BE_NOTHING = {
    "server.shutdown_grace",
    "runner.sigterm_after",
    "runner.cancel_grace",
    "caller.missing_for",
    "pace.retry_after_seconds",
    "pace.keeps_finished_per_item",
    "schedules.catch_up",
    *(f"rates.{field.name}" for field in fields(Rates)),
}
MOST = {
    "caller.slots": 100_000,
    "runner.processes": MOST_PROCESSES,
    "pace.retry_after_seconds": 86_400,
    "schedules.catch_up": 1000,
    "schedules.most_per_item": 1000,
    "webhooks.attempts": 100,
}
ALL = "all"

_DURATION = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,6})?)\s*(?P<unit>ms|s|m|h|d)?", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_HOST = re.compile(
    r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[?[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*\]?", re.ASCII | re.IGNORECASE
)
_TYPE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}"
_ITEM_TYPE = re.compile(_TYPE, re.ASCII)
_TARGET = re.compile(f"{_TYPE}(/{_TYPE})?", re.ASCII)
_TEXT_CHARACTERS = 100


class SettingsRefused(Exception):
    """One line that names the file or the variable, the key and the value."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that somebody set: *source* as a person knows it, *key* as `table.field`."""

    source: str
    key: str
    value: Any

    def refused(self, wish: str) -> SettingsRefused:
        return SettingsRefused(f"{self.source} = {_shown(self.value)}: must be {wish}")


def configured(
    settings: Settings, file: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Return *settings* with what *file*, else `DATA/weft.toml` if there is one, and the environment say.

    Raises SettingsRefused.
    """
    path = file or settings.data / FILE_NAME
    given = {each.key: each for each in _in_file(path, must_exist=file is not None)}
    given |= {each.key: each for each in _in_environment(environ)}
    changed = _changed(settings, given)
    _check_together(changed.caller, given)
    return changed


def _changed(settings: Settings, given: Mapping[str, _Given]) -> Settings:
    values: dict[str, dict[str, Any]] = {table: {} for table in (*TABLES, MAPPED)}
    for key, each in given.items():
        table, _, field = key.partition(".")
        if table == MAPPED:
            values[table][field] = _target(each)
            continue
        values[table][field] = _READERS[get_type_hints(TABLES[table][0])[field]](each)
    return replace(
        settings,
        **values["server"],
        caller=replace(settings.caller, **values["caller"]),
        runner=replace(settings.runner, **values["runner"]),
        limits=replace(settings.limits, **values["limits"]),
        own_pace=replace(settings.pace, **values["pace"]) if values["pace"] else settings.own_pace,
        twins=replace(settings.twins, **values["twins"]),
        schedules=replace(settings.schedules, **values["schedules"]),
        own_rates=replace(settings.rates, **values["rates"]) if values["rates"] else settings.own_rates,
        webhooks=replace(settings.webhooks, **values["webhooks"]),
        mapped={**values[MAPPED], **settings.mapped},
    )


def _check_together(caller: CallerSettings, given: Mapping[str, _Given]) -> None:
    if caller.backoff_first <= caller.backoff_most:
        return
    told = given.get("caller.backoff_first") or given["caller.backoff_most"]
    raise told.refused(
        f"such that caller.backoff_first ({caller.backoff_first}) is not above caller.backoff_most "
        f"({caller.backoff_most})"
    )


# ---- where it is set


def _in_file(path: Path, *, must_exist: bool) -> Iterator[_Given]:
    for table, members in _tables(path, must_exist=must_exist).items():
        if not isinstance(members, dict):
            raise SettingsRefused(f"{path}: {table!r} stands in no table{_hint(table, _ALL_TABLES, '[{}]')}")
        if table not in TABLES and table != MAPPED:
            raise SettingsRefused(f"{path}: no such table [{table}]{_hint(table, _ALL_TABLES, '[{}]')}")
        for name, value in members.items():
            if table == MAPPED:
                yield _mapped(path, name, value)
                continue
            known = TABLES[table][1]
            if name not in known:
                raise SettingsRefused(f"{path}: no such key {table}.{name}{_hint(name, known, '{}')}")
            yield _Given(f"{path}: {table}.{name}", f"{table}.{name}", value)


def _mapped(path: Path, item_type: str, value: Any) -> _Given:
    if not _ITEM_TYPE.fullmatch(item_type):
        raise SettingsRefused(f"{path}: {MAPPED} names no item type: {_shown(item_type)}")
    return _Given(f"{path}: {MAPPED}.{item_type}", f"{MAPPED}.{item_type}", value)


def _content(path: Path) -> bytes:
    if path.is_fifo():
        raise SettingsRefused(f"{path}: a pipe, which may never end")
    with path.open("rb") as file:
        content = file.read(FILE_BYTES + 1)
    if len(content) > FILE_BYTES:
        raise SettingsRefused(f"{path}: larger than {FILE_BYTES} bytes")
    return content


def _tables(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(_content(path).decode())
    except FileNotFoundError:
        if must_exist:
            raise SettingsRefused(f"{path}: no such file") from None
        return {}
    except OSError as error:
        raise SettingsRefused(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, RecursionError):
        raise SettingsRefused(f"{path}: is not TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused(f"{path}: is not TOML: {error}") from None
    except ValueError:  # a number of more digits than Python reads
        raise SettingsRefused(f"{path}: holds a number that is too long") from None


def _in_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    """An empty variable says nothing."""
    for name in sorted(environ):
        table, _, field = name.removeprefix(PREFIX).partition("_")
        if name.startswith(f"{PREFIX}{MAPPED.upper()}_"):
            raise SettingsRefused(
                f"{name}: what is mapped is told in the table [{MAPPED}] of a settings file"
            )
        if not name.startswith(PREFIX) or not field or table.lower() not in TABLES or not environ[name]:
            continue
        table, field = table.lower(), field.lower()
        known = TABLES[table][1]
        if field not in known:
            hint = _hint(field, known, f"{PREFIX}{table.upper()}_{{}}", upper=True)
            raise SettingsRefused(f"{name}: no such setting{hint}")
        yield _Given(name, f"{table}.{field}", _Text(environ[name]))


class _Text(str):
    """A value of the environment, where everything is text."""

    __slots__ = ()


def _hint(name: str, known: Mapping[str, object] | frozenset[str], form: str, *, upper: bool = False) -> str:
    near = get_close_matches(name, known, n=1)
    names = [form.format(each.upper() if upper else each) for each in near or sorted(known)]
    return f"; did you mean {names[0]}?" if near else f"; there are {', '.join(names)}"


# ---- what it says


def _duration(given: _Given) -> timedelta:
    value = given.value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is not None and (match["unit"] or isinstance(value, _Text)):
        value = float(match["number"]) * _UNITS[match["unit"]]
    shortest = timedelta() if given.key in MAY_BE_NOTHING else SHORTEST
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise given.refused("a duration: seconds, or text as '30s', '500ms', '10m', '2h' or '24d'")
    if not shortest.total_seconds() <= value <= LONGEST.total_seconds():
        least = "0" if not shortest else "1ms"
        raise given.refused(f"from {least} to {LONGEST.days}d")
    return timedelta(seconds=value)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)  # an integer may be beyond any float


def _whole(given: _Given) -> int:
    value = given.value
    if isinstance(value, _Text) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    least = 0 if given.key in MAY_BE_NOTHING else LEAST_NUMBER
    most = MOST.get(given.key, MOST_NUMBER)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise given.refused(f"a whole number from {least} to {most}")
    return value


def _whole_or_all(given: _Given) -> int | None:
    return None if given.value == ALL else _whole(given)


def _seconds(given: _Given) -> float:
    return _duration(given).total_seconds()


def _text(given: _Given) -> str:
    value = given.value
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _TEXT_CHARACTERS:
        raise given.refused(f"text of 1 to {_TEXT_CHARACTERS} printable characters")
    return str(value)


def _yes_or_no(given: _Given) -> bool:
    value = given.value
    if isinstance(value, _Text):
        value = {"true": True, "false": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise given.refused("true or false")
    return value


def _target(given: _Given) -> str:
    value = given.value
    if not isinstance(value, str) or not _TARGET.fullmatch(value):
        raise given.refused("an item type, or one of its job types, as 'Contoso.Sales.Forecast/calculate'")
    return value


def _hosts(given: _Given) -> tuple[str, ...]:
    value = given.value
    names = [name.strip() for name in value.split(",")] if isinstance(value, _Text) else value
    if not isinstance(names, list) or not all(
        isinstance(name, str) and _HOST.fullmatch(name) for name in names
    ):
        raise given.refused("a list of hosts as 'be.contoso.com' or '*.contoso.com', without scheme and port")
    return tuple(names)


_READERS: Mapping[object, Callable[[_Given], object]] = {
    timedelta: _duration,
    int: _whole,
    int | None: _whole_or_all,
    float: _seconds,
    str: _text,
    bool | None: _yes_or_no,
    tuple[str, ...]: _hosts,
}


def _shown(value: object) -> str:
    try:
        text = repr(str(value)) if isinstance(value, str) else repr(value)
    except ValueError:  # a number may have more digits than Python shows
        return "a long number"
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[: _TEXT_CHARACTERS - 1]}…"
