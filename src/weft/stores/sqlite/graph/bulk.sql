-- What the graph keeps of bulk jobs: who writes, how far it is, and the lines of its log.

-- name: bulk
SELECT checkpoint, report_bytes, reported_bytes FROM bulk WHERE job = :job AND NOT is_forgotten

-- name: take_over
INSERT INTO bulk (job, epoch) VALUES (:job, :epoch)
ON CONFLICT (job) DO UPDATE SET epoch = excluded.epoch WHERE epoch <= excluded.epoch AND NOT is_shut
RETURNING checkpoint, report_bytes, reported_bytes

-- name: hold
UPDATE bulk SET checkpoint = :checkpoint, report_bytes = report_bytes + :more_bytes
WHERE job = :job AND epoch = :epoch AND NOT is_shut
RETURNING number, report_bytes - :more_bytes

-- name: shut
INSERT INTO bulk (job, epoch, is_shut) VALUES (:job, :epoch, TRUE)
ON CONFLICT (job) DO UPDATE SET epoch = excluded.epoch, is_shut = TRUE WHERE epoch <= excluded.epoch
RETURNING number

-- name: add_report
INSERT INTO report (bulk, offset, text) VALUES (:bulk, :offset, :text)

-- name: report
SELECT report.offset, report.text
FROM bulk
CROSS JOIN report ON report.bulk = bulk.number
WHERE bulk.job = :job AND report.offset >= ifnull(
    (
        SELECT before.offset
        FROM report AS before
        WHERE before.bulk = bulk.number AND before.offset <= :offset
        ORDER BY before.offset DESC
        LIMIT 1
    ),
    :offset
)
ORDER BY report.offset

-- name: reported
UPDATE bulk SET reported_bytes = max(reported_bytes, min(:offset, report_bytes))
WHERE job = :job AND epoch = :epoch
RETURNING number

-- name: forget_reported
DELETE FROM report WHERE bulk = :bulk AND offset + length(text) <= :offset AND offset < :offset

-- name: forget_report
DELETE FROM report WHERE bulk = (SELECT bulk.number FROM bulk WHERE job = :job)

-- name: forget
UPDATE bulk SET is_shut = TRUE, is_forgotten = TRUE, checkpoint = x'', report_bytes = 0, reported_bytes = 0
WHERE job = :job

-- name: optimize
ANALYZE
