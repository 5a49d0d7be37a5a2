-- name: add
-- A new partner application.
INSERT INTO partners (partner_id, name, created_at) VALUES (:partner_id, :name, :created_at);

-- name: by_id
-- One partner.
SELECT partner_id, name, created_at FROM partners WHERE partner_id = :partner_id;

-- name: install
-- A partner is installed on a store, or its scopes there change.
INSERT INTO installations (store_id, partner_id, scopes, installed_at)
VALUES (:store_id, :partner_id, :scopes, :installed_at)
ON CONFLICT (store_id, partner_id) DO UPDATE SET scopes = excluded.scopes;

-- name: scopes_at
-- The scopes of a partner on a store, which stay when it is installed there again.
SELECT scopes FROM installations WHERE store_id = :store_id AND partner_id = :partner_id;

-- name: scopes_anywhere
-- The scopes of a partner's oldest installation, which a further one takes over.
SELECT scopes FROM installations WHERE partner_id = :partner_id ORDER BY installed_at LIMIT 1;

-- name: add_token
-- A token of an installation; only its digest is kept. Those that came by OAuth name their grant.
INSERT INTO partner_tokens (digest, kind, partner_id, store_id, created_at, ends_at, grant_id)
VALUES (:digest, :kind, :partner_id, :store_id, :created_at, :ends_at, :grant_id);

-- name: revoke_tokens
-- Every token of an installation ends.
DELETE FROM partner_tokens WHERE store_id = :store_id AND partner_id = :partner_id;

-- name: change_pace
-- A partner's limits, on one store or, where none is named, wherever it is installed; null leaves one
-- as it is.
UPDATE installations
SET rate_limit = coalesce(:rate_limit, rate_limit),
    rate_limit_shopper = coalesce(:rate_limit_shopper, rate_limit_shopper)
WHERE partner_id = :partner_id AND (:store_id IS NULL OR store_id = :store_id);

-- name: uninstall
-- A partner is no longer installed on a store; its tokens there have ended before.
DELETE FROM installations WHERE store_id = :store_id AND partner_id = :partner_id;

-- name: installations
-- Where partners are installed and how many live tokens they have there, on one store or, where
-- none is named, on all; there a partner that is installed nowhere stands with nulls.
SELECT p.partner_id, p.name, i.store_id, coalesce(i.scopes, ''), i.installed_at,
    (SELECT count(*) FROM partner_tokens t
     WHERE t.store_id = i.store_id AND t.partner_id = p.partner_id AND t.ends_at > :now),
    i.rate_limit, i.rate_limit_shopper
FROM partners p LEFT JOIN installations i ON i.partner_id = p.partner_id
WHERE :store_id IS NULL OR i.store_id = :store_id
ORDER BY p.created_at, p.partner_id, i.installed_at, i.store_id;

-- name: caller
-- Who calls a store's route: the partner by its authorization token, the store by id or UUID, the
-- installation, and the manager token where one was sent. What is missing comes back null.
SELECT t.partner_id, t.ends_at, s.store_id, i.scopes, m.partner_id, m.store_id, m.ends_at,
    i.rate_limit, i.rate_limit_shopper
FROM (SELECT 1)
LEFT JOIN partner_tokens t ON t.digest = :partner_digest AND t.kind = 'authorization'
LEFT JOIN partner_tokens m ON m.digest = :manager_digest AND m.kind = 'manager'
LEFT JOIN stores s ON s.store_id = coalesce(
    :store_id, (SELECT store_id FROM stores WHERE uuid = :store_uuid), m.store_id)
LEFT JOIN installations i ON i.store_id = s.store_id AND i.partner_id = t.partner_id;
