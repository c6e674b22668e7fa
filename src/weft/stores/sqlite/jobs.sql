-- A row is all columns of `jobs` in the order of their migrations, the name of its scope, and its large
-- payload: see rows.py.

-- name: insert
INSERT INTO jobs (
    scope, id, queue, kind, state, submitted_at, available_at, started_at, ended_at,
    cancel_requested_at, cancel_requested_by, attempt, epoch, worker, lease_until, send_deadline,
    when_lost, submitted_by, fingerprint, labels,
    progress_done, progress_total, progress_text, payload, result, error, unique_key, losses, family
)
SELECT
    number, :id, :queue, :kind, :state, :submitted_at, :available_at, :started_at, :ended_at,
    :cancel_requested_at, :cancel_requested_by, :attempt, :epoch, :worker, :lease_until, :send_deadline,
    :when_lost, :submitted_by, :fingerprint, :labels,
    :progress_done, :progress_total, :progress_text, :payload, :result, :error, :unique_key, :losses,
    (SELECT families.number FROM scopes AS families WHERE families.name = :family)
FROM scopes
WHERE name = :scope AND NOT is_closed
    AND (:family IS NULL OR EXISTS (SELECT 1 FROM scopes AS families WHERE families.name = :family))
    -- ON CONFLICT would use up a number for a job that is known, and so write for a request that changes nothing.
    AND NOT EXISTS (SELECT 1 FROM jobs AS known WHERE known.scope = scopes.number AND known.id = :id)

-- name: insert_payload
INSERT INTO payloads (job, payload) VALUES (:job, :payload)

-- name: living_twin
SELECT scopes.name, jobs.id
FROM jobs CROSS JOIN scopes ON scopes.number = jobs.scope
WHERE jobs.unique_key = :unique_key AND jobs.ended_at IS NULL

-- name: is_closed
SELECT is_closed FROM scopes WHERE name = :scope

-- name: open_scope
INSERT INTO scopes (name)
SELECT :scope
WHERE NOT EXISTS (
    SELECT 1 FROM json_each(:above) AS above JOIN scopes ON scopes.name = above.value
    WHERE scopes.is_closed
)

-- name: open_family
INSERT INTO scopes (name)
SELECT :family WHERE NOT EXISTS (SELECT 1 FROM scopes WHERE name = :family)

-- name: close_scope
INSERT INTO scopes (name, is_closed) VALUES (:scope, TRUE)
ON CONFLICT (name) DO UPDATE SET is_closed = TRUE

-- name: close_scopes_below
UPDATE scopes SET is_closed = TRUE
WHERE name > :below AND name < :after

-- name: get
SELECT jobs.*, scopes.name, payloads.payload
FROM scopes
CROSS JOIN jobs ON jobs.scope = scopes.number
LEFT JOIN payloads ON payloads.job = jobs.number
WHERE scopes.name = :scope AND jobs.id = :id

-- name: scopes
SELECT scopes.name
FROM jobs
CROSS JOIN scopes ON scopes.number = jobs.scope
WHERE jobs.id = :id

-- name: page
SELECT jobs.*, scopes.name, payloads.payload
FROM scopes
CROSS JOIN jobs ON jobs.scope = scopes.number
LEFT JOIN payloads ON payloads.job = jobs.number
WHERE scopes.name = :scope AND jobs.number < :before
ORDER BY jobs.number DESC
LIMIT :limit

-- name: oldest_first
SELECT jobs.*, scopes.name, payloads.payload
FROM scopes
CROSS JOIN jobs ON jobs.scope = scopes.number
LEFT JOIN payloads ON payloads.job = jobs.number
WHERE scopes.name = :scope AND jobs.number > :after
ORDER BY jobs.number
LIMIT :limit

-- name: live_below
SELECT COUNT(*)
FROM scopes
CROSS JOIN jobs ON jobs.scope = scopes.number
WHERE scopes.name > :below AND scopes.name < :after AND jobs.ended_at IS NULL

-- name: live
SELECT jobs.*, scopes.name, payloads.payload
FROM scopes
CROSS JOIN jobs ON jobs.scope = scopes.number
LEFT JOIN payloads ON payloads.job = jobs.number
WHERE (scopes.name = :scope OR (scopes.name > :below AND scopes.name < :after)) AND jobs.ended_at IS NULL
ORDER BY jobs.number

-- name: claim
UPDATE jobs
SET state = :target,
    worker = :worker,
    lease_until = :lease_until,
    epoch = epoch + 1,
    attempt = attempt + :starts,
    started_at = COALESCE(started_at, :started_at)
WHERE number IN (
    SELECT number FROM jobs
    -- A job that was never put off is due whatever the clock says: it may have stepped back since the submit.
    WHERE queue = :queue AND state = :source AND available_at <= MAX(:now, submitted_at)
    ORDER BY available_at, number
    LIMIT :limit
)
RETURNING
    *,
    (SELECT scopes.name FROM scopes WHERE scopes.number = jobs.scope),
    (SELECT payloads.payload FROM payloads WHERE payloads.job = jobs.number)

-- name: adopt
UPDATE jobs
SET state = :target,
    worker = :worker,
    lease_until = :lease_until,
    epoch = epoch + 1
WHERE number IN (
    SELECT number FROM jobs
    -- The plus signs keep SQLite from going through all jobs of the state.
    WHERE lease_until <= :now AND +queue = :queue AND +state = :source AND when_lost = :when_lost
    ORDER BY lease_until
    LIMIT :limit
)
RETURNING
    *,
    (SELECT scopes.name FROM scopes WHERE scopes.number = jobs.scope),
    (SELECT payloads.payload FROM payloads WHERE payloads.job = jobs.number)

