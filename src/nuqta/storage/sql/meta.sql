-- name: get
-- One number that the database keeps about itself.
SELECT value FROM meta WHERE name = :name;

-- name: put
-- Set such a number.
INSERT INTO meta (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: raise
-- Set such a number where it grows.
INSERT INTO meta (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE excluded.value > meta.value;

-- name: has_tokens
-- store-wide: whether any token was ever given that a lost key would end.
SELECT EXISTS (SELECT 1 FROM partner_tokens) OR EXISTS (SELECT 1 FROM sessions)
    OR EXISTS (SELECT 1 FROM order_credentials) OR EXISTS (SELECT 1 FROM oauth_clients);

-- name: made_before
-- store-wide: what is alive and was made before an instant, under a key of before: partners' tokens,
-- refresh tokens, customers' sessions, staff's, order pairs, and applications' secrets, of which
-- it is not known when they were made; and the last instant at which one of those that end, ends.
SELECT
    (SELECT count(*) FROM partner_tokens WHERE created_at < :at AND ends_at > :now),
    (SELECT count(*) FROM oauth_refresh_tokens
     WHERE created_at < :at AND ends_at > :now AND used_at IS NULL),
    (SELECT count(*) FROM sessions WHERE created_at < :at AND ends_at > :now),
    (SELECT count(*) FROM staff_sessions WHERE created_at < :at AND ends_at > :now),
    (SELECT count(*) FROM order_credentials WHERE created_at < :at),
    (SELECT count(*) FROM oauth_clients),
    (SELECT max(at) FROM (
        SELECT max(ends_at) AS at FROM partner_tokens WHERE created_at < :at
        UNION ALL SELECT max(ends_at) FROM oauth_refresh_tokens WHERE created_at < :at
        UNION ALL SELECT max(ends_at_latest) FROM sessions WHERE created_at < :at));

-- name: adds_up
-- store-wide: how many accounts, the sum of their versions, and how many transfers there are.
SELECT (SELECT count(*) FROM accounts), (SELECT coalesce(sum(version), 0) FROM accounts),
       (SELECT count(*) FROM transfers);

-- name: count_up
-- One more of what is counted.
INSERT INTO meta (name, value) VALUES (:name, 1)
ON CONFLICT (name) DO UPDATE SET value = meta.value + 1;
