-- Whose a role is, as it was known when the role was given; NULL: it was given before this was kept.
-- Roles have numbers now, so that a list of them can go on where it stopped.
CREATE TABLE numbered_roles (
    assignment INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    principal TEXT NOT NULL,
    role INTEGER NOT NULL,
    kind TEXT,
    name TEXT,
    upn TEXT,
    app_id TEXT
) STRICT;

INSERT INTO numbered_roles (workspace, principal, role) SELECT workspace, principal, role FROM roles;

DROP TABLE roles;

ALTER TABLE numbered_roles RENAME TO roles;

CREATE UNIQUE INDEX roles_by_workspace ON roles (workspace, principal);
CREATE INDEX roles_by_number ON roles (workspace, assignment);
CREATE INDEX roles_by_principal ON roles (principal);
