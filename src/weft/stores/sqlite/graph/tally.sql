-- The one row of counters.

-- name: tally
SELECT
    salt, revision, models, twins, relationships, last_model, last_twin, last_relationship,
    new_keys, moved_kind, moved_key, moved_number
FROM tally

-- name: keep
UPDATE tally
SET revision = :revision, models = :models, twins = :twins, relationships = :relationships,
    last_model = :last_model, last_twin = :last_twin, last_relationship = :last_relationship,
    new_keys = :new_keys, moved_kind = :moved_kind, moved_key = :moved_key, moved_number = :moved_number
