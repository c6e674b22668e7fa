-- What a batch writes: models, twins, relationships; and what is deleted of them, the oldest first.

-- name: models_known
SELECT models.id, models.number FROM json_each(:ids) AS wanted CROSS JOIN models ON models.id = wanted.value

-- name: put_model
INSERT INTO models (number, id, definition, uploaded_at) VALUES (?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE
SET definition = excluded.definition, uploaded_at = excluded.uploaded_at, decommissioned = FALSE

-- name: missing_model
SELECT wanted.value
FROM carray(:numbers) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM models WHERE models.number = wanted.value)
LIMIT 1

-- name: missing_twin
SELECT wanted.value
FROM carray(:numbers) AS wanted
WHERE NOT EXISTS (SELECT 1 FROM twins WHERE twins.number = wanted.value)
LIMIT 1

-- name: first_twin
SELECT number FROM twins ORDER BY number LIMIT 1

-- name: put_twins
INSERT INTO twins (number, id, model, body, revision, updated_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE
SET model = excluded.model, body = excluded.body, revision = excluded.revision, updated_at = excluded.updated_at

-- name: add_names
INSERT INTO names (name) SELECT value FROM json_each(:names) WHERE TRUE ON CONFLICT DO NOTHING

-- name: names
SELECT names.name, names.number
FROM json_each(:names) AS wanted
CROSS JOIN names ON names.name = wanted.value

-- name: relationships_numbered
SELECT relationships.source, relationships.id, relationships.number, relationships.target
FROM carray(:numbers) AS wanted
CROSS JOIN relationships ON relationships.number = wanted.value

-- name: put_relationships
INSERT INTO relationships (number, source, id, target, name, properties, revision)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE
SET target = excluded.target, name = excluded.name, properties = excluded.properties,
    revision = excluded.revision

-- name: oldest_relationships
SELECT number, source, id, target FROM relationships ORDER BY number LIMIT :limit

-- name: delete_relationships
DELETE FROM relationships WHERE number <= :last

-- name: oldest_twins
SELECT number, id FROM twins ORDER BY number LIMIT :limit

-- name: delete_twins
DELETE FROM twins WHERE number <= :last

-- name: delete_models
DELETE FROM models WHERE number IN (SELECT number FROM models ORDER BY number LIMIT :limit)
