-- The store as a whole: what is in the file, and how it is opened and kept.

-- name: any_table
SELECT EXISTS (SELECT 1 FROM sqlite_schema)

-- name: has_migrations
SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations')

-- name: first_migration
SELECT name FROM migrations WHERE number = 1

-- name: last_migration
SELECT number, written_by FROM migrations ORDER BY number DESC LIMIT 1

-- name: create_migrations
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    written_by TEXT NOT NULL
) STRICT

-- name: note_migration
INSERT INTO migrations (number, name, written_by) VALUES (:number, :name, :written_by)

-- name: store_id
SELECT id FROM store

-- name: begin_read
BEGIN

-- name: begin_write
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: rollback
ROLLBACK
