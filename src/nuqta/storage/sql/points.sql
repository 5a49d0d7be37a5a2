-- name: balance
-- The one statement of the hot path: who calls (token digest), whether the caller is installed on
-- the store and at which pace, whose session it is, and that customer's account. What is missing
-- comes back null.
SELECT t.partner_id, t.ends_at, s.store_id, i.scopes, i.rate_limit_shopper,
       n.customer_id, n.used_at, n.ends_at,
       a.dkey, a.customer_id, a.version, a.recorded_at, a.next_change_at, a.lots, a.pending,
       a.available, a.held, a.owed, a.issued, a.redeemed, a.expired, a.cancelled, a.adjusted_in,
       a.adjusted_out, a.forgiven, a.events, a.crc
FROM (SELECT 1)
LEFT JOIN partner_tokens t ON t.digest = :partner_digest AND t.kind = 'authorization'
LEFT JOIN stores s
       ON s.store_id = coalesce(:store_id, (SELECT store_id FROM stores WHERE uuid = :store_uuid))
LEFT JOIN installations i ON i.store_id = s.store_id AND i.partner_id = t.partner_id
LEFT JOIN sessions n ON n.dkey = :dkey AND n.digest = :session_digest
LEFT JOIN accounts a ON a.dkey = n.dkey AND a.customer_id = n.customer_id;

-- name: account
-- One account.
SELECT dkey, customer_id, version, recorded_at, next_change_at, lots, pending, available, held, owed,
       issued, redeemed, expired, cancelled, adjusted_in, adjusted_out, forgiven, events, crc
FROM accounts WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: open_account
-- An account that starts empty, so that nothing of it waits to be sealed; nothing where there is
-- one.
INSERT INTO accounts (dkey, customer_id, version, recorded_at, next_change_at, lots, pending,
    available, held, owed, issued, redeemed, expired, cancelled, adjusted_in, adjusted_out, forgiven,
    events, crc, is_sealed)
VALUES (:dkey, :customer_id, :version, :recorded_at, :next_change_at, :lots, :pending, :available,
    :held, :owed, :issued, :redeemed, :expired, :cancelled, :adjusted_in, :adjusted_out, :forgiven,
    :events, :crc, 1)
ON CONFLICT (dkey, customer_id) DO NOTHING;

-- name: change_account
-- The account's new row, guarded by the version that it was decided on.
UPDATE accounts
SET version = :version, recorded_at = :recorded_at, next_change_at = :next_change_at, lots = :lots,
    pending = :pending, available = :available, held = :held, owed = :owed, issued = :issued,
    redeemed = :redeemed, expired = :expired, cancelled = :cancelled, adjusted_in = :adjusted_in,
    adjusted_out = :adjusted_out, forgiven = :forgiven, events = :events, crc = :crc, is_sealed = 0
WHERE dkey = :dkey AND customer_id = :customer_id AND version = :version_before;

-- name: open_lots
-- The lots of an account that have points left, as they are spent.
SELECT dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at, matures_at,
       expires_at, order_key, rule_id, rule_revision, expired, revives, is_told, crc
FROM lots WHERE dkey = :dkey AND customer_id = :customer_id AND left_over > 0
ORDER BY expires_at, granted_at, lot;

-- name: all_lots
-- Every lot of an account, by number.
SELECT dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at, matures_at,
       expires_at, order_key, rule_id, rule_revision, expired, revives, is_told, crc
FROM lots WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY lot;

-- name: put_lot
-- A new lot, or what is left of a known one; other dates than were sealed are sealed anew.
INSERT INTO lots (dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at,
    matures_at, expires_at, order_key, rule_id, rule_revision, expired, revives, is_told, crc)
VALUES (:dkey, :customer_id, :lot, :granted, :left_over, :held, :is_pending, :granted_at,
    :matures_at, :expires_at, :order_key, :rule_id, :rule_revision, :expired, :revives, :is_told,
    :crc)
ON CONFLICT (dkey, customer_id, lot) DO UPDATE
SET granted = excluded.granted, left_over = excluded.left_over, held = excluded.held,
    is_pending = excluded.is_pending, granted_at = excluded.granted_at,
    matures_at = excluded.matures_at, expires_at = excluded.expires_at, expired = excluded.expired,
    is_told = excluded.is_told, crc = excluded.crc,
    is_sealed = CASE WHEN is_sealed = 1 AND (granted_at, matures_at, expires_at)
                     = (excluded.granted_at, excluded.matures_at, excluded.expires_at)
                THEN 1 ELSE 0 END;

-- name: lots_of_order
-- The lots that an order's transfers ever touched, also those with nothing left.
SELECT dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at, matures_at,
       expires_at, order_key, rule_id, rule_revision, expired, revives, is_told, crc
FROM lots WHERE dkey = :dkey AND customer_id = :customer_id AND lot IN (
    SELECT lot FROM transfers
    WHERE dkey = :dkey AND customer_id = :customer_id AND order_key = :order_key
      AND order_key <> '');

-- name: add_transfer
-- One line of the books.
INSERT INTO transfers (dkey, customer_id, version, move, source, target, points, lot, hold, undoes,
    effective_at, recorded_at, origin, key, order_key)
