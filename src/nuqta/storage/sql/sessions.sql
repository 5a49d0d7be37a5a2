-- name: open
-- A customer signed in.
INSERT INTO sessions (dkey, digest, customer_id, opened_by, created_at, used_at, ends_at,
    ends_at_latest)
VALUES (:dkey, :digest, :customer_id, :opened_by, :created_at, :used_at, :ends_at, :ends_at_latest);

-- name: by_digest
-- Whose session it is, when it ends, and when it ends at the latest.
SELECT customer_id, used_at, ends_at, ends_at_latest FROM sessions WHERE dkey = :dkey AND digest = :digest;

-- name: digests_of
-- The sessions of a customer, the oldest first.
SELECT digest FROM sessions WHERE dkey = :dkey AND customer_id = :customer_id
ORDER BY created_at, digest;

-- name: close
-- One session ends.
DELETE FROM sessions WHERE dkey = :dkey AND digest = :digest;

-- name: close_all
-- Every session of a customer ends.
DELETE FROM sessions WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: note_use
-- A session was used: its idle end moves, never past its latest end.
UPDATE sessions SET used_at = :now, ends_at = min(:idle_end, ends_at_latest)
WHERE dkey = :dkey AND digest = :digest AND used_at < :now;

-- name: forget_ended
-- store-wide: the sweeper removes sessions that ended long ago.
DELETE FROM sessions WHERE ends_at < :before;

-- name: code
-- The one-time code of an address, and how often codes were sent to it.
SELECT code, customer_id, tries_left, sent_at, ends_at, hour_began_at, sent_in_hour
FROM codes WHERE dkey = :dkey AND address = :address;

-- name: put_code
-- A new one-time code for an address takes the place of the former.
INSERT INTO codes (dkey, address, code, customer_id, tries_left, sent_at, ends_at, hour_began_at,
    sent_in_hour)
VALUES (:dkey, :address, :code, :customer_id, :tries_left, :sent_at, :ends_at, :hour_began_at,
    :sent_in_hour)
ON CONFLICT (dkey, address) DO UPDATE
SET code = excluded.code, customer_id = excluded.customer_id, tries_left = excluded.tries_left,
    sent_at = excluded.sent_at, ends_at = excluded.ends_at,
    hour_began_at = excluded.hour_began_at, sent_in_hour = excluded.sent_in_hour;

-- name: spend_try
-- A try at a code that failed, or the last one that a code that served has.
UPDATE codes SET tries_left = :tries_left WHERE dkey = :dkey AND address = :address;

-- name: forget_codes
-- store-wide: the sweeper removes what is left of codes that ended long ago.
DELETE FROM codes WHERE ends_at < :before;

-- name: forget_codes_of
-- What is left of the codes that were sent to an address of a customer.
DELETE FROM codes WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: of_customer
-- The sessions of a customer, without what would open them.
SELECT opened_by, created_at, used_at, ends_at, ends_at_latest
FROM sessions WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY created_at, digest;
