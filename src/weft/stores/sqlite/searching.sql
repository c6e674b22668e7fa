-- A search walks lanes: the jobs of one state in one family, or those of one scope, each in the order of an index.
-- `lanes` is [[family or scope, state, at, number], ...]: where the walk of each goes on. What a walk returns of a
-- lane is [[at, number], ...], its next jobs; all lanes are one row, as each row is a wait for the interpreter.

-- name: numbers_of
SELECT json_group_array(scopes.number)
FROM json_each(:names) AS named CROSS JOIN scopes ON scopes.name = named.value

-- name: by_start_newest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ifnull(started_at, submitted_at) AS at, number FROM jobs
        WHERE family = lanes.value ->> 0 AND state = lanes.value ->> 1
            AND ifnull(started_at, submitted_at) <= lanes.value ->> 2
            AND (ifnull(started_at, submitted_at) < lanes.value ->> 2 OR number < lanes.value ->> 3)
            AND ifnull(started_at, submitted_at) >= :bound
        ORDER BY ifnull(started_at, submitted_at) DESC, number DESC
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: by_start_oldest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ifnull(started_at, submitted_at) AS at, number FROM jobs
        WHERE family = lanes.value ->> 0 AND state = lanes.value ->> 1
            AND ifnull(started_at, submitted_at) >= lanes.value ->> 2
            AND (ifnull(started_at, submitted_at) > lanes.value ->> 2 OR number > lanes.value ->> 3)
            AND ifnull(started_at, submitted_at) < :bound
        ORDER BY ifnull(started_at, submitted_at), number
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: by_end_newest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ended_at AS at, number FROM jobs
        WHERE family = lanes.value ->> 0 AND state = lanes.value ->> 1
            AND (ended_at, number) < (lanes.value ->> 2, lanes.value ->> 3)
            AND ended_at >= :bound
        ORDER BY ended_at DESC, number DESC
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: by_end_oldest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ended_at AS at, number FROM jobs
        WHERE family = lanes.value ->> 0 AND state = lanes.value ->> 1
            AND (ended_at, number) > (lanes.value ->> 2, lanes.value ->> 3)
            AND ended_at < :bound
        ORDER BY ended_at, number
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: of_scope_by_start_newest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ifnull(started_at, submitted_at) AS at, number FROM jobs
        WHERE scope = lanes.value ->> 0 AND family IS NOT NULL
            AND ifnull(started_at, submitted_at) <= lanes.value ->> 2
            AND (ifnull(started_at, submitted_at) < lanes.value ->> 2 OR number < lanes.value ->> 3)
            AND ifnull(started_at, submitted_at) >= :bound
        ORDER BY ifnull(started_at, submitted_at) DESC, number DESC
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: of_scope_by_start_oldest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ifnull(started_at, submitted_at) AS at, number FROM jobs
        WHERE scope = lanes.value ->> 0 AND family IS NOT NULL
            AND ifnull(started_at, submitted_at) >= lanes.value ->> 2
            AND (ifnull(started_at, submitted_at) > lanes.value ->> 2 OR number > lanes.value ->> 3)
            AND ifnull(started_at, submitted_at) < :bound
        ORDER BY ifnull(started_at, submitted_at), number
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: of_scope_by_end_newest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ended_at AS at, number FROM jobs
        WHERE scope = lanes.value ->> 0 AND queue = :queue AND family IS NOT NULL
            AND (ended_at, number) < (lanes.value ->> 2, lanes.value ->> 3)
            AND ended_at >= :bound
        ORDER BY ended_at DESC, number DESC
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: of_scope_by_end_oldest_first
SELECT json_group_array(json((
    SELECT json_group_array(json_array(at, number)) FROM (
        SELECT ended_at AS at, number FROM jobs
        WHERE scope = lanes.value ->> 0 AND queue = :queue AND family IS NOT NULL
            AND (ended_at, number) > (lanes.value ->> 2, lanes.value ->> 3)
            AND ended_at < :bound
        ORDER BY ended_at, number
        LIMIT :size
    )
)) ORDER BY lanes.key)
FROM json_each(:lanes) AS lanes

