-- name: add_workspace
INSERT INTO workspaces (id, tenant, display_name, description, created_at, capacity)
VALUES (:id, :tenant, :display_name, :description, :created_at, :capacity)
ON CONFLICT DO NOTHING

-- name: workspace
SELECT id, tenant, display_name, description, created_at, number, capacity FROM workspaces WHERE id = :id

-- name: workspaces
SELECT
    workspaces.id,
    tenant,
    workspaces.display_name,
    description,
    created_at,
    workspaces.number,
    capacity
FROM roles CROSS JOIN workspaces ON workspaces.id = roles.workspace
WHERE roles.principal = :principal AND tenant = :tenant AND workspaces.number > :after
    AND (:roles IS NULL OR role IN (SELECT value FROM json_each(:roles)))
ORDER BY workspaces.number
LIMIT :limit

-- name: update_workspace
UPDATE OR IGNORE workspaces
SET
    display_name = ifnull(:display_name, display_name),
    description = ifnull(:description, description)
WHERE id = :id

-- name: assign_capacity
UPDATE workspaces SET capacity = :capacity WHERE id = :id

-- name: delete_workspace
DELETE FROM workspaces WHERE id = :id

-- name: add_item
INSERT INTO items (id, workspace, type, display_name, description, created_at, folder, is_visible)
SELECT :id, workspaces.id, :type, :display_name, :description, :created_at, :folder, :is_visible
FROM workspaces
WHERE workspaces.id = :workspace
    AND (:folder IS NULL OR EXISTS (SELECT 1 FROM folders WHERE id = :folder AND workspace = :workspace))
ON CONFLICT DO NOTHING

-- name: show_item
UPDATE items SET is_visible = TRUE WHERE id = :id AND NOT is_visible

-- name: free_name
UPDATE OR IGNORE items SET display_name = id WHERE id = :id AND NOT is_visible

-- name: drop_hidden_item
DELETE FROM items WHERE id = :id AND NOT is_visible

-- name: hidden_items
SELECT id, workspace, type, display_name, description, created_at, number, folder
FROM items
WHERE NOT is_visible AND created_at < :before
ORDER BY created_at
LIMIT :limit

-- name: item
SELECT id, workspace, type, display_name, description, created_at, number, folder
FROM items WHERE workspace = :workspace AND id = :id AND is_visible

-- name: reach_item
SELECT
    roles.role, workspaces.tenant,
    items.id, items.workspace, items.type, items.display_name, items.description, items.created_at,
    items.number, items.folder
FROM roles
CROSS JOIN workspaces ON workspaces.id = roles.workspace
LEFT JOIN items ON items.id = :id AND items.workspace = roles.workspace AND items.is_visible
WHERE roles.workspace = :workspace AND roles.principal = :principal

-- name: items_of
SELECT id, workspace, type, display_name, description, created_at, number, folder
FROM items WHERE id IN (SELECT named.value FROM json_each(:ids) AS named) AND is_visible

-- name: item_named
SELECT id FROM items WHERE workspace = :workspace AND type = :type AND display_name = :display_name

-- name: items
SELECT id, workspace, type, display_name, description, created_at, number, folder
FROM items
WHERE workspace = :workspace AND number > :after AND is_visible
ORDER BY number
LIMIT :limit

-- name: items_of_type
SELECT id, workspace, type, display_name, description, created_at, number, folder
FROM items
WHERE workspace = :workspace AND type = :type AND number > :after AND is_visible
ORDER BY number
LIMIT :limit

-- name: items_at_top
SELECT id, workspace, type, display_name, description, created_at, number, folder
FROM items
WHERE workspace = :workspace AND folder IS NULL AND number > :after AND is_visible
    AND (:type IS NULL OR type = :type)
ORDER BY number
LIMIT :limit

-- name: items_in
SELECT id, workspace, type, display_name, description, created_at, number, folder
FROM items
WHERE folder = :root AND workspace = :workspace AND number > :after AND is_visible
    AND (:type IS NULL OR type = :type)
ORDER BY number
LIMIT :limit

-- name: items_below
WITH RECURSIVE below (id) AS (
    SELECT id FROM folders WHERE id = :root AND workspace = :workspace
    UNION ALL
    SELECT folders.id FROM below CROSS JOIN folders ON folders.parent = below.id
)
SELECT items.id, workspace, type, display_name, description, created_at, number, folder
FROM below CROSS JOIN items ON items.folder = below.id
WHERE number > :after AND is_visible AND (:type IS NULL OR type = :type)
ORDER BY number
LIMIT :limit

-- name: update_item
UPDATE OR IGNORE items SET display_name = :display_name, description = :description
WHERE workspace = :workspace AND id = :id AND is_visible

-- name: move_item
UPDATE items SET folder = :folder
WHERE workspace = :workspace AND id = :id AND is_visible
    AND (:folder IS NULL OR EXISTS (SELECT 1 FROM folders WHERE id = :folder AND workspace = :workspace))

-- name: delete_item
DELETE FROM items WHERE workspace = :workspace AND id = :id AND is_visible

-- name: delete_items
DELETE FROM items WHERE workspace = :workspace
RETURNING id, workspace, type, display_name, description, created_at, number, folder

-- name: keep_definition
INSERT INTO definitions (item, definition) SELECT number, :definition FROM items WHERE id = :id
ON CONFLICT (item) DO UPDATE SET definition = excluded.definition

-- name: definition_bytes
SELECT ifnull(sum(length(definition)), 0)
FROM items CROSS JOIN definitions ON definitions.item = items.number
WHERE workspace = :workspace AND is_visible
    AND (:ids IS NULL OR id IN (SELECT value FROM json_each(:ids)))

-- name: definition
SELECT definition
FROM items CROSS JOIN definitions ON definitions.item = items.number
WHERE workspace = :workspace AND id = :id AND is_visible
