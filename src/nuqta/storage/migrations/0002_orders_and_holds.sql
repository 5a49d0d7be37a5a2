-- The whole life of a point: orders and their events, holds in carts, redemption methods, and what
-- is told to others. Rows that an older program wrote keep their checksums: a column that is new is
-- covered only where it says something.

ALTER TABLE accounts ADD COLUMN events INTEGER NOT NULL DEFAULT 0;

ALTER TABLE lots ADD COLUMN expired INTEGER NOT NULL DEFAULT 0 CHECK (expired >= 0);
ALTER TABLE lots ADD COLUMN revives INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lots ADD COLUMN is_told INTEGER NOT NULL DEFAULT 0 CHECK (is_told IN (0, 1));

CREATE INDEX lots_untold ON lots (expires_at)
WHERE left_over > 0 AND is_told = 0 AND expires_at < 9223372036854775807;

ALTER TABLE transfers ADD COLUMN order_key TEXT NOT NULL DEFAULT '';

CREATE INDEX transfers_of_order ON transfers (dkey, customer_id, order_key, version)
WHERE order_key <> '';

ALTER TABLE programs ADD COLUMN earn_at TEXT NOT NULL DEFAULT 'new'
    CHECK (earn_at IN ('new', 'preparing', 'ready', 'in_delivery', 'delivered'));
ALTER TABLE programs ADD COLUMN with_shipping INTEGER NOT NULL DEFAULT 0
    CHECK (with_shipping IN (0, 1));
ALTER TABLE programs ADD COLUMN without_tax INTEGER NOT NULL DEFAULT 0
    CHECK (without_tax IN (0, 1));
ALTER TABLE programs ADD COLUMN hold_minutes INTEGER NOT NULL DEFAULT 30
    CHECK (hold_minutes BETWEEN 1 AND 10080);
ALTER TABLE programs ADD COLUMN grace_days INTEGER NOT NULL DEFAULT 30
    CHECK (grace_days BETWEEN 0 AND 365);

ALTER TABLE cashback_rules ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE cashback_rules ADD COLUMN level TEXT NOT NULL DEFAULT '';
ALTER TABLE cashback_rules ADD COLUMN level_name TEXT NOT NULL DEFAULT '';

ALTER TABLE customers ADD COLUMN tags TEXT NOT NULL DEFAULT '';
ALTER TABLE customers ADD COLUMN level TEXT NOT NULL DEFAULT '';

CREATE TABLE redemption_methods (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    method_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    external_id TEXT NOT NULL,
    rule_type TEXT NOT NULL
        CHECK (rule_type IN ('fixed_rate_settings', 'percentage_discount_settings')),
    points_to_redeem INTEGER NOT NULL CHECK (points_to_redeem >= 1),
    discount INTEGER NOT NULL CHECK (discount >= 1),
    currency TEXT NOT NULL,
    minimum_basket INTEGER NOT NULL CHECK (minimum_basket >= 0),
    maximum_discount INTEGER NOT NULL CHECK (maximum_discount >= 0),
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    is_deleted INTEGER NOT NULL CHECK (is_deleted IN (0, 1)),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (store_id, method_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    hold INTEGER NOT NULL,
    cart TEXT NOT NULL,
    method_id TEXT NOT NULL,
    points INTEGER NOT NULL CHECK (points >= 1),
    discount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    reserved_at INTEGER NOT NULL,
    lapses_at INTEGER NOT NULL,
    ending TEXT NOT NULL CHECK (ending IN ('', 'captured', 'released', 'replaced', 'lapsed')),
    captured INTEGER NOT NULL,
    released INTEGER NOT NULL,
    order_key TEXT NOT NULL,
    taken TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id, hold),
    CHECK (captured + released = CASE ending WHEN '' THEN 0 ELSE points END)
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_live ON holds (dkey, customer_id, hold) WHERE ending = '';
CREATE INDEX holds_of_cart ON holds (dkey, customer_id, cart, hold);

CREATE TABLE orders (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    order_key TEXT NOT NULL,
    program_revision INTEGER NOT NULL,
    rule_id TEXT NOT NULL,
    rule_revision INTEGER NOT NULL,
    hold INTEGER NOT NULL,
    redeemed INTEGER NOT NULL,
    discount INTEGER NOT NULL,
    troubles TEXT NOT NULL,
    attended_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id, order_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_in_need ON orders (dkey, changed_at) WHERE troubles <> '' AND attended_by = '';

CREATE TABLE order_events (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    order_key TEXT NOT NULL,
    digest BLOB NOT NULL,
    facts TEXT NOT NULL,
    origin TEXT NOT NULL,
    version INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (dkey, customer_id, order_key, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused_orders (
    dkey INTEGER NOT NULL,
    digest BLOB NOT NULL,
    source TEXT NOT NULL,
    code TEXT NOT NULL,
    fields TEXT NOT NULL,
    body BLOB NOT NULL,
    times INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    attended_by TEXT NOT NULL,
    PRIMARY KEY (dkey, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX refused_orders_waiting ON refused_orders (dkey, last_at) WHERE attended_by = '';

CREATE TABLE order_credentials (
    store_id INTEGER PRIMARY KEY NOT NULL REFERENCES stores (store_id),
    username TEXT NOT NULL,
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    dkey INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    points INTEGER NOT NULL,
    version INTEGER NOT NULL,
    pending INTEGER NOT NULL,
    available INTEGER NOT NULL,
    held INTEGER NOT NULL,
    owed INTEGER NOT NULL,
    used INTEGER NOT NULL,
    lot INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    origin TEXT NOT NULL,
    key TEXT NOT NULL,
    order_key TEXT NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (dkey, customer_id, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_unplaced ON events (dkey, recorded_at, customer_id, number) WHERE position = 0;
CREATE UNIQUE INDEX events_placed ON events (dkey, position) WHERE position > 0;

CREATE TABLE event_positions (
    dkey INTEGER PRIMARY KEY NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE webhooks (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    webhook_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    kinds TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    paused_at INTEGER NOT NULL,
    pause_reason TEXT NOT NULL,
    PRIMARY KEY (store_id, webhook_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
    dkey INTEGER NOT NULL,
    webhook_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    PRIMARY KEY (dkey, webhook_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL,
    holder TEXT NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
