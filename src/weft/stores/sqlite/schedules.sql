-- A row is what schedules.py binds to a schedule: its columns, with the name of its scope.

-- name: add_schedule
INSERT INTO schedules (
    scope, id, kind, enabled, configuration, payload, owner, labels, created_at, next_due, revision
)
SELECT
    number, :id, :kind, :enabled, :configuration, :payload, :owner, :labels, :created_at, :next_due, :revision
FROM scopes
WHERE name = :scope AND NOT is_closed
    AND (SELECT COUNT(*) FROM schedules AS known WHERE known.scope = scopes.number) < :most

-- name: schedule
SELECT
    scopes.name, schedules.id, kind, enabled, configuration, payload, owner, labels, created_at, next_due,
    revision, schedules.number
FROM scopes
CROSS JOIN schedules ON schedules.scope = scopes.number
WHERE scopes.name = :scope AND schedules.id = :id

-- name: schedules
SELECT
    scopes.name, schedules.id, kind, enabled, configuration, payload, owner, labels, created_at, next_due,
    revision, schedules.number
FROM scopes
CROSS JOIN schedules ON schedules.scope = scopes.number
WHERE scopes.name = :scope AND schedules.number > :after AND (:kind IS NULL OR kind = :kind)
ORDER BY schedules.number
LIMIT :limit

-- name: change_schedule
UPDATE schedules
SET enabled = :enabled,
    configuration = :configuration,
    payload = :payload,
    owner = :owner,
    labels = :labels,
    next_due = :next_due,
    revision = revision + 1
WHERE scope = (SELECT scopes.number FROM scopes WHERE name = :scope) AND id = :id AND revision = :revision

-- name: delete_schedule
DELETE FROM schedules
WHERE scope = (SELECT scopes.number FROM scopes WHERE name = :scope) AND id = :id

-- name: delete_schedules_of_scopes
DELETE FROM schedules
WHERE scope IN (
    SELECT scopes.number FROM scopes WHERE name = :scope OR (name > :below AND name < :after)
)

-- name: due_schedules
SELECT
    scopes.name, schedules.id, kind, enabled, configuration, payload, owner, labels, created_at, next_due,
    revision, schedules.number
FROM schedules
CROSS JOIN scopes ON scopes.number = schedules.scope
WHERE next_due <= :until
ORDER BY next_due, schedules.number
LIMIT :limit

-- name: next_due
SELECT MIN(next_due) FROM schedules WHERE next_due IS NOT NULL

-- name: go_on
UPDATE schedules SET next_due = :next_due
-- What is disabled is never due.
WHERE number = :number AND revision = :revision AND next_due = :due

-- name: note_occurrence
INSERT INTO occurrences (schedule, due, fate, job, count, last)
VALUES (:schedule, :due, :fate, :job, :count, :last)
ON CONFLICT DO NOTHING

-- name: occurrences
SELECT due, fate, job, count, last
FROM scopes
CROSS JOIN schedules ON schedules.scope = scopes.number
CROSS JOIN occurrences ON occurrences.schedule = schedules.number
WHERE scopes.name = :scope AND schedules.id = :id AND due < :before
ORDER BY due DESC
LIMIT :limit

-- name: prune_occurrences
DELETE FROM occurrences WHERE (schedule, due) IN (
    SELECT schedule, due FROM occurrences WHERE due < :due_before ORDER BY due LIMIT :limit
)
