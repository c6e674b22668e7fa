-- Models, twins and relationships as they are read. A page is in the order of numbers. Kinds of keys: see
-- migrations/0001_graph.sql.

-- name: model
SELECT number, id, definition, uploaded_at, decommissioned FROM models WHERE id = :id

-- name: models
SELECT number, id, definition, uploaded_at, decommissioned
FROM models
WHERE number > :after
ORDER BY number
LIMIT :limit

-- name: number_of_twin
SELECT number FROM all_keys WHERE kind = 0 AND key = :key

-- name: twin
SELECT number, id, model_id, body, revision, updated_at FROM whole_twins WHERE number = :number

-- name: relationship
SELECT number, id, source_id, target_id, relationship_name, properties, revision
FROM whole_relationships
WHERE id = :id AND number IN (SELECT number FROM all_keys WHERE kind = 1 AND key = :key)

-- name: outgoing
SELECT number, id, source_id, target_id, relationship_name, properties, revision
FROM whole_relationships
WHERE number > :after
AND number IN (SELECT number FROM all_keys WHERE kind = 1 AND key BETWEEN :first AND :last)
AND (:name IS NULL OR relationship_name = :name)
ORDER BY number
LIMIT :limit

-- name: incoming
SELECT number, id, source_id, target_id, relationship_name, properties, revision
FROM whole_relationships
WHERE number IN (SELECT number FROM all_keys WHERE kind = 2 AND key = :target AND number > :after)
ORDER BY number
LIMIT :limit

-- name: counts
SELECT models, twins, relationships FROM tally

-- name: salt
SELECT salt FROM tally
