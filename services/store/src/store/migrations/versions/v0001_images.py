"""Images, the kept frames that show them, and announcements under way."""

from alembic import op

revision = "store_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in (IMAGES, KEPT_FRAMES, "CREATE INDEX kept_frames_image ON kept_frames (image_id)", FRAME_INDEX):
        op.execute(statement)
    op.execute(ANNOUNCEMENTS)


IMAGES = """
CREATE TABLE images (
    image_id text PRIMARY KEY,
    bucket text NOT NULL,
    key text NOT NULL,
    size_bytes bigint NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    content_type text NOT NULL,
    block text NOT NULL,
    signature bytea,
    signature_version integer NOT NULL,
    stored_at timestamptz NOT NULL
)"""

KEPT_FRAMES = """
CREATE TABLE kept_frames (
    source_topic text NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    image_id text NOT NULL REFERENCES images,
    camera_id text NOT NULL,
    frame_id text NOT NULL,
    captured_at timestamptz NOT NULL,
    event_time timestamptz NOT NULL,
    reason text NOT NULL,
    flags text[] NOT NULL,
    block text NOT NULL,
    policy_version bigint NOT NULL,
    selected_partition integer NOT NULL,
    selected_offset bigint NOT NULL,
    PRIMARY KEY (source_topic, source_partition, source_offset)
)"""

FRAME_INDEX = "CREATE INDEX kept_frames_frame ON kept_frames (frame_id)"

# One row while a process announces an image: it goes when the announced list was the newest. What a process leaves
# behind when it is killed halfway is announced again by another.
ANNOUNCEMENTS = """
CREATE TABLE image_announcements (
    image_id text NOT NULL REFERENCES images ON DELETE CASCADE,
    announcer uuid NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (image_id, announcer)
)"""
