-- The whole contract: paces of a partner's own, answers kept for calls that are repeated, and the
-- texts of a store's info page.

ALTER TABLE installations ADD COLUMN rate_limit INTEGER NOT NULL DEFAULT -1
    CHECK (rate_limit >= -1);
ALTER TABLE installations ADD COLUMN rate_limit_shopper INTEGER NOT NULL DEFAULT -1
    CHECK (rate_limit_shopper >= -1);

CREATE TABLE replies (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    origin TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    status INTEGER NOT NULL,
    language TEXT NOT NULL,
    body BLOB NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id, origin, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX replies_old ON replies (recorded_at);

CREATE TABLE info_pages (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    revision INTEGER NOT NULL,
    title_ar TEXT,
    title_en TEXT,
    content_ar TEXT,
    content_en TEXT,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (store_id, revision)
) STRICT, WITHOUT ROWID;
