"""A notebook of one published format in the other: the same cells, in the words of the other.

What only one has: the Git format has no outputs, no attachments and no ids of cells; they are left out. The
language of a cell, its lock and its being the one of parameters stand at other places in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from weft.notebooks import files, git_source, ipynb
from weft.notebooks.errors import NotFabricSource
from weft.notebooks.git_source import Block
from weft.notebooks.ipynb import Cell

PARAMETERS_TAG: Final = "parameters"

_LANGUAGE = ("language", "language_group")
_CELL_TYPE = "cell_type"
_CODE_KINDS: Mapping[bool, str] = {False: git_source.CELL, True: git_source.PARAMETERS_CELL}


def as_ipynb(path: str, content: bytes) -> bytes:
    """Return a notebook of the Git format, in the file *path*, as Jupyter's. Raises NotFabricSource."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise NotFabricSource("it is not UTF-8") from None
    metadata, blocks = git_source.blocks_of(text, files.COMMENTS[path])
    told = {"language_info": {"name": _language_of(path, blocks)}, **metadata}
    return ipynb.text_of(told, [_cell(block) for block in blocks])


def as_git_source(content: bytes) -> tuple[str, bytes]:
    """Return the file of the Git format that a notebook of Jupyter's is, and its content. Raises NotIpynb."""
    metadata, cells = ipynb.cells_of(content)
    language = _language(metadata)
    path = files.file_of(language["language"])
    kept = {name: value for name, value in metadata.items() if name != "widgets"}  # they are outputs
    text = git_source.text_of(kept, [_block(cell, language, path) for cell in cells], files.COMMENTS[path])
    return path, text.encode()


def _language_of(path: str, blocks: Iterable[Block]) -> str:
    """Return the language of a file, which for that of SQL may be one of two."""
    named = (block.metadata.get("language") for block in blocks)
    own = (name for name in named if isinstance(name, str) and files.file_of(name) == path)
    return next(own, files.LANGUAGES[path])


# ---- cells


def _cell(block: Block) -> Cell:
    metadata = dict(block.metadata)
    if block.kind == git_source.MARKDOWN:
        kind = ipynb.RAW if metadata.pop(_CELL_TYPE, None) == ipynb.RAW else ipynb.MARKDOWN
        return Cell(kind, block.source, metadata)
    language = {name: metadata.pop(name) for name in _LANGUAGE if name in metadata}
    if language:
        metadata["microsoft"] = {**_object(metadata.get("microsoft")), **language}
    if "frozen" in metadata:
        metadata["run_control"] = {
            **_object(metadata.get("run_control")),
            "frozen": metadata.pop("frozen"),
        }
    tags = [tag for tag in _list(metadata.pop("tags", None)) if tag != PARAMETERS_TAG]
    if block.kind == git_source.PARAMETERS_CELL:
        tags.append(PARAMETERS_TAG)
    if tags:
        metadata["tags"] = tags
    return Cell(ipynb.CODE, block.source, metadata)


def _block(cell: Cell, notebook: Mapping[str, str], path: str) -> Block:
    metadata = dict(cell.metadata)
    if cell.kind != ipynb.CODE:
        marked = {_CELL_TYPE: ipynb.RAW} if cell.kind == ipynb.RAW else {}
        return Block(git_source.MARKDOWN, cell.source, {**metadata, **marked})
    language = {**notebook, **_taken(metadata, "microsoft", _LANGUAGE)}
    lock = _taken(metadata, "run_control", ("frozen",))
    tags = _list(metadata.pop("tags", None))
    other_tags = [tag for tag in tags if tag != PARAMETERS_TAG]
    if other_tags:
        metadata["tags"] = other_tags
    # As the service writes it: what is not of the file's language would break the file for its tools.
    is_magic = cell.source.startswith("%%") or files.file_of(str(language["language"])) != path
    kind = _CODE_KINDS[PARAMETERS_TAG in tags]
    known = {**language, **lock}
    return Block(kind, cell.source, {**known, **metadata, **known}, is_magic)  # known ones are first, and win


def _language(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the notebook's language as metadata of its cells name it, and its group if that is known."""
    microsoft = _object(metadata.get("microsoft"))
    named = [
        microsoft.get("language"),
        _object(metadata.get("language_info")).get("name"),
        _object(metadata.get("kernelspec")).get("language"),
    ]
    language = next((name.lower() for name in named if isinstance(name, str) and name), "python")
    group = microsoft.get("language_group")
    return {"language": language, **({"language_group": group} if isinstance(group, str) else {})}


# ---- metadata are whatever somebody has written


def _taken(metadata: dict[str, Any], name: str, members: tuple[str, ...]) -> dict[str, Any]:
    """Take *members* out of the object that *metadata* has under *name*, and it too if it is empty then."""
    there = metadata.get(name)
    if not isinstance(there, dict):
        return {}
    left = {key: value for key, value in there.items() if key not in members}
    if left:
        metadata[name] = left
    else:
        del metadata[name]
    return {key: there[key] for key in members if key in there}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
