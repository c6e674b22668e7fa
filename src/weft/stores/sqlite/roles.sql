-- name: role
SELECT role FROM roles WHERE workspace = :workspace AND principal = :principal

-- name: assignment
SELECT workspace, principal, role, kind, name, upn, app_id, assignment
FROM roles WHERE workspace = :workspace AND principal = :principal

-- name: assignments
SELECT workspace, principal, role, kind, name, upn, app_id, assignment
FROM roles
WHERE workspace = :workspace AND assignment > :after
ORDER BY assignment
LIMIT :limit

-- name: give_role
INSERT INTO roles (workspace, principal, role, kind, name, upn, app_id)
SELECT id, :principal, :role, :kind, :name, :upn, :app_id FROM workspaces WHERE id = :workspace
ON CONFLICT DO NOTHING

-- name: change_role
UPDATE roles SET role = :role
WHERE workspace = :workspace AND principal = :principal AND (
    :role >= :admin
    OR role < :admin
    OR EXISTS (
        SELECT 1 FROM roles AS others
        WHERE others.workspace = :workspace AND others.principal <> :principal AND others.role >= :admin
    )
)
RETURNING workspace, principal, role, kind, name, upn, app_id, assignment

-- name: take_role
DELETE FROM roles
WHERE workspace = :workspace AND principal = :principal AND (
    role < :admin
    OR EXISTS (
        SELECT 1 FROM roles AS others
        WHERE others.workspace = :workspace AND others.principal <> :principal AND others.role >= :admin
    )
)
