-- name: add_operation
INSERT INTO operations (id, tenant, principal, kind, workspace, items, created_at)
VALUES (:id, :tenant, :principal, :kind, :workspace, :items, :created_at)

-- name: operation
SELECT id, tenant, principal, kind, workspace, items, created_at
FROM operations
WHERE id = :id AND tenant = :tenant AND principal = :principal

-- name: forget_operations
DELETE FROM operations WHERE id IN (
    SELECT id FROM operations WHERE created_at < :before ORDER BY created_at LIMIT :limit
)
