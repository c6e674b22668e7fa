"""Import files with one format fault each: the bytes, the line it is in, and what is said of it."""

from __future__ import annotations

from typing import NamedTuple

HEAD = b'{"Section": "Header"}\n{"fileVersion": "1.0.0", "author": "a", "organization": "o"}\n'
MODELS = HEAD + b'{"Section": "Models"}\n'
TWINS = HEAD + b'{"Section": "Twins"}\n'
RELATIONSHIPS = HEAD + b'{"Section": "Relationships"}\n'
TWIN = b'{"$dtId":"t","$metadata":{"$model":"dtmi:a;1"}}'
RELATIONSHIP = b'{"$dtId":"s","$relationshipId":"r","$targetId":"t","$relationshipName":"has"}'
MEBIBYTE = 1024 * 1024


class BadFile(NamedTuple):
    name: str
    data: bytes
    line: int
    message: str


def twin_with(value: bytes) -> bytes:
    """Return the line of a twin with a property whose value is *value*."""
    return TWIN[:-1] + b',"p":' + value + b"}"


def _bad_twin(name: str, line: bytes, message: str) -> BadFile:
    """The faulty line is the fifth of six; a right one comes before it and behind it."""
    return BadFile(name, TWINS + TWIN + b"\n" + line + b"\n" + TWIN + b"\n", 5, message)


def _bad_value(name: str, value: bytes, message: str) -> BadFile:
    return _bad_twin(name, twin_with(value), message)


def _bad_relationship(name: str, line: bytes, message: str) -> BadFile:
    return BadFile(name, RELATIONSHIPS + RELATIONSHIP + b"\n" + line + b"\n", 5, message)


_NOT_JSON = "The line is not JSON: "
_FIRST = 'The file must begin with the line {"Section": "Header"}.'
_HEADER = 'The second line must be the header, with "fileVersion": "1.0.0".'
_TOO_LONG = "The line is longer than 1048576 bytes."
_TOO_DEEP = "The line is nested deeper than 64 levels."
_NUL = "The line has the character NUL (\\u0000) in a string."
_UTF16 = "The file must be UTF-8; it looks like UTF-16."
_RANGE = "The line has a number that is out of range."
_NO_TWIN_ID = "Twin must have property $dtId representing the ID of the twin."
_NO_TWIN_MODEL = "Twin must have property $metadata.$model representing the ID of its model."
_NO_MODEL_ID = "Model must have property @id representing the ID of the model."
_NO_SOURCE = "Relationship must have property $dtId representing the ID of the source twin."
_ID = "must be a string of 1 to 1024 characters, not "
_MODEL_ID = "must be a string of 1 to 2048 characters, not "