-- name: fitting
SELECT json_group_array(jobs.number)
FROM json_each(:numbers) AS named
CROSS JOIN jobs ON jobs.number = named.value
CROSS JOIN scopes ON scopes.number = jobs.scope
WHERE (NOT scopes.is_closed OR jobs.ended_at IS NULL)
    AND jobs.queue = :queue
    AND (:states IS NULL OR jobs.state IN (SELECT one.value FROM json_each(:states) AS one))
    AND (:kinds IS NULL OR jobs.kind COLLATE NOCASE IN (SELECT one.value FROM json_each(:kinds) AS one))
    AND ifnull(jobs.started_at, jobs.submitted_at) >= :started_since
    AND ifnull(jobs.started_at, jobs.submitted_at) < :started_until
    AND (:ended_since IS NULL OR jobs.ended_at >= :ended_since)
    AND (:ended_until IS NULL OR jobs.ended_at < :ended_until)
    -- Each name occurs once in a job's labels: as many must be met as there are names.
    AND (:label_names = 0 OR :label_names = (
        SELECT COUNT(*) FROM json_each(jobs.labels) AS had
        WHERE had.key || '=' || had.value IN (SELECT one.value FROM json_each(:labels) AS one)
    ))
    AND (
        :text IS NULL
        OR jobs.id LIKE :text ESCAPE '\'
        OR jobs.kind LIKE :text ESCAPE '\'
        -- To read JSON is dear: a glance at the whole shows of most of it that it does not hold the text.
        OR (
            jobs.error LIKE :text_in_json ESCAPE '\'
            AND (jobs.error ->> 'code' LIKE :text ESCAPE '\' OR jobs.error ->> 'message' LIKE :text ESCAPE '\')
        )
        OR (
            jobs.labels LIKE :text_in_json ESCAPE '\'
            AND EXISTS (
                SELECT 1 FROM json_each(jobs.labels) AS had
                WHERE had.key IN (SELECT one.value FROM json_each(:text_labels) AS one)
                    AND had.value LIKE :text ESCAPE '\'
            )
        )
    )

-- name: texts
SELECT jobs.number, jobs.id, jobs.kind, jobs.error ->> 'code', jobs.error ->> 'message', jobs.labels
FROM json_each(:numbers) AS named CROSS JOIN jobs ON jobs.number = named.value

-- name: found
SELECT
    jobs.number, jobs.scope, jobs.id, jobs.queue, jobs.kind, jobs.state, jobs.submitted_at, jobs.available_at,
    jobs.started_at, jobs.ended_at, jobs.cancel_requested_at, jobs.cancel_requested_by, jobs.attempt,
    jobs.epoch, jobs.worker, jobs.lease_until, jobs.send_deadline, jobs.when_lost, jobs.submitted_by,
    jobs.fingerprint, jobs.labels, jobs.progress_done, jobs.progress_total, jobs.progress_text, x'', NULL,
    jobs.error, jobs.unique_key, jobs.losses, jobs.family, scopes.name, NULL
FROM json_each(:numbers) AS named
CROSS JOIN jobs ON jobs.number = named.value
CROSS JOIN scopes ON scopes.number = jobs.scope

-- name: known
SELECT
    jobs.number, jobs.scope, jobs.id, jobs.queue, jobs.kind, jobs.state, jobs.submitted_at, jobs.available_at,
    jobs.started_at, jobs.ended_at, jobs.cancel_requested_at, jobs.cancel_requested_by, jobs.attempt,
    jobs.epoch, jobs.worker, jobs.lease_until, jobs.send_deadline, jobs.when_lost, jobs.submitted_by,
    jobs.fingerprint, jobs.labels, jobs.progress_done, jobs.progress_total, jobs.progress_text, x'', NULL,
    jobs.error, jobs.unique_key, jobs.losses, jobs.family, scopes.name, NULL
FROM json_each(:keys) AS named
CROSS JOIN scopes ON scopes.name = named.value ->> 0
CROSS JOIN jobs ON jobs.scope = scopes.number AND jobs.id = named.value ->> 1
