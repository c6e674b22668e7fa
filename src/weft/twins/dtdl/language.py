"""DTDL 2 and 3 as tables: classes, their members, limits, extensions and reserved words.

Source: Azure/opendigitaltwins-dtdl: DTDL.v2.md, DTDL.Specification.v3.md, the extensions' pages (CC-BY-4.0).
`reader.py` interprets them; what no table can say is in `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from weft.twins.dtdl.units import PREFIXES, UNITS_OF_2, UNITS_OF_3, Units

VERSIONS = (2, 3)
CONTEXT_PREFIX = "dtmi:dtdl:context;"

NAME_SYNTAX = "[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?"
LANGUAGE_SYNTAX = "[a-z]{2,4}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?"

MOST_SCHEMA_LEVELS = 5
MOST_EXTENDS_LEVELS = 10
MOST_EXTENDS_IN_HIERARCHY = 1024
MOST_INTERFACE_BYTES = 1024 * 1024
MOST_CONTENTS_OF_2 = 300
MOST_ELEMENTS_OF_3 = 100_000


class Kind(Enum):
    """What a member's value is."""

    TEXT = auto()
    LOCALIZABLE = auto()
    FLAG = auto()
    WHOLE = auto()
    LITERAL = auto()  # a string or a whole number
    DTMI = auto()  # a reference that need not lead anywhere
    TERM = auto()  # one of the words in `terms`
    ELEMENTS = auto()  # elements, references to them, or one of the words in `terms`
    ANY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """*terms* maps each spelling (term or DTMI) to the term. *least* and *most* bound the value of a whole
    number, else the number of elements of a *plural* member; *longest* is in characters.

    *older*: elements of an earlier version of the language will do. *unique* names the members whose values
    must differ among the elements.
    """

    name: str
    kind: Kind
    required: bool = False
    plural: bool = False
    classes: tuple[str, ...] = ()
    terms: Mapping[str, str] = field(default_factory=dict)
    older: bool = False
    id_required: bool = False
    unique: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    longest: int | None = None
    pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjunct:
    """A type that an element may have besides its class.

    *schemas* are the schemas it then may have (empty: any), words or classes; *fixed* are literal values that
    a member must have if it is present; *sibling* is the member that must name a sibling element.
    """

    name: str
    dtmi: str
    classes: frozenset[str]
    members: tuple[tuple[str, Member], ...] = ()
    schemas: frozenset[str] = frozenset()
    fixed: tuple[tuple[str, object], ...] = ()
    sibling: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """*terms* are the words it reserves, *schemas* the schemas it adds."""

    versions: tuple[int, ...]
    adjuncts: tuple[Adjunct, ...] = ()
    schemas: Mapping[str, str] = field(default_factory=dict)
    terms: frozenset[str] = frozenset()


class Unknown(Enum):
    """Names that the language does not define."""

    INVALID_DTMI = "InvalidDtmi"
    IRRELEVANT = "IrrelevantDtmiOrTerm"
    NOT_DTMI_NOR_TERM = "NotDtmiNorTerm"
    UNDEFINED_TERM = "UndefinedTerm"


class Stance(Enum):
    """What to do with an unknown name: *TENABLE* is good only where an undefined extension may define it."""

    VALID = auto()
    TENABLE = auto()
    INVALID = auto()


STANCE_ON_TYPES: dict[int, dict[Unknown, Stance]] = {
    2: {
        Unknown.INVALID_DTMI: Stance.INVALID,
        Unknown.IRRELEVANT: Stance.TENABLE,
        Unknown.NOT_DTMI_NOR_TERM: Stance.VALID,
        Unknown.UNDEFINED_TERM: Stance.VALID,
    },
    3: {
        Unknown.INVALID_DTMI: Stance.INVALID,
        Unknown.IRRELEVANT: Stance.TENABLE,
        Unknown.NOT_DTMI_NOR_TERM: Stance.INVALID,
        Unknown.UNDEFINED_TERM: Stance.TENABLE,
    },
}

# For members of an element that has an unknown type; without one they are all invalid.
STANCE_ON_MEMBERS: dict[int, dict[Unknown, Stance]] = {
    2: dict.fromkeys(Unknown, Stance.VALID),
    3: {
        Unknown.INVALID_DTMI: Stance.INVALID,
        Unknown.IRRELEVANT: Stance.TENABLE,
        Unknown.NOT_DTMI_NOR_TERM: Stance.INVALID,
        Unknown.UNDEFINED_TERM: Stance.TENABLE,
    },
}

