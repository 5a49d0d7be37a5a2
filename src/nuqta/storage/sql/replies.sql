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

-- name: of_customer
-- The answers that a customer's own calls were given.
SELECT origin, status, recorded_at FROM replies
WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY recorded_at, origin, key;

-- name: forget_of
-- The answers that a customer's own calls were given are forgotten.
DELETE FROM replies WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: that_may_name
-- store-wide: the answers to a shop's own calls in which one of these texts stands.
SELECT dkey, origin, key, body FROM replies
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND customer_id = 0
  AND (instr(body, :id) > 0 OR instr(body, :email) > 0 OR instr(body, :mobile) > 0);

-- name: put_body
-- What an answer said of a person is taken out of it.
UPDATE replies SET body = :body
WHERE dkey = :dkey AND customer_id = 0 AND origin = :origin AND key = :key;
