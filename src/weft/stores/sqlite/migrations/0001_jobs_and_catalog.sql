-- Times are whole microseconds since 1970-01-01T00:00:00Z.

CREATE TABLE store (
    id TEXT NOT NULL
) STRICT;

INSERT INTO store (id) VALUES (lower(hex(randomblob(16))));

-- Scopes are long texts with few values: jobs name them by number, which keeps rows and indexes small.
CREATE TABLE scopes (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    is_closed INTEGER NOT NULL DEFAULT FALSE
) STRICT;

-- A large payload lies in `payloads`, so that a change of the job does not write it again.
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL REFERENCES scopes (number),
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    cancel_requested_at INTEGER,
    cancel_requested_by TEXT,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    worker TEXT,
    lease_until INTEGER,
    send_deadline INTEGER,
    when_lost TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    labels TEXT NOT NULL,
    progress_done REAL,
    progress_total REAL,
    progress_text TEXT,
    payload BLOB,
    result BLOB,
    error TEXT
) STRICT;

CREATE UNIQUE INDEX jobs_by_key ON jobs (id, scope);
CREATE INDEX jobs_by_scope ON jobs (scope, number);
CREATE INDEX jobs_by_state ON jobs (queue, state, available_at, number);
CREATE INDEX jobs_live ON jobs (scope) WHERE ended_at IS NULL;
CREATE INDEX jobs_by_lease ON jobs (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX jobs_by_worker ON jobs (worker) WHERE worker IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX jobs_by_end_in_scope ON jobs (scope, queue, ended_at, number) WHERE ended_at IS NOT NULL;

CREATE TABLE payloads (
    job INTEGER PRIMARY KEY REFERENCES jobs (number) ON DELETE CASCADE,
    payload BLOB NOT NULL
) STRICT;

CREATE TABLE lines (
    job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX lines_by_number ON lines (job, number);

-- How many ended jobs a scope keeps, so that pruning finds the full ones without counting.
CREATE TABLE ended_jobs (
    queue TEXT NOT NULL,
    scope INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (queue, scope)
) STRICT, WITHOUT ROWID;

CREATE INDEX ended_jobs_by_number ON ended_jobs (queue, jobs);

CREATE TRIGGER job_inserted_ended AFTER INSERT ON jobs WHEN NEW.ended_at IS NOT NULL
BEGIN
    INSERT INTO ended_jobs (queue, scope, jobs) VALUES (NEW.queue, NEW.scope, 1)
    ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;

CREATE TRIGGER job_ended AFTER UPDATE OF ended_at ON jobs
WHEN OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
BEGIN
    INSERT INTO ended_jobs (queue, scope, jobs) VALUES (NEW.queue, NEW.scope, 1)
    ON CONFLICT DO UPDATE SET jobs = jobs + 1;
END;

CREATE TRIGGER ended_job_deleted AFTER DELETE ON jobs WHEN OLD.ended_at IS NOT NULL
BEGIN
    UPDATE ended_jobs SET jobs = jobs - 1 WHERE queue = OLD.queue AND scope = OLD.scope;
    DELETE FROM ended_jobs WHERE queue = OLD.queue AND scope = OLD.scope AND jobs = 0;
END;

CREATE TABLE workspaces (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (tenant, display_name)
) STRICT;

CREATE TABLE roles (
    workspace TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    principal TEXT NOT NULL,
    role INTEGER NOT NULL,
    PRIMARY KEY (workspace, principal)
) STRICT, WITHOUT ROWID;

CREATE INDEX roles_by_principal ON roles (principal);

CREATE TABLE items (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workspace TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (workspace, type, display_name)
) STRICT;

CREATE INDEX items_by_workspace ON items (workspace, number);
CREATE INDEX items_by_type ON items (workspace, type, number);