KEYWORDS = frozenset({"@context", "@id", "@type"})
# DTDL 2 only advises against the other keywords of JSON-LD, but for this one.
KEYWORDS_REFUSED_IN_2 = frozenset({"@graph"})

PRIMITIVES = (
    "boolean",
    "date",
    "dateTime",
    "double",
    "duration",
    "float",
    "integer",
    "long",
    "string",
    "time",
)
NUMERIC = frozenset({"double", "float", "integer", "long"})
GEOSPATIAL = ("lineString", "multiLineString", "multiPoint", "multiPolygon", "point", "polygon")
COMPLEX = ("Array", "Enum", "Map", "Object")
CONTENTS = ("Command", "Component", "Property", "Relationship", "Telemetry")
# The schema whose depth is limited, and the members that lead from it to the next one.
NESTING = {"Array": ("elementSchema",), "Map": ("mapValue",), "Object": ("fields",)}
# These may leave out their @type, where only they are expected.
IMPLICIT = frozenset(
    {"CommandPayload", "CommandRequest", "CommandResponse", "EnumValue", "Field", "MapKey", "MapValue"}
)


def _spelled(words: tuple[str, ...], prefix: str, version: int) -> dict[str, str]:
    return {word: word for word in words} | {f"{prefix}{word};{version}": word for word in words}


def _schemas(version: int) -> dict[str, str]:
    primitive = _spelled(PRIMITIVES, "dtmi:dtdl:instance:Schema:", version)
    return primitive | _spelled(GEOSPATIAL, "dtmi:standard:schema:geospatial:", version)


def _text(name: str, **rest: object) -> Member:
    return Member(name=name, kind=Kind.TEXT, **rest)  # type: ignore[arg-type]  # a table row, checked by use


def _elements(name: str, classes: tuple[str, ...], **rest: object) -> Member:
    return Member(name=name, kind=Kind.ELEMENTS, classes=classes, **rest)  # type: ignore[arg-type]  # the same


# Limits of length, in characters, by version of the language.
_LONGEST_NAME = {2: 64, 3: 512}
_LONGEST_TEXT = 512


def _common(version: int) -> tuple[Member, ...]:
    return (
        _text("comment", longest=_LONGEST_TEXT),
        Member(name="description", kind=Kind.LOCALIZABLE, longest=_LONGEST_TEXT),
        Member(name="displayName", kind=Kind.LOCALIZABLE, longest=_LONGEST_NAME[version]),
    )


def _name(version: int) -> Member:
    return _text("name", required=True, longest=_LONGEST_NAME[version], pattern=NAME_SYNTAX)


_WRITABLE = Member(name="writable", kind=Kind.FLAG)


def _schema(version: int, name: str = "schema") -> Member:
    return _elements(name, COMPLEX, required=True, terms=_schemas(version), older=True)


def _term(
    name: str, version: int, words: tuple[str, ...], *, of: str = "Schema", required: bool = True
) -> Member:
    terms = _spelled(words, f"dtmi:dtdl:instance:{of}:", version)
    return Member(name=name, kind=Kind.TERM, required=required, terms=terms)


def _contents(version: int) -> dict[str, tuple[Member, ...]]:
    name = _name(version)
    request, response = ("CommandPayload",) * 2 if version == 2 else ("CommandRequest", "CommandResponse")
    return {
        "Command": (
            name,
            _elements("request", (request,)),
            _elements("response", (response,)),
            _term("commandType", version, ("asynchronous", "synchronous"), of="CommandType", required=False),
        ),
        request: (name, _schema(version)),
        response: (name, _schema(version)),
        "Component": (name, _elements("schema", ("Interface",), required=True, older=True)),
        "Property": (name, _schema(version), _WRITABLE),
        "Relationship": (
            name,
            Member(name="minMultiplicity", kind=Kind.WHOLE, least=0, most=0),
            Member(name="maxMultiplicity", kind=Kind.WHOLE, least=1, most=500 if version == 2 else None),
            Member(name="target", kind=Kind.DTMI),
            _WRITABLE,
            _elements(
                "properties",
                ("Property",),
                plural=True,
                older=True,
                unique=("name",),
                most=300 if version == 2 else None,
            ),
        ),
        "Telemetry": (name, _schema(version)),
    }


