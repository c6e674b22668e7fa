-- Who is told of the jobs of a workspace. The secret is sealed; filters are JSON lists, NULL: no filter.
CREATE TABLE webhooks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workspace TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    item TEXT,
    states TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    disabled_because TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX webhooks_by_workspace ON webhooks (workspace, number);

-- What happened to jobs of workspaces with a webhook, until the deliveries are kept: written in the transaction
-- of what happened, so that none is ever lost.
CREATE TABLE webhook_news (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL,
    scope TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    labels TEXT NOT NULL,
    error TEXT
) STRICT;

CREATE TRIGGER webhook_news_of_new_job AFTER INSERT ON jobs
WHEN NEW.queue = 'core' AND EXISTS (
    SELECT 1 FROM webhooks WHERE workspace = json_extract(NEW.labels, '$.workspace') AND enabled
)
BEGIN
    INSERT INTO webhook_news (
        workspace, scope, id, kind, state, submitted_by, submitted_at, started_at, ended_at, labels, error
    )
    SELECT
        json_extract(NEW.labels, '$.workspace'), scopes.name, NEW.id, NEW.kind, NEW.state, NEW.submitted_by,
        NEW.submitted_at, NEW.started_at, NEW.ended_at, NEW.labels, NEW.error
    FROM scopes WHERE scopes.number = NEW.scope;
END;

CREATE TRIGGER webhook_news_of_moved_job AFTER UPDATE OF state ON jobs
WHEN NEW.queue = 'core' AND NEW.state <> OLD.state AND EXISTS (
    SELECT 1 FROM webhooks WHERE workspace = json_extract(NEW.labels, '$.workspace') AND enabled
)
BEGIN
    INSERT INTO webhook_news (
        workspace, scope, id, kind, state, submitted_by, submitted_at, started_at, ended_at, labels, error
    )
    SELECT
        json_extract(NEW.labels, '$.workspace'), scopes.name, NEW.id, NEW.kind, NEW.state, NEW.submitted_by,
        NEW.submitted_at, NEW.started_at, NEW.ended_at, NEW.labels, NEW.error
    FROM scopes WHERE scopes.number = NEW.scope;
END;
