-- Images are kept once, by their hash.
CREATE TABLE image (
    sha256   TEXT PRIMARY KEY CHECK (length(sha256) = 64),
    bytes    BLOB NOT NULL,
    added_ms INTEGER NOT NULL
) STRICT;

-- What is to run where. `version` is what holds; 0: nothing yet.
CREATE TABLE fleet_set (
    name    TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) STRICT;

-- Everything that a set was to be; `spec` is JSON.
CREATE TABLE fleet_version (
    set_name TEXT NOT NULL REFERENCES fleet_set (name),
    number   INTEGER NOT NULL CHECK (number > 0),
    spec     TEXT NOT NULL,
    who      TEXT NOT NULL,
    added_ms INTEGER NOT NULL,
    PRIMARY KEY (set_name, number)
) STRICT;

-- The way from one version of a set to another.
CREATE TABLE rollout (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    set_name TEXT NOT NULL REFERENCES fleet_set (name),
    number   INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'aborted', 'done')),
    stage    INTEGER NOT NULL,
    stages   INTEGER NOT NULL,
    why      TEXT NOT NULL DEFAULT '',
    begun_ms INTEGER NOT NULL,
    ended_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX one_rollout ON rollout (set_name) WHERE state IN ('running', 'paused');

CREATE TABLE rollout_device (
    rollout INTEGER NOT NULL REFERENCES rollout (id),
    device  TEXT NOT NULL,
    stage   INTEGER NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('waiting', 'updated', 'good', 'failed', 'back')),
    why     TEXT NOT NULL DEFAULT '',
    at_ms   INTEGER NOT NULL,
    PRIMARY KEY (rollout, device)
) STRICT;

-- Which containers of a device are a set's: these it removes when they are no more a part of it.
CREATE TABLE placed (
    device    TEXT NOT NULL,
    container TEXT NOT NULL,
    set_name  TEXT NOT NULL,
    PRIMARY KEY (device, container)
) STRICT;

-- What ran where and since when.
CREATE TABLE history (
    number    INTEGER PRIMARY KEY,
    time_ms   INTEGER NOT NULL,
    device    TEXT NOT NULL,
    container TEXT NOT NULL,
    sha256    TEXT NOT NULL,
    what      TEXT NOT NULL,
    set_name  TEXT NOT NULL,
    version   INTEGER NOT NULL
) STRICT;
CREATE INDEX history_of_device ON history (device, number);
