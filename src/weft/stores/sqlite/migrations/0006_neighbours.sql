-- The capacity that a workspace is assigned to; NULL: none.
ALTER TABLE workspaces ADD COLUMN capacity TEXT;

-- A folder's parent is NULL at the top of its workspace.
CREATE TABLE folders (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    workspace TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    parent TEXT REFERENCES folders (id),
    display_name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX folders_by_name ON folders (workspace, ifnull(parent, ''), display_name);
CREATE INDEX folders_by_workspace ON folders (workspace, number);
CREATE INDEX folders_by_parent ON folders (parent, number) WHERE parent IS NOT NULL;
CREATE INDEX folders_at_top ON folders (workspace, number) WHERE parent IS NULL;

-- The folder that an item lies in; NULL: at the top of its workspace.
ALTER TABLE items ADD COLUMN folder TEXT REFERENCES folders (id);

CREATE INDEX items_by_folder ON items (folder, number) WHERE folder IS NOT NULL;
CREATE INDEX items_at_top ON items (workspace, number) WHERE folder IS NULL;

-- Long-running operations: all have done their work when they are kept. What they result in is read when it is
-- asked for, from the items that they name (a JSON array of ids).
CREATE TABLE operations (
    id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL,
    principal TEXT NOT NULL,
    kind TEXT NOT NULL,
    workspace TEXT NOT NULL,
    items TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX operations_by_age ON operations (created_at);
