-- name: current
-- The revision in force of each of a store's redemption methods that is not deleted.
SELECT store_id, method_id, revision, external_id, rule_type, points_to_redeem, discount, currency,
       minimum_basket, maximum_discount, is_active, is_deleted, created_at, changed_at, changed_by
FROM redemption_methods m
WHERE store_id = :store_id AND is_deleted = 0 AND revision = (
    SELECT max(revision) FROM redemption_methods
    WHERE store_id = m.store_id AND method_id = m.method_id)
ORDER BY points_to_redeem, created_at, method_id;

-- name: by_id
-- The revision in force of one redemption method, deleted or not.
SELECT store_id, method_id, revision, external_id, rule_type, points_to_redeem, discount, currency,
       minimum_basket, maximum_discount, is_active, is_deleted, created_at, changed_at, changed_by
FROM redemption_methods WHERE store_id = :store_id AND method_id = :method_id
ORDER BY revision DESC LIMIT 1;

-- name: add_revision
-- A new redemption method, or a new revision of one.
INSERT INTO redemption_methods (store_id, method_id, revision, external_id, rule_type,
    points_to_redeem, discount, currency, minimum_basket, maximum_discount, is_active, is_deleted,
    created_at, changed_at, changed_by)
VALUES (:store_id, :method_id, :revision, :external_id, :rule_type, :points_to_redeem, :discount,
    :currency, :minimum_basket, :maximum_discount, :is_active, :is_deleted, :created_at, :changed_at,
    :changed_by);
