-- How twins and relationships are found by what names them: the two tables of keys, and the way between them.

-- name: find
SELECT wanted.value, named.number
FROM carray(:wanted) AS wanted
CROSS JOIN all_keys AS named ON named.kind = :kind AND named.key = wanted.value

-- name: add
INSERT INTO new_keys (kind, key, number) VALUES (?, ?, ?)

-- name: add_settled
INSERT INTO keys (kind, key, number) VALUES (?, ?, ?)

-- name: count_between
SELECT COUNT(*) FROM (
    SELECT 1 FROM keys WHERE kind = :kind AND key >= :first AND key <= :last LIMIT :most
)

-- name: remove
DELETE FROM keys WHERE kind = ? AND key = ? AND number = ?

-- name: remove_new
DELETE FROM new_keys WHERE kind = ? AND key = ? AND number = ?

-- name: end_of_move
SELECT kind, key, number
FROM new_keys
WHERE (kind, key, number) > (:moved_kind, :moved_key, :moved_number)
ORDER BY kind, key, number
LIMIT 1 OFFSET :count - 1

-- name: move_keys
INSERT INTO keys (kind, key, number)
SELECT kind, key, number
FROM new_keys
WHERE (kind, key, number) > (:moved_kind, :moved_key, :moved_number)
AND (kind, key, number) <= (:kind, :key, :number)
ORDER BY kind, key, number

-- name: remove_moved
DELETE FROM new_keys
WHERE (kind, key, number) > (:moved_kind, :moved_key, :moved_number)
AND (kind, key, number) <= (:kind, :key, :number)
