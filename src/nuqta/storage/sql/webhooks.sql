-- name: add
-- A new webhook of a store.
INSERT INTO webhooks (store_id, webhook_id, url, secret, kinds, created_at, created_by, paused_at,
    pause_reason)
VALUES (:store_id, :webhook_id, :url, :secret, :kinds, :created_at, :created_by, :paused_at,
    :pause_reason);

-- name: of_store
-- A store's webhooks, the oldest first.
SELECT store_id, webhook_id, url, secret, kinds, created_at, created_by, paused_at, pause_reason
FROM webhooks WHERE store_id = :store_id ORDER BY created_at, webhook_id;

-- name: by_id
-- One webhook of a store.
SELECT store_id, webhook_id, url, secret, kinds, created_at, created_by, paused_at, pause_reason
FROM webhooks WHERE store_id = :store_id AND webhook_id = :webhook_id;

-- name: remove
-- A webhook is gone.
DELETE FROM webhooks WHERE store_id = :store_id AND webhook_id = :webhook_id;

-- name: pause
-- A webhook is paused; of one that is paused already the first reason stays.
UPDATE webhooks SET paused_at = :paused_at, pause_reason = :pause_reason
WHERE store_id = :store_id AND webhook_id = :webhook_id AND paused_at = 0;

-- name: resume
-- A webhook goes on.
UPDATE webhooks SET paused_at = 0, pause_reason = ''
WHERE store_id = :store_id AND webhook_id = :webhook_id;

-- name: forget_deliveries
-- store-wide: how far a webhook was told, in each of its store's buckets, goes with it.
DELETE FROM deliveries
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND webhook_id = :webhook_id;

-- name: forget_failures
-- store-wide: a webhook that was resumed is tried at once, in each of its store's buckets.
UPDATE deliveries SET tries = 0, failing_since = 0, next_try_at = 0
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND webhook_id = :webhook_id;

-- name: failing
-- store-wide: since when each of a store's webhooks fails, over its buckets, and what it said.
SELECT webhook_id, min(failing_since), max(last_error) FROM deliveries
WHERE dkey >= :dkey_from AND dkey < :dkey_until AND failing_since > 0 GROUP BY webhook_id;

-- name: reached
-- How far a webhook was told in a bucket.
SELECT position FROM deliveries WHERE dkey = :dkey AND webhook_id = :webhook_id;

-- name: reach
-- A webhook was told up to a position, or failed there; nothing where it stands elsewhere by now.
INSERT INTO deliveries (dkey, webhook_id, position, tries, failing_since, next_try_at, last_error)
VALUES (:dkey, :webhook_id, :position, :tries, :failing_since, :next_try_at, :last_error)
ON CONFLICT (dkey, webhook_id) DO UPDATE
SET position = excluded.position, tries = excluded.tries, failing_since = excluded.failing_since,
    next_try_at = excluded.next_try_at, last_error = excluded.last_error
WHERE deliveries.position = :position_before;

-- name: due
-- store-wide: the worker looks for buckets, of any store, with events that a webhook lacks. A next
-- try that lies beyond the longest pause was set by a clock that has been set back since.
SELECT w.store_id, w.webhook_id, w.url, w.secret, w.kinds, p.dkey, coalesce(d.position, 0),
       coalesce(d.tries, 0), coalesce(d.failing_since, 0)
FROM webhooks w
JOIN event_positions p
  ON p.dkey >= w.store_id * :buckets AND p.dkey < (w.store_id + 1) * :buckets
LEFT JOIN deliveries d ON d.dkey = p.dkey AND d.webhook_id = w.webhook_id
WHERE w.paused_at = 0 AND p.position > coalesce(d.position, 0)
  AND (coalesce(d.next_try_at, 0) <= :now OR d.next_try_at > :latest)
ORDER BY coalesce(d.next_try_at, 0), p.dkey, w.webhook_id LIMIT :limit;

-- name: behind
-- store-wide: how many events webhooks that are not paused lack, over all of them, for whoever
-- watches.
SELECT coalesce(sum(p.position - coalesce(d.position, 0)), 0)
FROM webhooks w
JOIN event_positions p
  ON p.dkey >= w.store_id * :buckets AND p.dkey < (w.store_id + 1) * :buckets
LEFT JOIN deliveries d ON d.dkey = p.dkey AND d.webhook_id = w.webhook_id
WHERE w.paused_at = 0 AND p.position > coalesce(d.position, 0);

-- name: count_paused
-- How many webhooks are paused.
SELECT count(*) FROM webhooks WHERE paused_at > 0;
