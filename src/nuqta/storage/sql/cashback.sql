-- name: current
-- The revision in force of each of a store's cashback rules.
SELECT store_id, rule_id, revision, channel, external_id, points_rewarded, amount_to_spend,
       is_active, created_at, changed_at, changed_by, tags, level, level_name
FROM cashback_rules r
WHERE store_id = :store_id AND revision = (
    SELECT max(revision) FROM cashback_rules
    WHERE store_id = r.store_id AND rule_id = r.rule_id)
ORDER BY created_at, channel DESC, rule_id;

-- name: at_revision
-- A rule as it once was: what was awarded by it is computed by it ever after.
SELECT store_id, rule_id, revision, channel, external_id, points_rewarded, amount_to_spend,
       is_active, created_at, changed_at, changed_by, tags, level, level_name
FROM cashback_rules
WHERE store_id = :store_id AND rule_id = :rule_id AND revision = :revision;

-- name: add_revision
-- A new rule, or a new revision of one.
INSERT INTO cashback_rules (store_id, rule_id, revision, channel, external_id, points_rewarded,
    amount_to_spend, is_active, created_at, changed_at, changed_by, tags, level, level_name)
VALUES (:store_id, :rule_id, :revision, :channel, :external_id, :points_rewarded, :amount_to_spend,
    :is_active, :created_at, :changed_at, :changed_by, :tags, :level, :level_name);