VALUES (:dkey, :customer_id, :version, :move, :source, :target, :points, :lot, :hold, :undoes,
    :effective_at, :recorded_at, :origin, :key, :order_key);

-- name: transfers
-- Every transfer of an account, by version.
SELECT dkey, customer_id, version, move, source, target, points, lot, hold, undoes, effective_at,
       recorded_at, origin, key, order_key
FROM transfers WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY version;

-- name: folded
-- What the transfers of an account come to, by their two places.
SELECT source, target, sum(points), count(*) FROM transfers
WHERE dkey = :dkey AND customer_id = :customer_id GROUP BY source, target;

-- name: transfers_of_order
-- The transfers that an order brought about, by version.
SELECT dkey, customer_id, version, move, source, target, points, lot, hold, undoes, effective_at,
       recorded_at, origin, key, order_key
FROM transfers
WHERE dkey = :dkey AND customer_id = :customer_id AND order_key = :order_key AND order_key <> ''
ORDER BY version;

-- name: receipt
-- The receipt that was given for a key, if any.
SELECT dkey, customer_id, origin, key, digest, refusal, version, booked, recorded_at
FROM receipts
WHERE dkey = :dkey AND customer_id = :customer_id AND origin = :origin AND key = :key;

-- name: receipts
-- Every receipt of an account.
SELECT dkey, customer_id, origin, key, digest, refusal, version, booked, recorded_at
FROM receipts WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY origin, key;

-- name: add_receipt
-- What became of a command, for ever.
INSERT INTO receipts (dkey, customer_id, origin, key, digest, refusal, version, booked, recorded_at)
VALUES (:dkey, :customer_id, :origin, :key, :digest, :refusal, :version, :booked, :recorded_at);

-- name: add_note
-- The words beside a transfer.
INSERT INTO notes (dkey, customer_id, version, reason)
VALUES (:dkey, :customer_id, :version, :reason);

-- name: due_accounts
-- store-wide: the sweeper looks for what fell due anywhere; it then writes account by account. Of
-- those that time never changes none is due: said so that the index without them can be used.
SELECT dkey, customer_id FROM accounts
WHERE next_change_at <= :now AND next_change_at < 9223372036854775807 ORDER BY next_change_at LIMIT :limit;

-- name: accounts_from
-- store-wide: the audit walks over all accounts of a store in key order.
SELECT dkey, customer_id, version, recorded_at, next_change_at, lots, pending, available, held, owed,
       issued, redeemed, expired, cancelled, adjusted_in, adjusted_out, forgiven, events, crc
FROM accounts WHERE dkey >= :dkey_from AND dkey < :dkey_until ORDER BY dkey, customer_id;

-- name: orphans
-- store-wide: the audit counts rows of the books that belong to no account.
SELECT (SELECT count(*) FROM transfers t WHERE NOT EXISTS
           (SELECT 1 FROM accounts a WHERE a.dkey = t.dkey AND a.customer_id = t.customer_id)),
       (SELECT count(*) FROM lots l WHERE NOT EXISTS
           (SELECT 1 FROM accounts a WHERE a.dkey = l.dkey AND a.customer_id = l.customer_id));

-- name: latest_transfers
-- The transfers of an account up to a version, the latest first.
SELECT dkey, customer_id, version, move, source, target, points, lot, hold, undoes, effective_at,
       recorded_at, origin, key, order_key
FROM transfers WHERE dkey = :dkey AND customer_id = :customer_id AND version <= :version
ORDER BY version DESC LIMIT :limit;

-- name: lot
-- One lot.
SELECT dkey, customer_id, lot, granted, left_over, held, is_pending, granted_at, matures_at,
       expires_at, order_key, rule_id, rule_revision, expired, revives, is_told, crc
FROM lots WHERE dkey = :dkey AND customer_id = :customer_id AND lot = :lot;

-- name: note
-- The words beside a transfer.
SELECT reason FROM notes WHERE dkey = :dkey AND customer_id = :customer_id AND version = :version;

-- name: totals
-- store-wide: what all accounts of a store have together, as booked.
SELECT sum(issued + adjusted_in - cancelled), sum(redeemed), sum(pending),
       sum(CASE WHEN pending + available + held > 0 THEN 1 ELSE 0 END)
FROM accounts WHERE dkey >= :dkey_from AND dkey < :dkey_until;

-- name: due_of_store
-- store-wide: the accounts of a store that time has changed since they were booked.
SELECT dkey, customer_id, version, recorded_at, next_change_at, lots, pending, available, held, owed,
       issued, redeemed, expired, cancelled, adjusted_in, adjusted_out, forgiven, events, crc
FROM accounts
WHERE next_change_at <= :now AND dkey >= :dkey_from AND dkey < :dkey_until;

-- name: notes
-- The words beside an account's transfers.
SELECT version, reason FROM notes WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: blank_notes
-- The words beside an account's transfers are taken away: a person is forgotten.
UPDATE notes SET reason = '' WHERE dkey = :dkey AND customer_id = :customer_id AND reason <> '';

-- name: longest_due
-- store-wide: since when anything has been due anywhere that is not booked yet, for whoever watches.
SELECT min(next_change_at) FROM accounts
WHERE next_change_at <= :now AND next_change_at < 9223372036854775807;
