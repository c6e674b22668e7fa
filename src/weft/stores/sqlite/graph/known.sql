-- What the process that checks an import file asks.

-- name: models
SELECT id, number, definition, decommissioned FROM models ORDER BY number

-- name: twins
SELECT twins.id, twins.number, twins.model
FROM carray(:wanted) AS wanted
CROSS JOIN keys ON keys.kind = 0 AND keys.key = wanted.value
CROSS JOIN twins ON twins.number = keys.number
UNION ALL
SELECT twins.id, twins.number, twins.model
FROM carray(:wanted) AS wanted
CROSS JOIN new_keys ON new_keys.kind = 0 AND new_keys.key = wanted.value
CROSS JOIN twins ON twins.number = new_keys.number
