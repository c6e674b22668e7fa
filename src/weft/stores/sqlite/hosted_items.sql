-- name: hosted_item
SELECT tenant, workspace, type, id, state, fingerprint, display_name, description, payload, definition
FROM hosted_items
WHERE id = :id AND tenant = :tenant AND workspace = :workspace AND type = :type

-- name: add_hosted_item
INSERT INTO hosted_items (
    tenant, workspace, type, id, state, fingerprint, created_at, changed_at,
    display_name, description, payload, definition
)
VALUES (
    :tenant, :workspace, :type, :id, :state, :fingerprint, :at, :at,
    :display_name, :description, :payload, :definition
)
ON CONFLICT DO NOTHING

-- name: change_hosted_item
UPDATE hosted_items
SET state = :state, changed_at = :at, display_name = :display_name, description = :description,
    payload = :payload, definition = :definition
WHERE id = :id AND tenant = :tenant AND workspace = :workspace AND type = :type AND state = :source

-- name: fence_hosted_item
UPDATE hosted_items
SET state = :state, changed_at = :at
WHERE id = :id AND tenant = :tenant AND workspace = :workspace AND type = :type
    AND state IN (SELECT value FROM json_each(:sources) AS named)

-- name: forget_hosted_item
UPDATE hosted_items
SET state = :state, fingerprint = X'', changed_at = :at, display_name = '', description = NULL,
    payload = X'', definition = X''
WHERE id = :id AND tenant = :tenant AND workspace = :workspace AND type = :type AND state = :source

-- name: open_scopes
UPDATE scopes SET is_closed = FALSE WHERE name = :scope

-- name: open_scopes_below
UPDATE scopes SET is_closed = FALSE WHERE name > :below AND name < :after
