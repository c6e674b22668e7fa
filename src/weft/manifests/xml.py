"""XML as a small tree whose elements know their lines: no DTD, no entity, no fetch, and bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from weft.manifests.errors import ManifestInvalid, refused

LONGEST_BYTES: Final = 1024 * 1024
DEEPEST: Final = 64
MOST_ELEMENTS: Final = 2000


@dataclass(slots=True)
class Element:
    """*path*: how it is told of, by its parent and itself."""

    name: str
    line: int
    attributes: dict[str, str]
    parent: str = ""
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def path(self) -> str:
        return f"{self.parent}/{self.name}" if self.parent else self.name

    def all(self, name: str) -> list[Element]:
        return [child for child in self.children if child.name == name]

    def first(self, *names: str) -> Element | None:
        """Return the element that is reached by *names*, one level a name, the first of each."""
        found: Element | None = self
        for name in names:
            found = next((child for child in found.children if child.name == name), None) if found else None
        return found


def parse(raw: bytes, file: str) -> Element:
    """Return the root element. Raises ManifestInvalid with the line at which it is no XML that we take."""
    if len(raw) > LONGEST_BYTES:
        raise refused(file, f"the file is longer than {LONGEST_BYTES} bytes")
    reader = DefusedExpatParser(forbid_dtd=True)
    tree = _Tree(reader, file)
    reader.setContentHandler(tree)
    try:
        reader.feed(raw)
        reader.close()
    except DefusedXmlException:
        raise refused(file, "a DTD is not allowed", line=reader.getLineNumber() or 1) from None
    except SAXException as fault:
        raise refused(file, f"not XML: {fault.getMessage()}", line=reader.getLineNumber() or 1) from None
    except (ValueError, LookupError) as fault:  # an encoding that Python knows not, or cannot use here
        raise refused(file, f"not XML: {fault}", line=reader.getLineNumber() or 1) from None
    if tree.root is None:
        raise refused(file, "not XML: no element found", line=1)
    return tree.root


class _Tree(ContentHandler):
    """Builds the tree; stops where it grows too deep or too large."""

    def __init__(self, reader: DefusedExpatParser, file: str) -> None:
        super().__init__()
        self.root: Element | None = None
        self._reader = reader
        self._file = file
        self._open: list[Element] = []
        self._count = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX's name
        line = self._reader.getLineNumber() or 1
        self._count += 1
        if len(self._open) == DEEPEST:
            raise self._refused(f"nested deeper than {DEEPEST} levels", line)
        if self._count > MOST_ELEMENTS:
            raise self._refused(f"more than {MOST_ELEMENTS} elements", line)
        parent = self._open[-1] if self._open else None
        element = Element(name, line, _own(attrs), parent.name if parent else "")
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._open.append(element)

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()

    def characters(self, content: str) -> None:
        self._open[-1].pieces.append(content)

    def _refused(self, message: str, line: int) -> ManifestInvalid:
        return refused(self._file, message, line=line)


def _own(attrs: AttributesImpl) -> dict[str, str]:
    """Return the attributes without those that belong to XML itself: prefixes, and where a schema lies."""
    return {name: value for name, value in attrs.items() if not name.startswith(("xmlns:", "xsi:", "xml:"))}
