"""The real public time series that ship with statsmodels, as plain numbers with their dates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.datasets import (  # type: ignore[import-untyped]  # it has no types
    co2,
    elnino,
    macrodata,
    nile,
    sunspots,
)

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Equally spaced observations. *season* is the length of a cycle in steps; 1: there is none."""

    name: str
    title: str
    unit: str
    values: Numbers
    first: date
    months_a_step: int
    season: int

    def date_of(self, step: int) -> date:
        """Return the first day of *step*, counted from 0; it may lie beyond the observations."""
        months = self.first.month - 1 + step * self.months_a_step
        return date(self.first.year + months // 12, months % 12 + 1, 1)


def load(name: str) -> Series:
    return _LOADERS[name]()


def _co2() -> Series:
    """Weekly measurements, as monthly means; the few months without any are interpolated."""
    weekly = co2.load_pandas().data["co2"]
    return Series(
        name="co2",
        title="Atmospheric CO2 at Mauna Loa, monthly means",
        unit="ppmv",
        values=_numbers(weekly.resample("MS").mean().interpolate()),
        first=date(1958, 3, 1),
        months_a_step=1,
        season=12,
    )


def _elnino() -> Series:
    return Series(
        name="elnino",
        title="Sea surface temperature of the eastern tropical Pacific, monthly means",
        unit="degrees Celsius",
        values=_numbers(elnino.load_pandas().data.drop(columns="YEAR")).ravel(),
        first=date(1950, 1, 1),
        months_a_step=1,
        season=12,
    )


def _macrodata() -> Series:
    return Series(
        name="macrodata",
        title="Real gross domestic product of the United States, quarterly",
        unit="billions of chained 2005 dollars",
        values=_numbers(macrodata.load_pandas().data["realgdp"]),
        first=date(1959, 1, 1),
        months_a_step=3,
        season=1,  # published seasonally adjusted
    )


def _nile() -> Series:
    return Series(
        name="nile",
        title="Flow of the Nile at Aswan, yearly",
        unit="10^8 cubic metres",
        values=_numbers(nile.load_pandas().data["volume"]),
        first=date(1871, 1, 1),
        months_a_step=12,
        season=1,
    )


def _sunspots() -> Series:
    return Series(
        name="sunspots",
        title="Sunspot numbers, yearly",
        unit="sunspots",
        values=_numbers(sunspots.load_pandas().data["SUNACTIVITY"]),
        first=date(1700, 1, 1),
        months_a_step=12,
        season=11,  # the solar cycle
    )


def _numbers(table: Any) -> Numbers:
    """*table* is a pandas object, which has no types here."""
    return np.asarray(table, dtype=np.float64)


_LOADERS: dict[str, Callable[[], Series]] = {
    "co2": _co2,
    "elnino": _elnino,
    "macrodata": _macrodata,
    "nile": _nile,
    "sunspots": _sunspots,
}
NAMES = tuple(_LOADERS)
