-- name: take
-- A lease is taken or renewed; nothing where another holds it. One that ends later than any can was
-- written by a clock that has been set back since.
INSERT INTO leases (name, holder, ends_at) VALUES (:name, :holder, :ends_at)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, ends_at = excluded.ends_at
WHERE leases.holder = excluded.holder OR leases.ends_at <= :now OR leases.ends_at > :ends_at;

-- name: give_back
-- A lease is given back by its holder.
DELETE FROM leases WHERE name = :name AND holder = :holder;
