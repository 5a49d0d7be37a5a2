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

-- name: adds_up
-- store-wide: how many accounts, the sum of their versions, and how many transfers there are.
SELECT (SELECT count(*) FROM accounts), (SELECT coalesce(sum(version), 0) FROM accounts),
       (SELECT count(*) FROM transfers);

-- name: count_up
-- One more of what is counted.
INSERT INTO meta (name, value) VALUES (:name, 1)
ON CONFLICT (name) DO UPDATE SET value = meta.value + 1;