BAD_FILES = [
    # ---- the file as a whole
    BadFile("empty", b"", 1, "The file ends before the header section."),
    BadFile("only_blank_lines", b"\n \r\n\t\n", 3, "The file ends before the header section."),
    BadFile("only_a_mark", b"\xef\xbb\xbf", 1, "The file ends before the header section."),
    BadFile(
        "ends_after_its_first_line",
        b'{"Section": "Header"}\n',
        1,
        "The file ends before the header, which must follow its first line.",
    ),
    BadFile("no_header", b'{"Section": "Twins"}\n' + TWIN, 1, _FIRST),
    BadFile("header_in_lower_case", b'{"section": "header"}\n', 1, _FIRST),
    BadFile("header_with_more", b'{"Section": "Header", "fileVersion": "1.0.0"}\n', 1, _FIRST),
    BadFile("an_array_of_everything", b"[" + TWIN + b"]", 1, _FIRST),
    BadFile("header_object_missing", b'{"Section": "Header"}\n{"Section": "Twins"}\n', 2, _HEADER),
    BadFile("header_object_is_text", b'{"Section": "Header"}\n"1.0.0"\n', 2, _HEADER),
    BadFile(
        "another_version",
        b'{"Section": "Header"}\n{"fileVersion": "2.0.0"}\n',
        2,
        'The fileVersion of the header must be "1.0.0", not "2.0.0".',
    ),
    BadFile(
        "version_is_a_number",
        b'{"Section": "Header"}\n{"fileVersion": 1.0}\n',
        2,
        'The fileVersion of the header must be "1.0.0", not 1.0.',
    ),
    BadFile(
        "version_in_full_width_digits",
        '{"Section": "Header"}\n{"fileVersion": "1.\uff10.0"}\n'.encode(),
        2,
        'The fileVersion of the header must be "1.0.0", not "1.\uff10.0".',
    ),
    BadFile(
        "an_entity_in_the_header",
        HEAD + TWIN + b"\n",
        3,
        "The header is one line; a line that begins a section must follow it.",
    ),
    BadFile(
        "unknown_section",
        HEAD + b'{"Section": "Routes"}\n',
        3,
        'Section must be one of Models, Twins, Relationships, not "Routes".',
    ),
    BadFile(
        "section_in_lower_case",
        HEAD + b'{"Section": "twins"}\n',
        3,
        'Section must be one of Models, Twins, Relationships, not "twins".',
    ),
    BadFile(
        "section_is_null",
        HEAD + b'{"Section": null}\n',
        3,
        "Section must be one of Models, Twins, Relationships, not null.",
    ),
    BadFile(
        "section_is_an_object",
        HEAD + b'{"Section": {"a": 1}}\n',
        3,
        'Section must be one of Models, Twins, Relationships, not {"a":1}.',
    ),
    BadFile(
        "header_section_twice",
        TWINS + b'{"Section": "Header"}\n',
        4,
        'Section must be one of Models, Twins, Relationships, not "Header".',
    ),
    BadFile(
        "twins_twice", TWINS + b'{"Section": "Twins"}\n', 4, "Section Twins may not follow section Twins."
    ),
    BadFile(
        "models_after_twins",
        TWINS + TWIN + b'\n{"Section": "Models"}\n',
        5,
        "Section Models may not follow section Twins.",
    ),
    BadFile(
        "twins_after_relationships",
        RELATIONSHIPS + b'{"Section": "Twins"}\n',
        4,
        "Section Twins may not follow section Relationships.",
    ),
    # ---- bytes
    BadFile("utf_16_with_a_mark", b"\xff\xfe" + HEAD.decode().encode("utf-16-le"), 1, _UTF16),
    BadFile("utf_16_big_endian", b"\xfe\xff" + HEAD.decode().encode("utf-16-be"), 1, _UTF16),
    BadFile("utf_16_without_a_mark", HEAD.decode().encode("utf-16-le"), 1, _UTF16),
    BadFile("two_marks", b"\xef\xbb\xbf\xef\xbb\xbf" + HEAD, 1, _NOT_JSON + "invalid character (byte 0)."),
    _bad_twin("mark_within", b"\xef\xbb\xbf" + TWIN, _NOT_JSON + "invalid character (byte 0)."),
    _bad_value("latin_1", b'"\xe9"', "The line is not UTF-8 (byte 52)."),
    _bad_value("overlong_utf_8", b'"\xc0\x80"', "The line is not UTF-8 (byte 52)."),
    _bad_value("surrogate_in_utf_8", b'"\xed\xa0\x80"', "The line is not UTF-8 (byte 52)."),
    _bad_twin("cut_utf_8", b"\xc3", "The line is not UTF-8 (byte 0)."),
    _bad_value("raw_nul", b'"\0"', _NOT_JSON + "invalid character (byte 52)."),
    _bad_twin("only_a_nul", b"\0", _UTF16),
    _bad_value("raw_tab_in_a_string", b'"a\tb"', _NOT_JSON + "invalid character (byte 53)."),
    _bad_value("return_in_a_string", b'"a\rb"', _NOT_JSON + "invalid character (byte 53)."),
    _bad_twin("vertical_tab", b"\x0b", _NOT_JSON + "invalid character (byte 0)."),
    _bad_twin("two_objects_by_a_return", TWIN + b"\r" + TWIN, _NOT_JSON + "trailing characters (byte 49)."),
    _bad_twin("line_over_one_mebibyte", twin_with(b'"%s"' % (b"a" * MEBIBYTE)), _TOO_LONG),
    _bad_twin("one_byte_over", TWIN + b" " * (MEBIBYTE - len(TWIN) + 1), _TOO_LONG),
    BadFile(
        "behind_many_blank_lines",
        TWINS + b" \r\n" * 300_000 + b"oops",
        300_004,
        _NOT_JSON + "invalid character (byte 0).",
    ),
    _bad_twin("a_mebibyte_of_spaces_and_one", b" " * (MEBIBYTE + 1), _TOO_LONG),
    BadFile("first_line_without_end", b'{"Section": "Header"' + b" " * 3 * MEBIBYTE, 1, _TOO_LONG),
    # ---- JSON
    _bad_twin("two_objects", TWIN + TWIN, _NOT_JSON + "trailing characters (byte 48)."),
    _bad_twin("comma_between_lines", TWIN + b",", _NOT_JSON + "trailing characters (byte 48)."),
    _bad_twin("cut_off", TWIN[:-1], _NOT_JSON + "Input data was truncated."),
    _bad_twin("object_over_two_lines", b'{"$dtId":\n"t"}', _NOT_JSON + "Input data was truncated."),
    _bad_twin("text_of_an_object", b'"{}"', 'The line must be a JSON object, not "{}".'),
    _bad_twin("null", b"null", "The line must be a JSON object, not null."),
    _bad_twin(
        "array_of_twins", b"[" + TWIN + b"]", f"The line must be a JSON object, not [{TWIN.decode()}]."
    ),
    _bad_twin("single_quotes", b"{'$dtId':'t'}", _NOT_JSON + "object keys must be strings (byte 1)."),
    _bad_value("comma_at_the_end", b"1,", _NOT_JSON + "trailing comma in object (byte 53)."),
    _bad_value("nan", b"NaN", _NOT_JSON + "invalid character (byte 51)."),
    _bad_value("infinity", b"Infinity", _NOT_JSON + "invalid character (byte 51)."),
    _bad_value("minus_infinity", b"-Infinity", _NOT_JSON + "invalid character (byte 52)."),
    _bad_value("leading_zero", b"01", _NOT_JSON + "invalid number (byte 52)."),
    _bad_value("plus", b"+1", _NOT_JSON + "invalid character (byte 51)."),
    _bad_value("1e999", b"1e999", _RANGE),
    _bad_value("minus_1e999", b"[-1e999]", _RANGE),
    _bad_value("400_digits", b"9" * 400, _RANGE),
    _bad_value("minus_309_digits", b"-" + b"9" * 309, _RANGE),
    _bad_value("5000_digits", b"9" * 5000, _RANGE),
    _bad_value("65_levels", b"[" * 64 + b"]" * 64, _TOO_DEEP),
    _bad_value("65_levels_of_objects", b'{"a":' * 64 + b"1" + b"}" * 64, _TOO_DEEP),
    _bad_twin("100000_levels", b"[" * 100_000 + b"]" * 100_000, _TOO_DEEP),
    _bad_twin("100000_open_levels", b'{"a":' * 100_000, _TOO_DEEP),
    _bad_value("lone_surrogate", b'"\\ud800"', _NOT_JSON + "Input data was truncated."),
    _bad_value(
        "surrogate_before_a_letter",
        b'"\\ud800\\u0041"',
        _NOT_JSON + "invalid utf-16 surrogate pair (byte 64).",
    ),
    _bad_value("low_surrogate_first", b'"\\udc00"', _NOT_JSON + "invalid utf-16 surrogate pair (byte 58)."),
    _bad_value("escaped_nul", b'"\\u0000"', _NUL),
    _bad_value("escaped_nul_after_a_backslash", b'"\\\\\\u0000"', _NUL),
    _bad_value("escaped_nul_in_a_name", b'{"a\\u0000":1}', _NUL),
    # ---- names given twice
    _bad_value("property_twice", b'1,"p":2', 'Property "p" is given twice in one object.'),
    _bad_value("id_twice", b'1,"$dtId":"u"', 'Property "$dtId" is given twice in one object.'),
    _bad_value("name_twice_in_an_array", b'[{"q":1,"q":1}]', 'Property "q" is given twice in one object.'),
    _bad_value(
        "name_twice_by_an_escape", b'{"q":1,"\\u0071":2}', 'Property "q" is given twice in one object.'
    ),
    _bad_value("name_twice_by_a_space", b'{"q" :1,"q":2}', 'Property "q" is given twice in one object.'),
    _bad_value("name_twice_by_a_tab", b'{"q"\t:1,"q":2}', 'Property "q" is given twice in one object.'),
    _bad_value("name_twice_by_a_return", b'{"q"\r:1,"q":2}', 'Property "q" is given twice in one object.'),
    _bad_value(
        "name_twice_beside_a_text_like_a_name",
        b'{"q":"\\u0022:","q":2}',
        'Property "q" is given twice in one object.',
    ),
    BadFile(
        "section_twice_in_one_line",
        HEAD + b'{"Section":"Twins","Section":"Twins"}\n',
        3,
        'Property "Section" is given twice in one object.',
    ),
    # ---- who is it?
    _bad_twin("twin_without_id", b'{"$metadata":{"$model":"m"}}', _NO_TWIN_ID),
    _bad_twin("twin_with_null_id", b'{"$dtId":null,"$metadata":{"$model":"m"}}', _NO_TWIN_ID),
    _bad_twin("twin_id_is_a_number", b'{"$dtId":5,"$metadata":{"$model":"m"}}', f"Property $dtId {_ID}5."),
    _bad_twin("twin_id_is_empty", b'{"$dtId":"","$metadata":{"$model":"m"}}', f'Property $dtId {_ID}"".'),
    _bad_twin(
        "twin_id_is_long",
        b'{"$dtId":"%s","$metadata":{"$model":"m"}}' % (b"i" * 1025),
        f'Property $dtId {_ID}"{"i" * 96}....',
    ),
    _bad_twin("twin_without_metadata", b'{"$dtId":"t"}', _NO_TWIN_MODEL),
    _bad_twin("metadata_is_text", b'{"$dtId":"t","$metadata":"m"}', _NO_TWIN_MODEL),
    _bad_twin("twin_without_model", b'{"$dtId":"t","$metadata":{}}', _NO_TWIN_MODEL),
    _bad_twin(
        "model_of_twin_is_a_list",
        b'{"$dtId":"t","$metadata":{"$model":["m"]}}',
        f'Property $model {_MODEL_ID}["m"].',
    ),
    _bad_twin("relationship_among_twins", RELATIONSHIP, _NO_TWIN_MODEL),
    _bad_twin("section_by_an_escape", b'{"\\u0053ection":"Relationships"}', _NO_TWIN_ID),
    BadFile("model_without_id", MODELS + b'{"@type":"Interface"}\n', 4, _NO_MODEL_ID),
    BadFile("model_id_is_a_number", MODELS + b'{"@id":1}\n', 4, f"Property @id {_MODEL_ID}1."),
    BadFile("second_model_of_an_array_has_no_id", MODELS + b'[{"@id":"dtmi:a;1"},{}]\n', 4, _NO_MODEL_ID),
    BadFile(
        "array_of_arrays_of_models",
        MODELS + b'[[{"@id":"dtmi:a;1"}]]\n',
        4,
        'The line must be a JSON object, not [{"@id":"dtmi:a;1"}].',
    ),
    _bad_relationship("no_source", RELATIONSHIP.replace(b'"$dtId":"s",', b""), _NO_SOURCE),
    _bad_relationship(
        "both_sources_null",
        RELATIONSHIP.replace(b'"$dtId":"s"', b'"$dtId":null,"$sourceId":null'),
        _NO_SOURCE,
    ),
    _bad_relationship(
        "source_is_empty", RELATIONSHIP.replace(b'"s"', b'"","$sourceId":"s"'), f'Property $dtId {_ID}"".'
    ),
    _bad_relationship(
        "other_source_is_a_number",
        RELATIONSHIP.replace(b'"s"', b'"s","$sourceId":7'),
        f"Property $sourceId {_ID}7.",
    ),
    _bad_relationship(
        "no_relationship_id",
        RELATIONSHIP.replace(b'"$relationshipId":"r",', b""),
        "Relationship must have property $relationshipId representing the ID of the relationship.",
    ),
    _bad_relationship(
        "no_target",
        RELATIONSHIP.replace(b'"$targetId":"t"', b'"$targetId":null'),
        "Relationship must have property $targetId representing the ID of the target twin.",
    ),
    _bad_relationship(
        "no_name",
        RELATIONSHIP.replace(b',"$relationshipName":"has"', b""),
        "Relationship must have property $relationshipName representing the name of the relationship.",
    ),
    _bad_relationship(
        "name_is_true",
        RELATIONSHIP.replace(b'"has"', b"true"),
        "Property $relationshipName must be a string of 1 to 512 characters, not true.",
    ),
    _bad_relationship(
        "twin_among_relationships",
        TWIN,
        ("Relationship must have property $relationshipId representing the ID of the relationship."),
    ),
]
