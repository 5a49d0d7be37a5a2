-- name: order
-- What is decided of an order: by which program and rule it earns, which hold it uses.
SELECT dkey, customer_id, order_key, program_revision, rule_id, rule_revision, hold, redeemed,
       discount, troubles, attended_by, created_at, changed_at
FROM orders WHERE dkey = :dkey AND customer_id = :customer_id AND order_key = :order_key;

-- name: put
-- A new order, or what is decided of a known one since.
INSERT INTO orders (dkey, customer_id, order_key, program_revision, rule_id, rule_revision, hold,
    redeemed, discount, troubles, attended_by, created_at, changed_at)
VALUES (:dkey, :customer_id, :order_key, :program_revision, :rule_id, :rule_revision, :hold,
    :redeemed, :discount, :troubles, :attended_by, :created_at, :changed_at)
ON CONFLICT (dkey, customer_id, order_key) DO UPDATE
SET program_revision = excluded.program_revision, rule_id = excluded.rule_id,
    rule_revision = excluded.rule_revision, hold = excluded.hold, redeemed = excluded.redeemed,
    discount = excluded.discount, troubles = excluded.troubles, attended_by = excluded.attended_by,
    changed_at = excluded.changed_at;

-- name: events
-- What an order's shop has told of it, in the order in which it arrived.
SELECT dkey, customer_id, order_key, digest, facts, origin, version, received_at
FROM order_events WHERE dkey = :dkey AND customer_id = :customer_id AND order_key = :order_key
ORDER BY received_at, version, digest;

-- name: add_event
-- One more event of an order; known ones never come here.
INSERT INTO order_events (dkey, customer_id, order_key, digest, facts, origin, version, received_at)
VALUES (:dkey, :customer_id, :order_key, :digest, :facts, :origin, :version, :received_at);

-- name: in_need
-- store-wide: a person looks through the orders of a store that need one, over all its buckets.
SELECT dkey, customer_id, order_key, program_revision, rule_id, rule_revision, hold, redeemed,
       discount, troubles, attended_by, created_at, changed_at
FROM orders
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND troubles <> '' AND attended_by = ''
ORDER BY changed_at DESC, order_key LIMIT :limit;

-- name: attend
-- A person has looked after an order.
UPDATE orders SET attended_by = :by
WHERE dkey = :dkey AND customer_id = :customer_id AND order_key = :order_key AND troubles <> ''
  AND attended_by = '';

-- name: keep_refused
-- An order that could not be taken in is kept for a person; the same one again is only counted.
INSERT INTO refused_orders (dkey, digest, source, code, fields, body, times, first_at, last_at,
    attended_by)
VALUES (:dkey, :digest, :source, :code, :fields, :body, 1, :now, :now, '')
ON CONFLICT (dkey, digest) DO UPDATE
SET times = refused_orders.times + 1, last_at = excluded.last_at, code = excluded.code,
    fields = excluded.fields, attended_by = '';

-- name: waiting
-- Whether that very order waits for a person already.
SELECT times FROM refused_orders WHERE dkey = :dkey AND digest = :digest AND attended_by = '';

-- name: refused
-- store-wide: a person looks through the refused orders of a store, over all its buckets.
SELECT dkey, digest, source, code, fields, body, times, first_at, last_at, attended_by
FROM refused_orders
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND attended_by = ''
ORDER BY last_at DESC, digest LIMIT :limit;

-- name: refused_by_digest
-- One refused order, also after a person has looked after it.
SELECT dkey, digest, source, code, fields, body, times, first_at, last_at, attended_by
FROM refused_orders WHERE dkey = :dkey AND digest = :digest;

-- name: count_refused
-- store-wide: how many refused orders of a store wait for a person, which has a limit.
SELECT count(*) FROM refused_orders
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND attended_by = '';

-- name: attend_refused
-- A person has looked after a refused order.
UPDATE refused_orders SET attended_by = :by
WHERE dkey = :dkey AND digest = :digest AND attended_by = '';

-- name: credential
-- The pair under which a store's order webhooks come.
SELECT store_id, username, digest, created_at FROM order_credentials
WHERE store_id = coalesce(:store_id, (SELECT store_id FROM stores WHERE uuid = :store_uuid));

-- name: put_credential
-- A new pair takes the place of the former.
INSERT INTO order_credentials (store_id, username, digest, created_at)
VALUES (:store_id, :username, :digest, :created_at)
ON CONFLICT (store_id) DO UPDATE
SET username = excluded.username, digest = excluded.digest, created_at = excluded.created_at;

-- name: revoke_credential
-- A store takes no more order webhooks.
DELETE FROM order_credentials WHERE store_id = :store_id;

-- name: of_customer
-- A customer's orders, the latest told of first.
SELECT dkey, customer_id, order_key, program_revision, rule_id, rule_revision, hold, redeemed,
       discount, troubles, attended_by, created_at, changed_at
FROM orders WHERE dkey = :dkey AND customer_id = :customer_id
ORDER BY created_at DESC, order_key DESC LIMIT :limit OFFSET :offset;

-- name: of_store
-- store-wide: a page of all orders, the latest told of first.
-- Found by the index alone, so that the rows before the page are not read.
SELECT o.dkey, o.customer_id, o.order_key, o.program_revision, o.rule_id, o.rule_revision, o.hold,
       o.redeemed, o.discount, o.troubles, o.attended_by, o.created_at, o.changed_at
FROM (
    SELECT dkey, customer_id, order_key FROM orders WHERE dkey / 64 = :store_id
    ORDER BY created_at DESC, order_key DESC, customer_id DESC LIMIT :limit OFFSET :offset
) AS page
JOIN orders AS o ON o.dkey = page.dkey AND o.customer_id = page.customer_id
    AND o.order_key = page.order_key
ORDER BY o.created_at DESC, o.order_key DESC, o.customer_id DESC;

-- name: count_of_customer
-- How many orders a customer has.
SELECT count(*) FROM orders WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: count_of_store
-- store-wide: how many orders there are.
SELECT count(*) FROM orders WHERE dkey / 64 = :store_id;

-- name: events_of_customer
-- What was told of each of a customer's orders, of those that were told of last.
SELECT order_key, facts FROM order_events
WHERE dkey = :dkey AND customer_id = :customer_id AND order_key IN (
    SELECT order_key FROM orders WHERE dkey = :dkey AND customer_id = :customer_id
    ORDER BY created_at DESC, order_key DESC LIMIT :limit
);

-- name: refused_bodies
-- store-wide: what came as orders and was refused, to find whom it is about.
SELECT dkey, digest, source, first_at, last_at, body FROM refused_orders
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND body <> x'' ORDER BY dkey, digest;

-- name: refused_digests
-- store-wide: which refused orders have a body, without reading it.
SELECT dkey, digest FROM refused_orders
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND length(body) > 0;

-- name: refused_body
-- What one refused order came as.
SELECT body FROM refused_orders WHERE dkey = :dkey AND digest = :digest;

-- name: blank_refused
-- What a refused order said of a person is taken away; nobody can look after it any more.
UPDATE refused_orders
SET body = x'', fields = '{}',
    attended_by = CASE attended_by WHEN '' THEN :by ELSE attended_by END
WHERE dkey = :dkey AND digest = :digest;

-- name: every_of_customer
-- All of a customer's orders, the first first.
SELECT dkey, customer_id, order_key, program_revision, rule_id, rule_revision, hold, redeemed,
       discount, troubles, attended_by, created_at, changed_at
FROM orders WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY created_at, order_key;
