-- When jobs are to run again and again. A schedule that is disabled, or has come to its end, is never due.
CREATE TABLE schedules (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    scope INTEGER NOT NULL REFERENCES scopes (number),
    id TEXT NOT NULL,
    kind TEXT NOT NULL COLLATE NOCASE,
    enabled INTEGER NOT NULL,
    configuration BLOB NOT NULL,
    payload BLOB NOT NULL,
    owner TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    next_due INTEGER,
    revision INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX schedules_by_key ON schedules (scope, id);
CREATE INDEX schedules_by_scope ON schedules (scope, number);
CREATE INDEX schedules_by_due ON schedules (next_due, number) WHERE next_due IS NOT NULL;

-- What became of an occurrence, or of a run of them that were missed: no two fire for one instant.
CREATE TABLE occurrences (
    schedule INTEGER NOT NULL REFERENCES schedules (number) ON DELETE CASCADE,
    due INTEGER NOT NULL,
    fate TEXT NOT NULL,
    job TEXT NOT NULL,
    count INTEGER NOT NULL,
    last INTEGER,
    PRIMARY KEY (schedule, due)
) STRICT, WITHOUT ROWID;

CREATE INDEX occurrences_by_due ON occurrences (due);
