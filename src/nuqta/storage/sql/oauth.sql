-- name: put_client
-- What an application asks for, and the digest of its secret.
INSERT INTO oauth_clients (partner_id, secret, scopes, changed_at)
VALUES (:partner_id, :secret, :scopes, :changed_at)
ON CONFLICT (partner_id) DO UPDATE
SET secret = excluded.secret, scopes = excluded.scopes, changed_at = excluded.changed_at;

-- name: client
-- An application that stores are asked to let in.
SELECT c.partner_id, p.name, c.secret, c.scopes
FROM oauth_clients c JOIN partners p ON p.partner_id = c.partner_id
WHERE c.partner_id = :partner_id;

-- name: redirects
-- The addresses to which the answer to an application may go.
SELECT uri FROM oauth_redirects WHERE partner_id = :partner_id ORDER BY uri;

-- name: put_redirect
-- One more such address.
INSERT INTO oauth_redirects (partner_id, uri) VALUES (:partner_id, :uri);

-- name: forget_redirects
-- An application's addresses, before others take their place.
DELETE FROM oauth_redirects WHERE partner_id = :partner_id;

-- name: put_code
-- The store's owner lets an application in; the code is good for one exchange.
INSERT INTO oauth_codes (digest, partner_id, store_id, staff_id, redirect_uri, scopes, challenge,
    challenge_method, created_at, ends_at)
VALUES (:digest, :partner_id, :store_id, :staff_id, :redirect_uri, :scopes, :challenge,
    :challenge_method, :created_at, :ends_at);

-- name: code
-- A code of an application's, and whether whoever gave it may still sign in.
SELECT c.store_id, c.redirect_uri, c.scopes, c.challenge, c.challenge_method, c.ends_at, c.used_at,
    s.disabled_at
FROM oauth_codes c JOIN staff s ON s.staff_id = c.staff_id
WHERE c.digest = :digest AND c.partner_id = :partner_id;

-- name: use_code
-- A code was exchanged; it stays, so that a second exchange is noticed.
UPDATE oauth_codes SET used_at = :now WHERE digest = :digest AND used_at IS NULL;

-- name: end_codes
-- What was allowed on a store and not exchanged yet is not allowed any more.
DELETE FROM oauth_codes
WHERE store_id = :store_id AND partner_id = :partner_id AND used_at IS NULL;

-- name: put_refresh
-- What gives an application its next tokens for a store; only its digest is kept.
INSERT INTO oauth_refresh_tokens (digest, partner_id, store_id, grant_id, created_at, ends_at)
VALUES (:digest, :partner_id, :store_id, :grant_id, :created_at, :ends_at);

-- name: refresh
-- A refresh token of an application's, and what the application may do on its store.
SELECT r.store_id, r.grant_id, r.ends_at, r.used_at, i.scopes
FROM oauth_refresh_tokens r
JOIN installations i ON i.store_id = r.store_id AND i.partner_id = r.partner_id
WHERE r.digest = :digest AND r.partner_id = :partner_id;

-- name: use_refresh
-- A refresh token was used; it stays, so that a second use is noticed.
UPDATE oauth_refresh_tokens SET used_at = :now WHERE digest = :digest AND used_at IS NULL;

-- name: shorten
-- The tokens that new ones replace serve a little longer, for calls that are under way.
UPDATE partner_tokens SET ends_at = min(ends_at, :ends_at)
WHERE store_id = :store_id AND partner_id = :partner_id AND grant_id = :grant_id;

-- name: grant_of
-- The installation and the grant of one of an application's tokens, of whatever kind.
SELECT store_id, grant_id FROM partner_tokens
WHERE digest = :digest AND partner_id = :partner_id
UNION ALL
SELECT store_id, grant_id FROM oauth_refresh_tokens
WHERE digest = :digest AND partner_id = :partner_id;

-- name: end_token
-- One token ends, which belongs to no grant.
DELETE FROM partner_tokens
WHERE digest = :digest AND store_id = :store_id AND partner_id = :partner_id;

-- name: end_grant
-- The tokens of a grant end.
DELETE FROM partner_tokens
WHERE store_id = :store_id AND partner_id = :partner_id AND grant_id = :grant_id;

-- name: end_grant_refresh
-- The refresh tokens of a grant end with them.
DELETE FROM oauth_refresh_tokens
WHERE store_id = :store_id AND partner_id = :partner_id AND grant_id = :grant_id;

-- name: end_refresh
-- Every refresh token of an installation ends.
DELETE FROM oauth_refresh_tokens WHERE store_id = :store_id AND partner_id = :partner_id;

-- name: forget_codes
-- store-wide: the sweeper removes codes that ended long ago.
DELETE FROM oauth_codes WHERE ends_at < :before;

-- name: forget_refresh
-- store-wide: the sweeper removes refresh tokens that ended long ago.
DELETE FROM oauth_refresh_tokens WHERE ends_at < :before;