def _complex_schemas(version: int) -> dict[str, tuple[Member, ...]]:
    least, fields, values = (1, 30, 100) if version == 2 else (None, None, None)
    needed = version == 2
    name = _name(version)
    return {
        "Array": (_schema(version, "elementSchema"),),
        "Enum": (
            _term("valueSchema", version, ("integer", "string")),
            _elements(
                "enumValues",
                ("EnumValue",),
                required=needed,
                plural=True,
                unique=("name", "enumValue"),
                least=least,
                most=values,
            ),
        ),
        "EnumValue": (name, Member(name="enumValue", kind=Kind.LITERAL, required=True)),
        "Map": (
            _elements("mapKey", ("MapKey",), required=True),
            _elements("mapValue", ("MapValue",), required=True),
        ),
        "MapKey": (name, _term("schema", version, ("string",))),
        "MapValue": (name, _schema(version)),
        "Object": (
            _elements(
                "fields",
                ("Field",),
                required=needed,
                plural=True,
                unique=("name",),
                least=least,
                most=fields,
            ),
        ),
        "Field": (name, _schema(version)),
    }


def _classes(version: int) -> Mapping[str, tuple[Member, ...]]:
    interface = (
        _elements("contents", CONTENTS, plural=True, older=True, unique=("name",)),
        _elements("extends", ("Interface",), plural=True, older=True, most=2 if version == 2 else None),
        _elements("schemas", COMPLEX, plural=True, id_required=True),
    )
    rows = {"Interface": interface, **_contents(version), **_complex_schemas(version)}
    return MappingProxyType({kind: (*_common(version), *members) for kind, members in rows.items()})


CLASSES = {version: _classes(version) for version in VERSIONS}

_WORDS = """
Array asynchronous boolean Boolean Command CommandPayload commandType CommandType comment ComplexSchema
Component Content contents date Date dateTime DateTime description displayName double Double duration Duration
elementSchema Entity Enum enumValue EnumValue enumValues exponent extends Field fields float Float integer
Integer Interface languageMajorVersion lineString long Long Map mapKey MapKey mapValue MapValue
maxMultiplicity minMultiplicity multiLineString multiPoint multiPolygon name NamedEntity NumericSchema Object
point polygon PrimitiveSchema properties Property Relationship request response schema Schema SchemaField
schemas SemanticType SemanticUnit string String symbol synchronous target Telemetry TemporalSchema time Time
Unit UnitAttribute valueSchema writable
"""
_WORDS_ONLY_IN_2 = """
baseUnit BinaryPrefix BinaryUnit bottomUnit DecimalPrefix DecimalUnit prefix QuantitativeType RatioUnit
topUnit unit
"""
_WORDS_ONLY_IN_3 = """
AdjunctType Alias aliasFor CommandRequest CommandResponse DtdlExtension LatentType metamodel model
NamedLatentType
"""
RESERVED = {
    2: frozenset((*_WORDS.split(), *_WORDS_ONLY_IN_2.split(), *PREFIXES)) | UNITS_OF_2.terms(),
    3: frozenset((*_WORDS.split(), *_WORDS_ONLY_IN_3.split())),
}

# Extensions


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How the units' DTMIs are written: `{}` is the term."""

    type: str
    unit: str
    member: str


_SPELLING_2 = _Spelling("dtmi:standard:class:{};2", "dtmi:standard:unit:{};2", "dtmi:dtdl:property:unit;2")
_SPELLING_3 = _Spelling(
    "dtmi:dtdl:extension:quantitativeTypes:v1:class:{}",
    "dtmi:dtdl:extension:quantitativeTypes:v1:unit:{}",
    "dtmi:dtdl:extension:quantitativeTypes:v1:property:unit",
)
_QUANTIFIED_3 = frozenset({"CommandRequest", "CommandResponse", "Field", "MapValue", "Property", "Telemetry"})
_VALUED = frozenset({"Property", "Telemetry"})


def _unit(
    units: tuple[str, ...], spelling: _Spelling, *, required: bool = True
) -> tuple[tuple[str, Member], ...]:
    terms = {unit: unit for unit in units} | {spelling.unit.format(unit): unit for unit in units}
    member = Member(name="unit", kind=Kind.TERM, required=required, terms=terms)
    return (("unit", member), (spelling.member, member))


def _semantic_types(units: Units, spelling: _Spelling, classes: frozenset[str]) -> tuple[Adjunct, ...]:
    return tuple(
        Adjunct(
            name=name,
            dtmi=spelling.type.format(name),
            classes=classes,
            members=_unit(units.of_type[unit], spelling),
            schemas=NUMERIC,
        )
        for name, unit in units.semantic_types.items()
    )


