-- All that 1.sql to 3.sql beside this folder make, which say what each table is, in PostgreSQL's words; and who owns what. Numbers that
-- are true or not are 0 and 1 as there, so that statements are the same. Texts are ordered by their bytes.
CREATE TABLE device (
    name       TEXT COLLATE "C" PRIMARY KEY,
    address    TEXT COLLATE "C" NOT NULL,
    is_default BIGINT NOT NULL DEFAULT 0 CHECK (is_default IN (0, 1)),
    added_ms   BIGINT NOT NULL
);
CREATE UNIQUE INDEX one_default ON device (is_default) WHERE is_default = 1;

CREATE TABLE device_group (
    device TEXT COLLATE "C" NOT NULL REFERENCES device (name) ON DELETE CASCADE,
    label  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (device, label)
);

CREATE TABLE access_key (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    hash       BYTEA NOT NULL CHECK (length(hash) = 32),
    role       TEXT COLLATE "C" NOT NULL CHECK (role IN ('view', 'operate', 'admin')),
    added_ms   BIGINT NOT NULL,
    revoked_ms BIGINT
);

CREATE TABLE access_scope (
    key   TEXT COLLATE "C" NOT NULL REFERENCES access_key (id) ON DELETE CASCADE,
    kind  TEXT COLLATE "C" NOT NULL CHECK (kind IN ('device', 'group')),
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (key, kind, value)
);

CREATE TABLE audit (
    number   BIGINT PRIMARY KEY,
    time_ms  BIGINT NOT NULL,
    who      TEXT COLLATE "C" NOT NULL,
    peer     TEXT COLLATE "C" NOT NULL,
    device   TEXT COLLATE "C" NOT NULL,
    action   TEXT COLLATE "C" NOT NULL,
    subject  TEXT COLLATE "C" NOT NULL,
    outcome  TEXT COLLATE "C" NOT NULL,
    ends     BIGINT REFERENCES audit (number),
    chain    BYTEA NOT NULL CHECK (length(chain) = 32)
);
CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();

CREATE TABLE wasmico_numbers (
    device    TEXT COLLATE "C" NOT NULL,
    container TEXT COLLATE "C" NOT NULL,
    sha256    TEXT COLLATE "C" NOT NULL,
    stack     BIGINT,
    memory    BIGINT,
    memory_limit BIGINT,
    PRIMARY KEY (device, container)
);

CREATE TABLE image (
    sha256   TEXT COLLATE "C" PRIMARY KEY CHECK (length(sha256) = 64),
    bytes    BYTEA NOT NULL,
    added_ms BIGINT NOT NULL
);

CREATE TABLE fleet_set (
    name    TEXT COLLATE "C" PRIMARY KEY,
    version BIGINT NOT NULL
);

CREATE TABLE fleet_version (
    set_name TEXT COLLATE "C" NOT NULL REFERENCES fleet_set (name),
    number   BIGINT NOT NULL CHECK (number > 0),
    spec     TEXT COLLATE "C" NOT NULL,
    who      TEXT COLLATE "C" NOT NULL,
    added_ms BIGINT NOT NULL,
    PRIMARY KEY (set_name, number)
);

CREATE TABLE rollout (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    set_name TEXT COLLATE "C" NOT NULL REFERENCES fleet_set (name),
    number   BIGINT NOT NULL,
    previous BIGINT NOT NULL,
    state    TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'aborted', 'done')),
    stage    BIGINT NOT NULL,
    stages   BIGINT NOT NULL,
    why      TEXT COLLATE "C" NOT NULL DEFAULT '',
    begun_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    asked    BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX one_rollout ON rollout (set_name) WHERE state IN ('running', 'paused');

CREATE TABLE rollout_device (
    rollout   BIGINT NOT NULL REFERENCES rollout (id),
    device    TEXT COLLATE "C" NOT NULL,
    stage     BIGINT NOT NULL,
    state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'updated', 'good', 'failed', 'back')),
    why       TEXT COLLATE "C" NOT NULL DEFAULT '',
    at_ms     BIGINT NOT NULL,
    here      BIGINT NOT NULL DEFAULT 1 CHECK (here IN (0, 1)),
    said      BIGINT NOT NULL DEFAULT 0 CHECK (said IN (0, 1)),
    confirmed BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (rollout, device)
);

CREATE TABLE placed (
    device    TEXT COLLATE "C" NOT NULL,
    container TEXT COLLATE "C" NOT NULL,
    set_name  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (device, container)
);

CREATE TABLE history (
    number    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time_ms   BIGINT NOT NULL,
    device    TEXT COLLATE "C" NOT NULL,
    container TEXT COLLATE "C" NOT NULL,
    sha256    TEXT COLLATE "C" NOT NULL,
    what      TEXT COLLATE "C" NOT NULL,
    set_name  TEXT COLLATE "C" NOT NULL,
    version   BIGINT NOT NULL
);
CREATE INDEX history_of_device ON history (device, number);

-- Gateways that live. Each moves its `beat` on, again and again; one whose beat stands for `lease_ms`, by the clock of whoever
-- looks, is taken out by him, and with it all that it owned is free.
CREATE TABLE gateway (
    id       TEXT COLLATE "C" PRIMARY KEY,
    address  TEXT COLLATE "C" NOT NULL,
    beat     BIGINT NOT NULL,
    lease_ms BIGINT NOT NULL
);

-- Who owns a device: whoever is no gateway that lives owns nothing. `epoch` is another one with each owner; what an owner writes of
-- a device is written only while both are so.
CREATE TABLE lease (
    device TEXT COLLATE "C" PRIMARY KEY REFERENCES device (name) ON DELETE CASCADE,
    owner  TEXT COLLATE "C" NOT NULL,
    epoch  BIGINT NOT NULL
);
