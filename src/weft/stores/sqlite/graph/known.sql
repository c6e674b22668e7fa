-- What the process that checks an import file asks. Kinds of keys: see migrations/0001_graph.sql.

-- name: models
SELECT id, number, definition, decommissioned FROM models ORDER BY number

-- name: twins
SELECT twins.id, twins.number, twins.model
FROM carray(:wanted) AS wanted
CROSS JOIN all_keys AS named ON named.kind = 0 AND named.key = wanted.value
CROSS JOIN twins ON twins.number = named.number
