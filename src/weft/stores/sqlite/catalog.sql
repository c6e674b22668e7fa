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
INSERT INTO items (id, workspace, type, display_name, description, created_at, is_visible)
SELECT :id, workspaces.id, :type, :display_name, :description, :created_at, :is_visible
FROM workspaces WHERE workspaces.id = :workspace
ON CONFLICT DO NOTHING

-- name: show_item
UPDATE items SET is_visible = TRUE WHERE id = :id AND NOT is_visible

-- name: free_name
UPDATE OR IGNORE items SET display_name = id WHERE id = :id AND NOT is_visible

-- name: drop_hidden_item
DELETE FROM items WHERE id = :id AND NOT is_visible

-- name: hidden_items
SELECT id, workspace, type, display_name, description, created_at, number
FROM items
WHERE NOT is_visible AND created_at < :before
ORDER BY created_at
LIMIT :limit

-- name: item
SELECT id, workspace, type, display_name, description, created_at, number
FROM items WHERE workspace = :workspace AND id = :id AND is_visible

-- name: item_named
SELECT id FROM items WHERE workspace = :workspace AND type = :type AND display_name = :display_name

-- name: items
SELECT id, workspace, type, display_name, description, created_at, number
FROM items
WHERE workspace = :workspace AND number > :after AND is_visible
ORDER BY number
LIMIT :limit

-- name: items_of_type
SELECT id, workspace, type, display_name, description, created_at, number
FROM items
WHERE workspace = :workspace AND type = :type AND number > :after AND is_visible
ORDER BY number
LIMIT :limit

-- name: update_item
UPDATE OR IGNORE items SET display_name = :display_name, description = :description
WHERE workspace = :workspace AND id = :id AND is_visible

-- name: delete_item
DELETE FROM items WHERE workspace = :workspace AND id = :id AND is_visible

-- name: delete_items
DELETE FROM items WHERE workspace = :workspace
RETURNING id, workspace, type, display_name, description, created_at, number

-- name: keep_definition
INSERT INTO definitions (item, definition) SELECT number, :definition FROM items WHERE id = :id
ON CONFLICT (item) DO UPDATE SET definition = excluded.definition

-- name: definition
SELECT definition
FROM items CROSS JOIN definitions ON definitions.item = items.number
WHERE workspace = :workspace AND id = :id AND is_visible
