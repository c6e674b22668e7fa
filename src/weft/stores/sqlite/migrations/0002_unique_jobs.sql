-- No two jobs that live share a unique key; NULL: the job has none.
ALTER TABLE jobs ADD COLUMN unique_key TEXT;

-- How often the process or the server of a job was lost.
ALTER TABLE jobs ADD COLUMN losses INTEGER NOT NULL DEFAULT 0;

CREATE UNIQUE INDEX jobs_by_unique_key ON jobs (unique_key) WHERE unique_key IS NOT NULL AND ended_at IS NULL;
