-- Times are whole microseconds since 1970-01-01T00:00:00Z.

CREATE TABLE store (
    id TEXT NOT NULL
) STRICT;

INSERT INTO store (id) VALUES (lower(hex(randomblob(16))));

CREATE TABLE models (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    uploaded_at INTEGER NOT NULL,
    decommissioned INTEGER NOT NULL DEFAULT FALSE
) STRICT;

-- Twins and relationships have no index of their names here, and no foreign keys: see `keys`. The one writer
-- looks names up, and refuses rows that refer to what is not there.
CREATE TABLE twins (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    model INTEGER NOT NULL,
    body TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX twins_by_model ON twins (model);

CREATE TABLE names (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE relationships (
    number INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    id TEXT NOT NULL,
    target INTEGER NOT NULL,
    name INTEGER NOT NULL,
    properties TEXT,
    revision INTEGER NOT NULL
) STRICT;

-- By what twins and relationships are found. A key lies in exactly one of the two tables: it comes into the
-- small one, and moves to the large one together with its neighbours, so that keys which come in random order
-- do not each change a page of their own of the large one.
--
-- kind 0: a twin by its id: the id, or 16 bytes where the id is a GUID in lower case
-- kind 1: a relationship by its source: the source's number, then 24 bits of a hash of the id
-- kind 2: a relationship by its target: the target's number
CREATE TABLE new_keys (
    kind INTEGER NOT NULL,
    key ANY NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, key, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    kind INTEGER NOT NULL,
    key ANY NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, key, number)
) STRICT, WITHOUT ROWID;

CREATE VIEW all_keys AS
SELECT kind, key, number FROM keys
UNION ALL
SELECT kind, key, number FROM new_keys;

CREATE VIEW whole_twins AS
SELECT
    number,
    id,
    (SELECT models.id FROM models WHERE models.number = twins.model) AS model_id,
    body,
    revision,
    updated_at
FROM twins;

CREATE VIEW whole_relationships AS
SELECT
    number,
    id,
    (SELECT twins.id FROM twins WHERE twins.number = relationships.source) AS source_id,
    (SELECT twins.id FROM twins WHERE twins.number = relationships.target) AS target_id,
    (SELECT names.name FROM names WHERE names.number = relationships.name) AS relationship_name,
    properties,
    revision
FROM relationships;

-- One row, written once in each transaction. `salt` makes the hashes of `keys` ones that nobody can foresee.
-- `moved_*` is the key up to which the last keys moved.
CREATE TABLE tally (
    salt BLOB NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,
    models INTEGER NOT NULL DEFAULT 0,
    twins INTEGER NOT NULL DEFAULT 0,
    relationships INTEGER NOT NULL DEFAULT 0,
    last_model INTEGER NOT NULL DEFAULT 0,
    last_twin INTEGER NOT NULL DEFAULT 0,
    last_relationship INTEGER NOT NULL DEFAULT 0,
    new_keys INTEGER NOT NULL DEFAULT 0,
    moved_kind INTEGER NOT NULL DEFAULT -1,
    moved_key ANY NOT NULL DEFAULT 0,
    moved_number INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO tally (salt) VALUES (randomblob(16));

CREATE TABLE bulk (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    is_shut INTEGER NOT NULL DEFAULT FALSE,
    is_forgotten INTEGER NOT NULL DEFAULT FALSE,
    checkpoint BLOB NOT NULL DEFAULT x'',
    report_bytes INTEGER NOT NULL DEFAULT 0,
    reported_bytes INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Pieces of whole lines of a job's log, at their offset in it.
CREATE TABLE report (
    number INTEGER PRIMARY KEY,
    bulk INTEGER NOT NULL REFERENCES bulk (number),
    offset INTEGER NOT NULL,
    text BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX report_by_offset ON report (bulk, offset);
