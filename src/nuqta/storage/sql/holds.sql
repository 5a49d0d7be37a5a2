-- name: live
-- The live holds of an account, the oldest first.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc
FROM holds WHERE dkey = :dkey AND customer_id = :customer_id AND ending = '' ORDER BY hold;

-- name: every
-- Every hold that an account ever had, by number.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc
FROM holds WHERE dkey = :dkey AND customer_id = :customer_id ORDER BY hold;

-- name: by_number
-- One hold, live or ended.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc
FROM holds WHERE dkey = :dkey AND customer_id = :customer_id AND hold = :hold;

-- name: applied
-- The hold that a cart had at a version of its account, live or ended since.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc
FROM holds
WHERE dkey = :dkey AND customer_id = :customer_id AND cart = :cart AND hold <= :version
ORDER BY hold DESC LIMIT 1;

-- name: of_cart
-- The holds of a cart that no order has used, the newest first.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc
FROM holds
WHERE dkey = :dkey AND customer_id = :customer_id AND cart = :cart AND order_key = ''
ORDER BY hold DESC;

-- name: of_discount
-- The holds of a customer for a discount that no order has used, the live ones and the newest first;
-- behind them the live ones for a percentage, whose discount only its order knows.
SELECT dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at, lapses_at,
       taken, ending, captured, released, order_key, crc
FROM holds
WHERE dkey = :dkey AND customer_id = :customer_id AND order_key = '' AND reserved_at > :since
  AND (discount = :discount OR discount = 0 AND ending = '' AND lapses_at > :now)
ORDER BY ending <> '', discount = 0, hold DESC;

-- name: put
-- A new hold, or how a known one has ended.
INSERT INTO holds (dkey, customer_id, hold, cart, method_id, points, discount, currency, reserved_at,
    lapses_at, taken, ending, captured, released, order_key, crc)
VALUES (:dkey, :customer_id, :hold, :cart, :method_id, :points, :discount, :currency, :reserved_at,
    :lapses_at, :taken, :ending, :captured, :released, :order_key, :crc)
ON CONFLICT (dkey, customer_id, hold) DO UPDATE
SET ending = excluded.ending, captured = excluded.captured, released = excluded.released,
    order_key = excluded.order_key, crc = excluded.crc, is_sealed = 0;
