-- The scope right above the job's own, where the job is found by a search of it; NULL: no search finds the job.
ALTER TABLE jobs ADD COLUMN family INTEGER REFERENCES scopes (number);

-- Core's jobs are found in their workspace: "core/w" for a job of "core/w/i".
INSERT INTO scopes (name)
SELECT DISTINCT rtrim(rtrim(name, replace(name, '/', '')), '/') FROM scopes
WHERE name > 'core/' AND name < 'core0' AND name LIKE 'core/%/%'
ON CONFLICT DO NOTHING;

UPDATE jobs
SET family = (
    SELECT families.number
    FROM scopes CROSS JOIN scopes AS families ON families.name = rtrim(rtrim(scopes.name, replace(scopes.name, '/', '')), '/')
    WHERE scopes.number = jobs.scope
)
WHERE scope IN (SELECT number FROM scopes WHERE name > 'core/' AND name < 'core0' AND name LIKE 'core/%/%');

CREATE INDEX jobs_by_start_in_family ON jobs (family, state, ifnull(started_at, submitted_at), number)
WHERE family IS NOT NULL;
CREATE INDEX jobs_by_end_in_family ON jobs (family, state, ended_at, number)
WHERE family IS NOT NULL AND ended_at IS NOT NULL;
CREATE INDEX jobs_by_start_in_scope ON jobs (scope, ifnull(started_at, submitted_at), number)
WHERE family IS NOT NULL;
