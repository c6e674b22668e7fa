-- name: add_folder
INSERT INTO folders (id, workspace, parent, display_name, created_at)
SELECT :id, workspaces.id, :parent, :display_name, :created_at
FROM workspaces
WHERE workspaces.id = :workspace
    AND (:parent IS NULL OR EXISTS (SELECT 1 FROM folders WHERE id = :parent AND workspace = :workspace))
ON CONFLICT DO NOTHING

-- name: folder
SELECT id, workspace, parent, display_name, created_at, number
FROM folders WHERE workspace = :workspace AND id = :id

-- name: path
WITH RECURSIVE above (id, parent, display_name, steps) AS (
    SELECT id, parent, display_name, 0 FROM folders WHERE workspace = :workspace AND id = :id
    UNION ALL
    SELECT folders.id, folders.parent, folders.display_name, steps + 1
    FROM above CROSS JOIN folders ON folders.id = above.parent
)
SELECT id, display_name FROM above ORDER BY steps DESC

-- name: levels
WITH RECURSIVE below (id, level) AS (
    SELECT id, 1 FROM folders WHERE workspace = :workspace AND id = :id
    UNION ALL
    SELECT folders.id, level + 1 FROM below CROSS JOIN folders ON folders.parent = below.id
)
SELECT max(level) FROM below

-- name: folders
SELECT id, workspace, parent, display_name, created_at, number
FROM folders
WHERE workspace = :workspace AND number > :after
ORDER BY number
LIMIT :limit

-- name: folders_at_top
SELECT id, workspace, parent, display_name, created_at, number
FROM folders
WHERE workspace = :workspace AND parent IS NULL AND number > :after
ORDER BY number
LIMIT :limit

-- name: folders_in
SELECT id, workspace, parent, display_name, created_at, number
FROM folders
WHERE parent = :root AND workspace = :workspace AND number > :after
ORDER BY number
LIMIT :limit

-- name: folders_below
WITH RECURSIVE below (id) AS (
    SELECT id FROM folders WHERE parent = :root AND workspace = :workspace
    UNION ALL
    SELECT folders.id FROM below CROSS JOIN folders ON folders.parent = below.id
)
SELECT folders.id, workspace, parent, display_name, created_at, number
FROM below CROSS JOIN folders ON folders.id = below.id
WHERE number > :after
ORDER BY number
LIMIT :limit

-- name: rename_folder
UPDATE OR IGNORE folders SET display_name = :display_name WHERE workspace = :workspace AND id = :id

-- name: move_folder
UPDATE OR IGNORE folders SET parent = :parent WHERE workspace = :workspace AND id = :id

-- name: delete_folder
DELETE FROM folders
WHERE workspace = :workspace AND id = :id
    AND NOT EXISTS (SELECT 1 FROM folders AS nested WHERE nested.parent = :id)
    AND NOT EXISTS (SELECT 1 FROM items WHERE folder = :id)

-- name: workspace_of_folders
SELECT id FROM workspaces WHERE id = :workspace
