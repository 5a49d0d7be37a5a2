-- People who look after a store, how they sign in, and the applications that they let in by OAuth.
-- Of passwords there is an Argon2id hash, of everything else that is secret a keyed digest.

CREATE TABLE staff (
    staff_id INTEGER PRIMARY KEY NOT NULL,
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    email TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;

CREATE INDEX staff_of ON staff (store_id);

CREATE TABLE staff_sessions (
    digest BLOB PRIMARY KEY NOT NULL,
    staff_id INTEGER NOT NULL REFERENCES staff (staff_id),
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX staff_sessions_of ON staff_sessions (staff_id);

CREATE TABLE sign_in_tries (
    whose BLOB PRIMARY KEY NOT NULL,
    tries INTEGER NOT NULL CHECK (tries > 0),
    began_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE oauth_clients (
    partner_id INTEGER PRIMARY KEY NOT NULL REFERENCES partners (partner_id),
    secret BLOB NOT NULL,
    scopes TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE oauth_redirects (
    partner_id INTEGER NOT NULL REFERENCES oauth_clients (partner_id),
    uri TEXT NOT NULL,
    PRIMARY KEY (partner_id, uri)
) STRICT, WITHOUT ROWID;

CREATE TABLE oauth_codes (
    digest BLOB PRIMARY KEY NOT NULL,
    partner_id INTEGER NOT NULL REFERENCES oauth_clients (partner_id),
    store_id INTEGER NOT NULL REFERENCES stores (store_id),
    staff_id INTEGER NOT NULL REFERENCES staff (staff_id),
    redirect_uri TEXT NOT NULL,
    scopes TEXT NOT NULL,
    challenge TEXT,
    challenge_method TEXT CHECK (challenge_method IN ('S256', 'plain')),
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    used_at INTEGER,
    CHECK ((challenge IS NULL) = (challenge_method IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_codes_of ON oauth_codes (store_id, partner_id);

CREATE TABLE oauth_refresh_tokens (
    digest BLOB PRIMARY KEY NOT NULL,
    partner_id INTEGER NOT NULL,
    store_id INTEGER NOT NULL,
    grant_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    used_at INTEGER,
    FOREIGN KEY (store_id, partner_id) REFERENCES installations (store_id, partner_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX oauth_refresh_tokens_of ON oauth_refresh_tokens (store_id, partner_id);

ALTER TABLE partner_tokens ADD COLUMN grant_id INTEGER;
