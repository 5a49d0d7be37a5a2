-- Evidence of tampering: which rows of the books are sealed, the chain of seals of each shard, and
-- the signed heads of each store. And when a person was erased, 0 for never.

ALTER TABLE accounts ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN is_sealed INTEGER NOT NULL DEFAULT 0 CHECK (is_sealed IN (0, 1));
ALTER TABLE lots ADD COLUMN is_sealed INTEGER NOT NULL DEFAULT 0 CHECK (is_sealed IN (0, 1));
ALTER TABLE holds ADD COLUMN is_sealed INTEGER NOT NULL DEFAULT 0 CHECK (is_sealed IN (0, 1));

CREATE INDEX accounts_unsealed ON accounts (dkey, customer_id) WHERE is_sealed = 0;

CREATE TABLE seals (
    dkey INTEGER NOT NULL,
    number INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    version_from INTEGER NOT NULL,
    version_until INTEGER NOT NULL,
    lines BLOB NOT NULL,
    dates BLOB NOT NULL,
    sealed_at INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (dkey, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    number INTEGER NOT NULL,
    root BLOB NOT NULL,
    lines INTEGER NOT NULL,
    sealed_at INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (store_id, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE customers ADD COLUMN erased_at INTEGER NOT NULL DEFAULT 0;
