-- An item is hidden, and its name taken all the same, until the workload that owns its type has agreed to it.
ALTER TABLE items ADD COLUMN is_visible INTEGER NOT NULL DEFAULT TRUE;

CREATE INDEX items_hidden ON items (created_at) WHERE NOT is_visible;

-- A definition may be large: beside the items, lists stay as fast as they were.
CREATE TABLE definitions (
    item INTEGER PRIMARY KEY REFERENCES items (number) ON DELETE CASCADE,
    definition BLOB NOT NULL
) STRICT;
