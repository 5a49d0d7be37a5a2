-- name: add
-- A person who looks after a store.
INSERT INTO staff (staff_id, store_id, email, password, created_at)
VALUES (:staff_id, :store_id, :email, :password, :created_at);

-- name: by_email
-- Whoever signs in with an address; it belongs to one person of one store.
SELECT staff_id, store_id, email, password, created_at, disabled_at FROM staff
WHERE email = :email;

-- name: all_of
-- The people of one store or, where none is named, of all, the longest there first.
SELECT staff_id, store_id, email, password, created_at, disabled_at FROM staff
WHERE :store_id IS NULL OR store_id = :store_id ORDER BY created_at, staff_id;

-- name: disable
-- Somebody signs in no more.
UPDATE staff SET disabled_at = :now WHERE staff_id = :staff_id AND disabled_at IS NULL;

-- name: change_password
-- Somebody has another password.
UPDATE staff SET password = :password WHERE staff_id = :staff_id;

-- name: open
-- Somebody signed in.
INSERT INTO staff_sessions (digest, staff_id, created_at, ends_at)
VALUES (:digest, :staff_id, :created_at, :ends_at);

-- name: by_session
-- Whose live session it is; of somebody disabled there is none.
SELECT s.staff_id, s.store_id, s.email, s.password, s.created_at, s.disabled_at
FROM staff_sessions e JOIN staff s ON s.staff_id = e.staff_id
WHERE e.digest = :digest AND e.ends_at > :now AND s.disabled_at IS NULL;

-- name: close
-- One session ends.
DELETE FROM staff_sessions WHERE digest = :digest;

-- name: close_all
-- Every session of a person ends.
DELETE FROM staff_sessions WHERE staff_id = :staff_id;

-- name: forget_ended
-- store-wide: the sweeper removes sessions that ended long ago.
DELETE FROM staff_sessions WHERE ends_at < :before;

-- name: tries
-- How often somebody tried to sign in, and since when that is counted.
SELECT tries, began_at FROM sign_in_tries WHERE whose = :whose;

-- name: put_tries
-- The tries of an account or an address as they now stand.
INSERT INTO sign_in_tries (whose, tries, began_at) VALUES (:whose, :tries, :began_at)
ON CONFLICT (whose) DO UPDATE SET tries = excluded.tries, began_at = excluded.began_at;

-- name: forget_tries_of
-- Whoever has signed in begins to count anew.
DELETE FROM sign_in_tries WHERE whose = :whose;

-- name: forget_tries
-- store-wide: the sweeper removes counts of long ago.
DELETE FROM sign_in_tries WHERE began_at < :before;