def _central(name: str, schemas: frozenset[str], unit: str = "") -> Adjunct:
    members = _unit(UNITS_OF_2.of_type[unit], _SPELLING_2, required=False) if unit else ()
    dtmi = f"dtmi:iotcentral:class:{name};2"
    return Adjunct(name=name, dtmi=dtmi, classes=_VALUED, members=members, schemas=schemas)


def _one_word(name: str, member: str, version: int, **rest: object) -> tuple[tuple[str, Member], ...]:
    """The member that an adjunct type adds, in its two spellings."""
    row = _text(member, required=True, **rest)
    return ((member, row), (f"dtmi:dtdl:extension:{name}:v{version}:{member}", row))


def _annotation(version: int) -> Adjunct:
    return Adjunct(
        name="ValueAnnotation",
        dtmi=f"dtmi:dtdl:extension:annotation:v{version}:ValueAnnotation",
        classes=_VALUED,
        members=_one_word("annotation", "annotates", version),
        sibling="annotates",
    )


def _override(version: int) -> Adjunct:
    return Adjunct(
        name="Override",
        dtmi=f"dtmi:dtdl:extension:overriding:v{version}:Override",
        classes=frozenset({"Property"}),
        members=_one_word("overriding", "overrides", version),
    )


def _historized(version: int) -> Adjunct:
    return Adjunct(
        name="Historized", dtmi=f"dtmi:dtdl:extension:historization:v{version}:Historized", classes=_VALUED
    )


_STREAMING = Adjunct(
    name="Streaming",
    dtmi="dtmi:dtdl:extension:streaming:v1:Streaming",
    classes=frozenset({"Property"}),
    fixed=(("writable", False),),
)
_INITIALIZED = Adjunct(
    name="Initialized",
    dtmi="dtmi:dtdl:extension:initialization:v1:Initialized",
    classes=frozenset({"Property"}),
    members=(("initialValue", Member(name="initialValue", kind=Kind.ANY, required=True)),),
)

# DTDL 2 has the semantic types built in.
BUILT_IN: dict[int, tuple[Adjunct, ...]] = {2: _semantic_types(UNITS_OF_2, _SPELLING_2, _VALUED), 3: ()}

_QUANTITATIVE_TYPES = Extension(
    versions=(3,),
    adjuncts=_semantic_types(UNITS_OF_3, _SPELLING_3, _QUANTIFIED_3),
    terms=UNITS_OF_3.terms() | frozenset((*_WORDS_ONLY_IN_2.split(), *PREFIXES)),
)
_OVERRIDABLE = {unit: unit for unit in UNITS_OF_3.of_type}
_CENTRAL = Extension(
    versions=(2,),
    adjuncts=(
        _central("State", frozenset({"Enum"})),
        _central("Event", NUMERIC | {"string"}),
        _central("Location", frozenset((*GEOSPATIAL, "geopoint"))),
        _central("VelocityVector", frozenset({"vector"}), "VelocityUnit"),
        _central("AccelerationVector", frozenset({"vector"}), "AccelerationUnit"),
    ),
    schemas=_spelled(("geopoint", "vector"), "dtmi:iotcentral:schema:", 2),
    terms=frozenset({"geopoint", "vector"}),
)


def _feature(adjunct: Adjunct, *, schemas: Mapping[str, str] | None = None) -> Extension:
    return Extension(versions=VERSIONS, adjuncts=(adjunct,), schemas=schemas or {})


# By context.
EXTENSIONS: dict[str, Extension] = {
    "dtmi:iotcentral:context;2": _CENTRAL,
    "dtmi:dtdl:extension:quantitativeTypes;1": _QUANTITATIVE_TYPES,
    "dtmi:dtdl:extension:historization;1": _feature(_historized(1)),
    "dtmi:dtdl:extension:historization;2": _feature(_historized(2)),
    "dtmi:dtdl:extension:annotation;1": _feature(_annotation(1)),
    "dtmi:dtdl:extension:annotation;2": _feature(_annotation(2)),
    "dtmi:dtdl:extension:overriding;1": _feature(_override(1), schemas=_OVERRIDABLE),
    "dtmi:dtdl:extension:overriding;2": _feature(_override(2), schemas=_OVERRIDABLE),
    "dtmi:dtdl:extension:streaming;1": _feature(_STREAMING),
    "dtmi:dtdl:extension:initialization;1": _feature(_INITIALIZED),
}
