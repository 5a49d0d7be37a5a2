-- name: find
-- The answer that a call was given under its key.
SELECT digest, status, language, body FROM replies
WHERE dkey = :dkey AND customer_id = :customer_id AND origin = :origin AND key = :key;

-- name: keep
-- The answer to a call that carries a key.
INSERT INTO replies (dkey, customer_id, origin, key, digest, status, language, body, recorded_at)
VALUES (:dkey, :customer_id, :origin, :key, :digest, :status, :language, :body, :recorded_at);

-- name: forget
-- store-wide: answers older than they are kept for; a bounded number at a time.
DELETE FROM replies WHERE (dkey, customer_id, origin, key) IN (
    SELECT dkey, customer_id, origin, key FROM replies
    WHERE recorded_at < :before ORDER BY recorded_at LIMIT :limit);
