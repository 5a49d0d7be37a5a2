-- name: current
-- A store's info page, as it is now.
SELECT store_id, revision, title_ar, title_en, content_ar, content_en, changed_at, changed_by
FROM info_pages WHERE store_id = :store_id ORDER BY revision DESC LIMIT 1;

-- name: add_revision
-- An info page is another from now on.
INSERT INTO info_pages (store_id, revision, title_ar, title_en, content_ar, content_en, changed_at,
    changed_by)
VALUES (:store_id, :revision, :title_ar, :title_en, :content_ar, :content_en, :changed_at,
    :changed_by);
