-- name: add_workspace
INSERT INTO workspaces (id, tenant, display_name, description, created_at)
VALUES (:id, :tenant, :display_name, :description, :created_at)
ON CONFLICT DO NOTHING

-- name: workspace
SELECT id, tenant, display_name, description, created_at, number FROM workspaces WHERE id = :id

-- name: workspaces
SELECT workspaces.id, tenant, display_name, description, created_at, number
FROM roles CROSS JOIN workspaces ON workspaces.id = roles.workspace
WHERE roles.principal = :principal AND tenant = :tenant AND number > :after
ORDER BY number
LIMIT :limit

-- name: delete_workspace
DELETE FROM workspaces WHERE id = :id

-- name: role
SELECT role FROM roles WHERE workspace = :workspace AND principal = :principal

-- name: set_role
INSERT INTO roles (workspace, principal, role)
SELECT id, :principal, :role FROM workspaces WHERE id = :workspace
ON CONFLICT (workspace, principal) DO UPDATE SET role = excluded.role

-- name: add_item
INSERT INTO items (id, workspace, type, display_name, description, created_at)
SELECT :id, workspaces.id, :type, :display_name, :description, :created_at
FROM workspaces WHERE workspaces.id = :workspace
ON CONFLICT DO NOTHING

-- name: item
SELECT id, workspace, type, display_name, description, created_at, number
FROM items WHERE workspace = :workspace AND id = :id

-- name: items
SELECT id, workspace, type, display_name, description, created_at, number
FROM items
WHERE workspace = :workspace AND number > :after
ORDER BY number
LIMIT :limit

-- name: items_of_type
SELECT id, workspace, type, display_name, description, created_at, number
FROM items
WHERE workspace = :workspace AND type = :type AND number > :after
ORDER BY number
LIMIT :limit

-- name: delete_item
DELETE FROM items WHERE workspace = :workspace AND id = :id
