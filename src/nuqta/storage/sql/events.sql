-- name: add
-- What is told of a change, written with it; the worker gives it a position afterwards.
INSERT INTO events (dkey, customer_id, number, kind, points, version, pending, available, held, owed,
    used, lot, expires_at, effective_at, recorded_at, origin, key, order_key)
VALUES (:dkey, :customer_id, :number, :kind, :points, :version, :pending, :available, :held, :owed,
    :used, :lot, :expires_at, :effective_at, :recorded_at, :origin, :key, :order_key);
