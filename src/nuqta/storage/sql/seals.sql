-- name: unsealed
-- store-wide: the sealer looks for what was booked anywhere since; it then seals shard by shard.
SELECT dkey, customer_id, version, sealed FROM accounts
WHERE is_sealed = 0 AND dkey >= :dkey_from ORDER BY dkey, customer_id LIMIT :limit;

-- name: transfers_between
-- The transfers of an account after one version and up to another.
SELECT dkey, customer_id, version, move, source, target, points, lot, hold, undoes, effective_at,
       recorded_at, origin, key, order_key
FROM transfers
WHERE dkey = :dkey AND customer_id = :customer_id AND version > :after AND version <= :until
ORDER BY version;

-- name: unsealed_lots
-- The lots of an account whose dates are not sealed yet.
SELECT dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at, matures_at,
       expires_at, order_key, rule_id, rule_revision, expired, revives, is_told, crc
FROM lots WHERE dkey = :dkey AND customer_id = :customer_id AND is_sealed = 0
ORDER BY lot LIMIT :limit;

-- name: unsealed_holds
-- The holds of an account that are not sealed as they stand.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc
FROM holds WHERE dkey = :dkey AND customer_id = :customer_id AND is_sealed = 0
ORDER BY hold LIMIT :limit;

-- name: seal_lot
-- The dates of a lot are sealed.
UPDATE lots SET is_sealed = 1 WHERE dkey = :dkey AND customer_id = :customer_id AND lot = :number;

-- name: seal_hold
-- A hold is sealed as it stands.
UPDATE holds SET is_sealed = 1 WHERE dkey = :dkey AND customer_id = :customer_id AND hold = :number;

-- name: seal_account
-- An account is sealed up to a version, and wholly where nothing of it is left to seal.
UPDATE accounts SET sealed = :sealed, is_sealed = :is_sealed
WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: last
-- The last seal of a shard.
SELECT number, digest FROM seals WHERE dkey = :dkey ORDER BY number DESC LIMIT 1;

-- name: add
-- One more link of a shard's chain.
INSERT INTO seals (dkey, number, customer_id, version_from, version_until, lines, dates, sealed_at,
    digest)
VALUES (:dkey, :number, :customer_id, :version_from, :version_until, :lines, :dates, :sealed_at,
    :digest);

-- name: chain
-- Every link of a shard's chain, in order.
SELECT dkey, number, customer_id, version_from, version_until, lines, dates, sealed_at, digest
FROM seals WHERE dkey = :dkey ORDER BY number;

-- name: add_head
-- What a store's shards have come to, signed.
INSERT INTO heads (store_id, number, root, lines, sealed_at, public_key, signature)
VALUES (:store_id, :number, :root, :lines, :sealed_at, :public_key, :signature);

-- name: last_head
-- The last head of a store.
SELECT store_id, number, root, lines, sealed_at, public_key, signature FROM heads
WHERE store_id = :store_id ORDER BY number DESC LIMIT 1;

-- name: head
-- One head of a store.
SELECT store_id, number, root, lines, sealed_at, public_key, signature FROM heads
WHERE store_id = :store_id AND number = :number;

-- name: heads
-- Every head of a store, in order.
SELECT store_id, number, root, lines, sealed_at, public_key, signature FROM heads
WHERE store_id = :store_id ORDER BY number;

-- name: last_heads
-- The last head of every store.
SELECT h.store_id, h.number, h.root, h.lines, h.sealed_at, h.public_key, h.signature
FROM stores s JOIN heads h ON h.store_id = s.store_id
AND h.number = (SELECT max(n.number) FROM heads n WHERE n.store_id = s.store_id)
ORDER BY h.store_id;

-- name: sealed_shards
-- store-wide: the audit walks over the shards of a store that have accounts or seals.
SELECT dkey FROM accounts WHERE dkey >= :dkey_from AND dkey < :dkey_until
UNION SELECT dkey FROM seals WHERE dkey >= :dkey_from AND dkey < :dkey_until ORDER BY dkey;

-- name: transfers_of_shard
-- Every transfer of a shard, account by account.
SELECT dkey, customer_id, version, move, source, target, points, lot, hold, undoes, effective_at,
       recorded_at, origin, key, order_key
FROM transfers WHERE dkey = :dkey ORDER BY customer_id, version;

-- name: lots_of_shard
-- Every lot of a shard, and whether its dates are sealed.
SELECT dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at, matures_at,
       expires_at, order_key, rule_id, rule_revision, expired, revives, is_told, crc, is_sealed
FROM lots WHERE dkey = :dkey ORDER BY customer_id, lot;

-- name: holds_of_shard
-- Every hold of a shard, and whether it is sealed as it stands.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc, is_sealed
FROM holds WHERE dkey = :dkey ORDER BY customer_id, hold;

-- name: accounts_of_shard
-- How far the accounts of a shard have come, and whether they are sealed as they stand.
SELECT customer_id, version, is_sealed FROM accounts WHERE dkey = :dkey ORDER BY customer_id;

-- name: roots
-- store-wide: the root of the last head of each store, as a copy tells them.
SELECT store_id, root FROM heads AS h
WHERE number = (SELECT max(number) FROM heads WHERE store_id = h.store_id) ORDER BY store_id;

-- name: longest_unsealed
-- store-wide: since when the longest waiting booking is not sealed, among so many accounts, for
-- whoever watches.
SELECT min(coalesce(t.recorded_at, a.recorded_at))
FROM (SELECT dkey, customer_id, sealed, recorded_at FROM accounts WHERE is_sealed = 0 LIMIT :limit) a
LEFT JOIN transfers t
       ON t.dkey = a.dkey AND t.customer_id = a.customer_id AND t.version = a.sealed + 1;
