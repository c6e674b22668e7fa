-- What somebody who follows jobs and was away may have missed. Rows are those of `found` in searching.sql.

-- name: last_number
SELECT COALESCE(MAX(number), 0) FROM jobs

-- name: live_numbers
SELECT jobs.number
FROM json_each(:families) AS named
CROSS JOIN scopes ON scopes.name > named.value || '/' AND scopes.name < named.value || '0'
CROSS JOIN jobs ON jobs.scope = scopes.number
WHERE jobs.ended_at IS NULL
ORDER BY jobs.number
LIMIT :limit

-- name: after
SELECT
    jobs.number, jobs.scope, jobs.id, jobs.queue, jobs.kind, jobs.state, jobs.submitted_at, jobs.available_at,
    jobs.started_at, jobs.ended_at, jobs.cancel_requested_at, jobs.cancel_requested_by, jobs.attempt,
    jobs.epoch, jobs.worker, jobs.lease_until, jobs.send_deadline, jobs.when_lost, jobs.submitted_by,
    jobs.fingerprint, jobs.labels, jobs.progress_done, jobs.progress_total, jobs.progress_text, x'', NULL,
    jobs.error, jobs.unique_key, jobs.losses, jobs.family, scopes.name, NULL
FROM jobs CROSS JOIN scopes ON scopes.number = jobs.scope
WHERE jobs.number > :after
    AND jobs.family IN (
        SELECT families.number
        FROM json_each(:families) AS named CROSS JOIN scopes AS families ON families.name = named.value
    )
    AND NOT (scopes.is_closed AND jobs.ended_at IS NOT NULL)
ORDER BY jobs.number
LIMIT :limit

-- name: among
SELECT
    jobs.number, jobs.scope, jobs.id, jobs.queue, jobs.kind, jobs.state, jobs.submitted_at, jobs.available_at,
    jobs.started_at, jobs.ended_at, jobs.cancel_requested_at, jobs.cancel_requested_by, jobs.attempt,
    jobs.epoch, jobs.worker, jobs.lease_until, jobs.send_deadline, jobs.when_lost, jobs.submitted_by,
    jobs.fingerprint, jobs.labels, jobs.progress_done, jobs.progress_total, jobs.progress_text, x'', NULL,
    jobs.error, jobs.unique_key, jobs.losses, jobs.family, scopes.name, NULL
FROM json_each(:numbers) AS named
CROSS JOIN jobs ON jobs.number = named.value
CROSS JOIN scopes ON scopes.number = jobs.scope
WHERE jobs.family IN (
        SELECT families.number
        FROM json_each(:families) AS above CROSS JOIN scopes AS families ON families.name = above.value
    )
    AND NOT (scopes.is_closed AND jobs.ended_at IS NOT NULL)
ORDER BY jobs.number
