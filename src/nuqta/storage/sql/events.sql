-- name: add
-- What is told of a change, written with it; the worker gives it a position afterwards.
INSERT INTO events (dkey, customer_id, number, kind, points, version, pending, available, held, owed,
    used, lot, expires_at, effective_at, recorded_at, origin, key, order_key)
VALUES (:dkey, :customer_id, :number, :kind, :points, :version, :pending, :available, :held, :owed,
    :used, :lot, :expires_at, :effective_at, :recorded_at, :origin, :key, :order_key);

-- name: unplaced_dkey
-- store-wide: the worker looks for the next bucket, of any store, with events without a position.
SELECT min(dkey) FROM events WHERE position = 0 AND dkey > :dkey;

-- name: unplaced
-- Events of a bucket that have no position yet, in the order in which the books learned of them.
SELECT customer_id, number FROM events
WHERE dkey = :dkey AND position = 0 ORDER BY recorded_at, customer_id, number LIMIT :limit;

-- name: last_placed
-- The last event of an account, below a number, that has a position.
SELECT customer_id, number FROM events
WHERE dkey = :dkey AND customer_id = :customer_id AND number < :number AND position > 0
ORDER BY number DESC LIMIT 1;

-- name: place
-- An event gets its position, once.
UPDATE events SET position = :position
WHERE dkey = :dkey AND customer_id = :customer_id AND number = :number AND position = 0;

-- name: position
-- The last position that a bucket has given.
SELECT position FROM event_positions WHERE dkey = :dkey;

-- name: put_position
-- A bucket has given positions up to here.
INSERT INTO event_positions (dkey, position) VALUES (:dkey, :position)
ON CONFLICT (dkey) DO UPDATE SET position = excluded.position;

-- name: positions
-- store-wide: the last position of each of a store's buckets, for a cursor over all of them.
SELECT dkey, position FROM event_positions
WHERE dkey >= :dkey_from AND dkey < :dkey_until ORDER BY dkey;

-- name: after
-- The events of a bucket after a position.
SELECT dkey, customer_id, number, kind, points, version, pending, available, held, owed, used, lot,
       expires_at, effective_at, recorded_at, origin, key, order_key, position
FROM events WHERE dkey = :dkey AND position > :position AND position > 0
ORDER BY position LIMIT :limit;

-- name: lots_to_tell
-- store-wide: the worker looks for lots that expire soon, after the last one that it has seen.
SELECT expires_at, dkey, customer_id, lot FROM lots
WHERE left_over > 0 AND is_told = 0 AND expires_at < 9223372036854775807
  AND expires_at > :now AND expires_at <= :until AND left_over > held
  AND (expires_at, dkey, customer_id, lot) > (:expires_at, :dkey, :customer_id, :lot)
ORDER BY expires_at, dkey, customer_id, lot LIMIT :limit;

-- name: of_customer
-- Every event of an account, by number.
SELECT dkey, customer_id, number, kind, points, version, pending, available, held, owed, used, lot,
       expires_at, effective_at, recorded_at, origin, key, order_key
FROM events WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY number;

-- name: count_unplaced
-- store-wide: how many events, of any store, have no position yet, for whoever watches.
SELECT count(*) FROM (SELECT 1 FROM events WHERE position = 0 LIMIT :limit);
