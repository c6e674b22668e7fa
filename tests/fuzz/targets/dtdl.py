"""Models as they come out of the first pass: any JSON objects."""

from __future__ import annotations

import json

from weft.twins.dtdl.models import ModelSet, ModelsRefused


def run(data: bytes) -> None:
    try:
        models = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        ModelSet().add(models if isinstance(models, list) else [models])
    except ModelsRefused:
        return
