-- Devices by name. At most one is the default.
CREATE TABLE device (
    name       TEXT PRIMARY KEY,
    address    TEXT NOT NULL,
    is_default INTEGER NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    added_ms   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_default ON device (is_default) WHERE is_default = 1;

CREATE TABLE device_group (
    device TEXT NOT NULL REFERENCES device (name) ON DELETE CASCADE,
    label  TEXT NOT NULL,
    PRIMARY KEY (device, label)
) STRICT;

-- Of a key's secret only the SHA-256 is kept.
CREATE TABLE access_key (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    role       TEXT NOT NULL CHECK (role IN ('view', 'operate', 'admin')),
    added_ms   INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;

-- What a key is for; a key without rows here is for all devices.
CREATE TABLE access_scope (
    key   TEXT NOT NULL REFERENCES access_key (id) ON DELETE CASCADE,
    kind  TEXT NOT NULL CHECK (kind IN ('device', 'group')),
    value TEXT NOT NULL,
    PRIMARY KEY (key, kind, value)
) STRICT;

-- Append-only; each entry's chain is the SHA-256 over the chain before it and the entry.
CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,
    time_ms  INTEGER NOT NULL,
    who      TEXT NOT NULL,
    peer     TEXT NOT NULL,
    device   TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    ends     INTEGER REFERENCES audit (number),
    chain    BLOB NOT NULL CHECK (length(chain) = 32)
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

-- The three numbers of an upload over WASMICO's API; they are those of one image.
CREATE TABLE wasmico_numbers (
    device    TEXT NOT NULL,
    container TEXT NOT NULL,
    sha256    TEXT NOT NULL,
    stack     INTEGER,
    memory    INTEGER,
    memory_limit INTEGER,
    PRIMARY KEY (device, container)
) STRICT;
