-- What a workload's host knows of items. A row of a deleted item stays: its id is not given out again.
CREATE TABLE hosted_items (
    number INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    workspace TEXT NOT NULL,
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    display_name TEXT NOT NULL,
    description TEXT,
    payload BLOB NOT NULL,
    definition BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX hosted_items_by_key ON hosted_items (id, tenant, workspace, type);
