"""What is wrong with a camera's frames lately."""

from alembic import op

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        ALTER TABLE camera_status
            ADD COLUMN recent jsonb NOT NULL DEFAULT '{}',
            ADD COLUMN last_problem text NOT NULL DEFAULT ''
    """)
