-- name: add_store
-- A new store.
INSERT INTO stores (store_id, uuid, name, currency, timezone, created_at)
VALUES (:store_id, :uuid, :name, :currency, :timezone, :created_at);

-- name: store
-- One store, by its id or its UUID.
SELECT store_id, uuid, name, currency, timezone, created_at FROM stores
WHERE store_id = coalesce(:store_id, (SELECT store_id FROM stores WHERE uuid = :store_uuid));

-- name: stores
-- Every store.
SELECT store_id, uuid, name, currency, timezone, created_at FROM stores ORDER BY store_id;

-- name: first_two
-- The first two stores: enough to know whether there is only one.
SELECT store_id, uuid, name, currency, timezone, created_at FROM stores ORDER BY store_id LIMIT 2;

-- name: add_domain
-- A domain at which a store is reached; nothing where it is taken.
INSERT INTO store_domains (domain, store_id) VALUES (:domain, :store_id)
ON CONFLICT (domain) DO NOTHING;

-- name: domains
-- Every domain at which a store is reached.
SELECT store_id, domain FROM store_domains ORDER BY domain;

-- name: domain
-- Whose a domain is.
SELECT store_id FROM store_domains WHERE domain = :domain;

-- name: current
-- The revision of a store's program that is in force.
SELECT store_id, revision, is_on, maturity_days, maturity_from, expiry_days, owed, changed_at,
       changed_by, earn_at, with_shipping, without_tax, hold_minutes, grace_days
FROM programs WHERE store_id = :store_id ORDER BY revision DESC LIMIT 1;

-- name: at_revision
-- A store's program as it once was.
SELECT store_id, revision, is_on, maturity_days, maturity_from, expiry_days, owed, changed_at,
       changed_by, earn_at, with_shipping, without_tax, hold_minutes, grace_days
FROM programs WHERE store_id = :store_id AND revision = :revision;

-- name: add_revision
-- A new revision of a store's program.
INSERT INTO programs (store_id, revision, is_on, maturity_days, maturity_from, expiry_days, owed,
    changed_at, changed_by, earn_at, with_shipping, without_tax, hold_minutes, grace_days)
VALUES (:store_id, :revision, :is_on, :maturity_days, :maturity_from, :expiry_days, :owed,
    :changed_at, :changed_by, :earn_at, :with_shipping, :without_tax, :hold_minutes, :grace_days);
