-- name: add
-- A new customer; nothing where the id is known.
INSERT INTO customers (dkey, customer_id, name, email, mobile, created_at, tags, level, erased_at)
VALUES (:dkey, :customer_id, :name, :email, :mobile, :created_at, :tags, :level, :erased_at)
ON CONFLICT (dkey, customer_id) DO NOTHING;

-- name: complete
-- What was missing of a customer is filled in.
UPDATE customers SET name = :name, email = :email, mobile = :mobile, tags = :tags, level = :level
WHERE dkey = :dkey AND customer_id = :customer_id AND created_at = :created_at;

-- name: by_id
-- One customer.
SELECT dkey, customer_id, name, email, mobile, created_at, tags, level, erased_at
FROM customers WHERE dkey = :dkey AND customer_id = :customer_id;

-- name: claim
-- An order number, e-mail address or mobile number becomes one customer's; the first claim decides.
INSERT INTO directory (dkey, kind, text, customer_id)
VALUES (:dkey, :kind, :text, :customer_id)
ON CONFLICT (dkey, kind, text) DO NOTHING;

-- name: unclaim
-- A claim is given back, by the customer who holds it.
DELETE FROM directory
WHERE dkey = :dkey AND kind = :kind AND text = :text AND customer_id = :customer_id;

-- name: claimed_by
-- Whose the order number, e-mail address or mobile number is.
SELECT customer_id FROM directory WHERE dkey = :dkey AND kind = :kind AND text = :text;

-- name: page
-- store-wide: a page of all customers, the newest first.
-- Found by the index alone, so that the rows before the page are not read.
SELECT c.dkey, c.customer_id, c.name, c.email, c.mobile, c.created_at, c.tags, c.level,
       c.erased_at
FROM (
    SELECT dkey, customer_id FROM customers WHERE dkey / 64 = :store_id
    ORDER BY created_at DESC, customer_id DESC LIMIT :limit OFFSET :offset
) AS page
JOIN customers AS c ON c.dkey = page.dkey AND c.customer_id = page.customer_id
ORDER BY c.created_at DESC, c.customer_id DESC;

-- name: count
-- store-wide: how many customers there are.
SELECT count(*) FROM customers WHERE dkey / 64 = :store_id;

-- name: erase
-- A person is forgotten: the row stays, because the books name it, and says since when.
UPDATE customers SET name = '', email = '', mobile = '', tags = '', level = '', erased_at = :now
WHERE dkey = :dkey AND customer_id = :customer_id;
