-- The first schema: stores and their programs, who may call, customers, and the books.
-- Tables that grow with customers open their key with dkey (store * 64 + bucket), so that all rows
-- of a customer lie together, here and on a cluster. Instants are UTC microseconds; the largest
-- integer stands for "never". crc guards the numbers of a row against bits that flip.

CREATE TABLE meta (
    name TEXT PRIMARY KEY NOT NULL,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stores (
    store_id INTEGER PRIMARY KEY NOT NULL,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    timezone TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE store_domains (
    domain TEXT PRIMARY KEY NOT NULL,
    store_id INTEGER NOT NULL REFERENCES stores (store_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE programs (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    revision INTEGER NOT NULL,
    is_on INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    maturity_days INTEGER NOT NULL CHECK (maturity_days >= 0),
    maturity_from TEXT NOT NULL CHECK (maturity_from IN ('placed', 'delivered')),
    expiry_days INTEGER NOT NULL CHECK (expiry_days >= 0),
    owed TEXT NOT NULL CHECK (owed IN ('owe', 'forgive')),
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (store_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE cashback_rules (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    rule_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('online', 'pos')),
    external_id TEXT NOT NULL,
    points_rewarded INTEGER NOT NULL CHECK (points_rewarded >= 1),
    amount_to_spend INTEGER NOT NULL CHECK (amount_to_spend >= 1),
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (store_id, rule_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE partners (
    partner_id INTEGER PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE installations (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    partner_id INTEGER NOT NULL REFERENCES partners (partner_id),
    scopes TEXT NOT NULL,
    installed_at INTEGER NOT NULL,
    PRIMARY KEY (store_id, partner_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE partner_tokens (
    digest BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('authorization', 'manager')),
    partner_id INTEGER NOT NULL,
    store_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    FOREIGN KEY (store_id, partner_id) REFERENCES installations (store_id, partner_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX partner_tokens_of ON partner_tokens (store_id, partner_id);

CREATE TABLE customers (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    mobile TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE directory (
    dkey INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('order', 'email', 'mobile')),
    text TEXT NOT NULL,
    customer_id INTEGER NOT NULL,
    PRIMARY KEY (dkey, kind, text)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    dkey INTEGER NOT NULL,
    digest BLOB NOT NULL,
    customer_id INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    ends_at_latest INTEGER NOT NULL,
    PRIMARY KEY (dkey, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_of ON sessions (dkey, customer_id, created_at);

CREATE TABLE codes (
    dkey INTEGER NOT NULL,
    address BLOB NOT NULL,
    code BLOB NOT NULL,
    customer_id INTEGER NOT NULL,
    tries_left INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    hour_began_at INTEGER NOT NULL,
    sent_in_hour INTEGER NOT NULL,
    PRIMARY KEY (dkey, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    next_change_at INTEGER NOT NULL,
    lots INTEGER NOT NULL,
    pending INTEGER NOT NULL CHECK (pending >= 0),
    available INTEGER NOT NULL CHECK (available >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    owed INTEGER NOT NULL CHECK (owed >= 0),
    issued INTEGER NOT NULL,
    redeemed INTEGER NOT NULL,
    expired INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    adjusted_in INTEGER NOT NULL,
    adjusted_out INTEGER NOT NULL,
    forgiven INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX accounts_due ON accounts (next_change_at) WHERE next_change_at < 9223372036854775807;

CREATE TABLE lots (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    lot INTEGER NOT NULL,
    granted INTEGER NOT NULL CHECK (granted >= 1),
    left_over INTEGER NOT NULL,
    held INTEGER NOT NULL,
    is_pending INTEGER NOT NULL CHECK (is_pending IN (0, 1)),
    granted_at INTEGER NOT NULL,
    matures_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    order_key TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    rule_revision INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id, lot),
    CHECK (0 <= held AND held <= left_over AND left_over <= granted)
) STRICT, WITHOUT ROWID;

CREATE INDEX lots_open ON lots (dkey, customer_id, expires_at, granted_at, lot) WHERE left_over > 0;

CREATE TABLE transfers (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    move TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    points INTEGER NOT NULL CHECK (points >= 1),
    lot INTEGER NOT NULL,
    hold INTEGER NOT NULL,
    undoes INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (dkey, customer_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    origin TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,
    refusal TEXT NOT NULL,
    version INTEGER NOT NULL,
    booked INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id, origin, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (dkey, customer_id, version)
) STRICT, WITHOUT ROWID;
