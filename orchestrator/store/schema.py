"""The tables of study.db, and how those of an earlier version become these."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from orchestrator.errors import StudyError

SCHEMA_VERSION = 3

TABLES = """
CREATE TABLE study (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    study_id TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL,
    frozen TEXT NOT NULL,
    frozen_hash TEXT NOT NULL,
    constants TEXT NOT NULL DEFAULT '{}',  -- measured once before the first ask: predictor, data set, provenance
    wall_time_s REAL NOT NULL DEFAULT 0,   -- over all sessions
    owner_epoch INTEGER NOT NULL DEFAULT 0,
    owner TEXT                             -- NULL while no driver holds the study
) STRICT;

CREATE TABLE ask (                         -- every suggestion, accepted or refused
    number INTEGER PRIMARY KEY,
    family TEXT NOT NULL,
    point TEXT NOT NULL,                   -- the axes' values
    refusal TEXT,                          -- NULL where it became a trial
    violations TEXT NOT NULL,              -- by constraint, above 0 where it is broken
    reason TEXT NOT NULL,                  -- figures that led to the suggestion
    attributes TEXT NOT NULL               -- what Optuna keeps of it
) STRICT;

CREATE TABLE trial (
    number INTEGER PRIMARY KEY,
    ask INTEGER NOT NULL UNIQUE REFERENCES ask (number),
    family TEXT NOT NULL,
    architecture TEXT NOT NULL,
    architecture_id TEXT NOT NULL UNIQUE,
    num_parameters INTEGER NOT NULL,
    macs INTEGER NOT NULL,
    predicted_latency_ms REAL NOT NULL,
    state TEXT NOT NULL,
    cause TEXT,
    message TEXT NOT NULL DEFAULT '',
    accuracy REAL,
    loss REAL,
    wall_time_s REAL NOT NULL DEFAULT 0,
    latency TEXT,
    test_accuracy REAL,
    predicted_accuracy REAL,
    test_score TEXT,
    seeds TEXT,                            -- trained again from other first weights
    retrained TEXT,                        -- on training and validation images together
    file_bytes INTEGER,
    peak_memory_bytes INTEGER,
    predicted_throughput_per_s REAL,       -- NULL where throughput is not asked for
    throughput TEXT
) STRICT;

CREATE TABLE attempt (
    trial INTEGER NOT NULL REFERENCES trial (number),
    number INTEGER NOT NULL,
    token TEXT NOT NULL UNIQUE,
    owner_epoch INTEGER NOT NULL,
    ended TEXT,                            -- NULL while it runs; else how it ended
    PRIMARY KEY (trial, number)
) STRICT;

CREATE TABLE report (
    trial INTEGER NOT NULL REFERENCES trial (number),
    epoch INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    accuracy REAL NOT NULL,
    loss REAL NOT NULL,
    train_loss REAL NOT NULL,
    wall_time_s REAL NOT NULL,
    top5_accuracy REAL,
    num_images INTEGER,                    -- trained on in the seconds that follow
    data_s REAL,
    step_s REAL,
    validation_s REAL,
    checkpoint_s REAL,
    PRIMARY KEY (trial, epoch)
) STRICT;

CREATE TABLE event (                       -- append-only: what was decided, and the last event it was decided on
    seq INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    owner_epoch INTEGER NOT NULL,
    kind TEXT NOT NULL,
    trial INTEGER,
    detail TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (                      -- what tracking has not acknowledged yet
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL
) STRICT;
"""

_UPGRADES = {
    1: (
        "ALTER TABLE trial ADD COLUMN test_score TEXT",
        "ALTER TABLE report ADD COLUMN top5_accuracy REAL",
        "ALTER TABLE report ADD COLUMN num_images INTEGER",
        "ALTER TABLE report ADD COLUMN data_s REAL",
        "ALTER TABLE report ADD COLUMN step_s REAL",
        "ALTER TABLE report ADD COLUMN validation_s REAL",
        "ALTER TABLE report ADD COLUMN checkpoint_s REAL",
    ),
    2: (
        "ALTER TABLE trial ADD COLUMN seeds TEXT",
        "ALTER TABLE trial ADD COLUMN retrained TEXT",
        "ALTER TABLE trial ADD COLUMN file_bytes INTEGER",
        "ALTER TABLE trial ADD COLUMN peak_memory_bytes INTEGER",
        "ALTER TABLE trial ADD COLUMN predicted_throughput_per_s REAL",
        "ALTER TABLE trial ADD COLUMN throughput TEXT",
    ),
}
"""By the version that they start from. Columns are only added, and may be absent where a study is read."""


def check_schema(root: Path, version: int) -> None:
    """Refuses what a newer version wrote, before anything of it is read."""
    if version > SCHEMA_VERSION:
        raise StudyError(
            f"{root}: written by a newer archfront (schema {version}, this one reads {SCHEMA_VERSION})",
            hint="upgrade archfront",
        )


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Brings the tables of a study that is taken to this version; within the transaction of the caller."""
    for earlier in range(version, SCHEMA_VERSION):
        for statement in _UPGRADES[earlier]:
            connection.execute(statement)
    connection.execute("UPDATE study SET schema_version = ?", (SCHEMA_VERSION,))