-- name: move
UPDATE jobs
SET state = :target,
    started_at = COALESCE(started_at, :started_at),
    ended_at = COALESCE(ended_at, :ended_at),
    cancel_requested_at = COALESCE(cancel_requested_at, :cancel_requested_at),
    cancel_requested_by = IIF(cancel_requested_at IS NULL, :cancel_requested_by, cancel_requested_by),
    available_at = COALESCE(:available_at, available_at),
    send_deadline = MAX(COALESCE(send_deadline, :send_deadline), COALESCE(:send_deadline, send_deadline)),
    attempt = attempt + :adds_attempt,
    losses = losses + :adds_loss,
    worker = IIF(:releases_lease, NULL, worker),
    lease_until = IIF(:releases_lease, NULL, lease_until),
    result = COALESCE(:result, result),
    error = COALESCE(:error, error)
WHERE scope = (SELECT scopes.number FROM scopes WHERE name = :scope) AND id = :id
    AND state = :source
    AND ended_at IS NULL
    AND (:epoch IS NULL OR epoch = :epoch)
    AND (:cancel_requested IS NULL OR (cancel_requested_at IS NOT NULL) = :cancel_requested)
RETURNING
    *,
    (SELECT scopes.name FROM scopes WHERE scopes.number = jobs.scope),
    (SELECT payloads.payload FROM payloads WHERE payloads.job = jobs.number)

-- name: extend
UPDATE jobs SET lease_until = :until
WHERE worker = :worker AND +number IN (SELECT named.value FROM json_each(:numbers) AS named)
RETURNING (SELECT scopes.name FROM scopes WHERE scopes.number = jobs.scope), id, epoch

-- name: cancel_requests
SELECT scopes.name, jobs.id
FROM jobs CROSS JOIN scopes ON scopes.number = jobs.scope
WHERE worker = :worker AND cancel_requested_at IS NOT NULL

-- name: lost
SELECT jobs.*, scopes.name, payloads.payload
FROM jobs
CROSS JOIN scopes ON scopes.number = jobs.scope
LEFT JOIN payloads ON payloads.job = jobs.number
WHERE lease_until <= :now AND when_lost <> :when_lost
ORDER BY lease_until
LIMIT :limit

-- name: expire_leases
UPDATE jobs SET lease_until = :now
WHERE lease_until > :now

-- name: delete
DELETE FROM jobs
WHERE scope = (SELECT scopes.number FROM scopes WHERE name = :scope) AND id = :id AND ended_at IS NOT NULL

-- name: prune
DELETE FROM jobs WHERE number IN (
    WITH oldest AS (
        SELECT
            jobs.number,
            ended_at,
            COALESCE((SELECT MAX(lines.number) FROM lines WHERE lines.job = jobs.number), 0) AS its_lines
        FROM jobs
        WHERE ended_at < :ended_before
        ORDER BY ended_at
        LIMIT :limit
    ),
    counted AS (
        SELECT number, SUM(its_lines) OVER (ORDER BY ended_at, number) - its_lines AS lines_before
        FROM oldest
    )
    SELECT number FROM counted WHERE lines_before < :most_lines
)

-- name: prune_beyond
DELETE FROM jobs WHERE number IN (
    WITH older AS (
        SELECT
            jobs.number,
            jobs.ended_at,
            COALESCE((SELECT MAX(lines.number) FROM lines WHERE lines.job = jobs.number), 0) AS its_lines
        FROM ended_jobs CROSS JOIN jobs
        WHERE ended_jobs.queue = :queue AND ended_jobs.jobs > :keep
            AND jobs.scope = ended_jobs.scope
            AND jobs.queue = ended_jobs.queue
            AND jobs.ended_at IS NOT NULL
            -- Jobs that a repeat of their request must find: they have a fingerprint.
            AND NOT (jobs.submitted_at > :spared_since AND jobs.fingerprint <> x'')
            AND (jobs.ended_at, jobs.number) <= (
                SELECT kept.ended_at, kept.number FROM jobs AS kept
                WHERE kept.scope = ended_jobs.scope AND kept.queue = ended_jobs.queue
                    AND kept.ended_at IS NOT NULL
                ORDER BY kept.ended_at DESC, kept.number DESC
                LIMIT 1 OFFSET :keep
            )
        LIMIT :limit
    ),
    counted AS (
        SELECT number, SUM(its_lines) OVER (ORDER BY ended_at, number) - its_lines AS lines_before
        FROM older
    )
    SELECT number FROM counted WHERE lines_before < :most_lines
)

-- name: note_progress
UPDATE jobs
SET progress_done = :done, progress_total = :total, progress_text = :text
WHERE scope = (SELECT scopes.number FROM scopes WHERE name = :scope) AND id = :id AND epoch = :epoch AND lease_until IS NOT NULL

-- name: held
SELECT number FROM jobs
WHERE scope = (SELECT scopes.number FROM scopes WHERE name = :scope) AND id = :id AND epoch = :epoch AND lease_until IS NOT NULL

-- name: last_line
SELECT COALESCE(MAX(number), 0) FROM lines WHERE job = :job

-- name: insert_line
INSERT INTO lines (job, number, at, level, text) VALUES (:job, :number, :at, :level, :text)

-- name: lines
SELECT lines.number, lines.at, lines.level, lines.text
FROM scopes
CROSS JOIN jobs ON jobs.scope = scopes.number
CROSS JOIN lines ON lines.job = jobs.number
WHERE scopes.name = :scope AND jobs.id = :id AND lines.number > :after
ORDER BY lines.number
LIMIT :limit

-- name: count
SELECT state, COUNT(*) FROM jobs WHERE queue = :queue GROUP BY state
