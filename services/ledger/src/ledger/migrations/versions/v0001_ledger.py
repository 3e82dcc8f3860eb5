"""Positions, inputs, files, gaps and camera status."""

from alembic import op

revision = "ledger_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in (POSITIONS, INPUTS, EXPIRED, FILES, GAPS, CAMERAS):
        op.execute(statement)


# The authority for where the ledger reads on, and the fence: whoever writes holds this row.
POSITIONS = """
CREATE TABLE ledger_positions (
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    next_source_offset bigint,
    PRIMARY KEY (topic, partition)
)"""

# What the selector says of each input partition.
INPUTS = """
CREATE TABLE ledger_inputs (
    partition integer PRIMARY KEY,
    start_offset bigint,
    cursor_offset bigint
)"""

EXPIRED = """
CREATE TABLE ledger_expired (
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    PRIMARY KEY (partition, first_offset)
)"""

FILES = """
CREATE TABLE ledger_files (
    key text PRIMARY KEY,
    partition integer NOT NULL,
    first_verdict_offset bigint NOT NULL,
    last_verdict_offset bigint NOT NULL,
    first_source_offset bigint NOT NULL,
    last_source_offset bigint NOT NULL,
    rows bigint NOT NULL,
    hour timestamptz NOT NULL,
    size_bytes bigint NOT NULL
)"""

GAPS = """
CREATE TABLE ledger_gaps (
    partition integer NOT NULL,
    first_offset bigint NOT NULL,
    last_offset bigint NOT NULL,
    kind text NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (partition, first_offset)
)"""

CAMERAS = """
CREATE TABLE camera_status (
    camera_id text PRIMARY KEY,
    first_broker_time timestamptz NOT NULL,
    last_broker_time timestamptz NOT NULL,
    last_event_time timestamptz NOT NULL,
    last_outcome text NOT NULL,
    last_reason text NOT NULL,
    counts jsonb NOT NULL,
    recent_frames double precision NOT NULL
)"""
