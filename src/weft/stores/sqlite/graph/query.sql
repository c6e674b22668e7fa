-- A selection in SQL. The parts are put together by query.py, which fills the places in braces: with other
-- parts, with `:names` of parameters, with operators of a fixed list. All values are bound.
--
-- Kinds of keys: see migrations/0001_graph.sql. 24 is HASH_BITS of keys.py, 16777215 is HASHES.
--
-- A key has no affinity: `+` takes that of the column it is compared with away, or no index would serve.

-- name: select_twins
SELECT number, id, model_id, body, revision, updated_at
FROM whole_twins
WHERE number IN (
    SELECT twins.number FROM twins WHERE twins.number > :after AND {where} ORDER BY twins.number LIMIT :limit
)
ORDER BY number

-- name: select_relationships
SELECT number, id, source_id, target_id, relationship_name, properties, revision
FROM whole_relationships
WHERE number IN (
    SELECT relationships.number
    FROM relationships
    WHERE relationships.number > :after AND {where}
    ORDER BY relationships.number
    LIMIT :limit
)
ORDER BY number

-- name: count_twins
SELECT COUNT(*) FROM twins WHERE {where}

-- name: count_relationships
SELECT COUNT(*) FROM relationships WHERE {where}

-- name: true
1

-- name: false
0

-- name: unknown
NULL

-- name: not
(NOT {of})

-- name: and
({one} AND {other})

-- name: or
({one} OR {other})

-- name: model
(SELECT models.id FROM models WHERE models.number = twins.model)

-- name: source
(SELECT twins.id FROM twins WHERE twins.number = relationships.source)

-- name: target
(SELECT twins.id FROM twins WHERE twins.number = relationships.target)

-- name: relationship_name
(SELECT names.name FROM names WHERE names.number = relationships.name)

-- name: twin_is_one_of
twins.number IN (
    SELECT named.number
    FROM json_each({keys}) AS wanted
    CROSS JOIN all_keys AS named ON named.kind = 0
        AND named.key = iif(wanted.value ->> 0, unhex(wanted.value ->> 1), wanted.value ->> 1)
)

-- name: model_is_one_of
twins.model IN (
    SELECT models.number FROM json_each({values}) AS wanted CROSS JOIN models ON models.id = wanted.value
)

-- name: relationship_is_one_of
relationships.id IN (SELECT wanted.value FROM json_each({values}) AS wanted)

-- name: source_is_one_of
relationships.number IN (
    SELECT outgoing.number
    FROM json_each({keys}) AS wanted
    CROSS JOIN all_keys AS named ON named.kind = 0
        AND named.key = iif(wanted.value ->> 0, unhex(wanted.value ->> 1), wanted.value ->> 1)
    CROSS JOIN all_keys AS outgoing ON outgoing.kind = 1
        AND outgoing.key BETWEEN named.number << 24 AND (named.number << 24) + 16777215
)

-- name: target_is_one_of
relationships.number IN (
    SELECT incoming.number
    FROM json_each({keys}) AS wanted
    CROSS JOIN all_keys AS named ON named.kind = 0
        AND named.key = iif(wanted.value ->> 0, unhex(wanted.value ->> 1), wanted.value ->> 1)
    CROSS JOIN all_keys AS incoming ON incoming.kind = 2 AND incoming.key = +named.number
)

-- name: name_is_one_of
relationships.name IN (
    SELECT names.number FROM json_each({values}) AS wanted CROSS JOIN names ON names.name = wanted.value
)

-- name: compare
{text} {operator} {value}

-- name: STARTSWITH
substr({text}, 1, length({value})) = {value}

-- name: ENDSWITH
({value} = '' OR substr({text}, -length({value})) = {value})

-- name: CONTAINS
instr({text}, {value}) > 0

-- name: text_at
json_extract({document}, {path})

-- name: if_text
CASE json_type({document}, {path}) WHEN 'text' THEN {then} END

-- name: compare_number
CASE WHEN json_type({document}, {path}) IN ('integer', 'real')
THEN json_extract({document}, {path}) {operator} {value} END

-- name: compare_boolean
CASE WHEN json_type({document}, {path}) IN ('true', 'false')
THEN json_type({document}, {path}) {operator} {value} END

-- name: compare_null
CASE json_type({document}, {path}) WHEN 'null' THEN 'null' {operator} {value} END

-- name: text_is_one_of
CASE json_type({document}, {path}) WHEN 'text'
THEN json_extract({document}, {path}) IN (SELECT wanted.value FROM json_each({values}) AS wanted) END

-- name: number_is_one_of
CASE WHEN json_type({document}, {path}) IN ('integer', 'real')
THEN json_extract({document}, {path}) IN (SELECT wanted.value FROM json_each({values}) AS wanted) END

-- name: array_contains_text
CASE json_type({document}, {path}) WHEN 'array' THEN EXISTS (
    SELECT 1 FROM json_each({document}, {path}) AS element
    WHERE element.type = 'text' AND element.value = {value}
) END

-- name: array_contains_number
CASE json_type({document}, {path}) WHEN 'array' THEN EXISTS (
    SELECT 1 FROM json_each({document}, {path}) AS element
    WHERE element.type IN ('integer', 'real') AND element.value = {value}
) END

-- name: array_contains_type
CASE json_type({document}, {path}) WHEN 'array' THEN EXISTS (
    SELECT 1 FROM json_each({document}, {path}) AS element WHERE element.type = {value}
) END

-- name: IS_DEFINED
(json_type({document}, {path}) IS NOT NULL)

-- name: IS_NULL
(json_type({document}, {path}) IS 'null')

-- name: IS_BOOL
ifnull(json_type({document}, {path}) IN ('true', 'false'), FALSE)

-- name: IS_NUMBER
ifnull(json_type({document}, {path}) IN ('integer', 'real'), FALSE)

-- name: IS_STRING
(json_type({document}, {path}) IS 'text')

-- name: IS_OBJECT
(json_type({document}, {path}) IS 'object')

-- name: IS_PRIMITIVE
ifnull(json_type({document}, {path}) IN ('null', 'true', 'false', 'integer', 'real', 'text'), FALSE)
