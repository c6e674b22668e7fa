-- name: add_webhook
INSERT INTO webhooks (
    id, workspace, url, secret, item, states, enabled, disabled_because, created_by, created_at
)
SELECT
    :id, workspaces.id, :url, :secret, :item, :states, :enabled, :disabled_because, :created_by, :created_at
FROM workspaces
WHERE workspaces.id = :workspace
    AND (SELECT COUNT(*) FROM webhooks AS known WHERE known.workspace = :workspace) < :most

-- name: webhook
SELECT
    id, workspace, url, secret, item, states, enabled, disabled_because, created_by, created_at, number
FROM webhooks
WHERE id = :id

-- name: webhooks
SELECT
    id, workspace, url, secret, item, states, enabled, disabled_because, created_by, created_at, number
FROM webhooks
WHERE workspace = :workspace AND number > :after
ORDER BY number
LIMIT :limit

-- name: any_webhook
SELECT EXISTS (SELECT 1 FROM webhooks WHERE number > 0)

-- name: change_webhook
UPDATE webhooks
SET url = :url, item = :item, states = :states, enabled = :enabled, disabled_because = :disabled_because
WHERE id = :id

-- name: disable_webhook
UPDATE webhooks SET enabled = 0, disabled_because = :because WHERE id = :id AND url = :url

-- name: delete_webhook
DELETE FROM webhooks WHERE id = :id

-- name: news
SELECT
    number, workspace, scope, id, kind, state, submitted_by, submitted_at, started_at, ended_at, labels, error
FROM webhook_news
WHERE number > 0
ORDER BY number
LIMIT :limit

-- name: forget_news
DELETE FROM webhook_news WHERE number <= :through
