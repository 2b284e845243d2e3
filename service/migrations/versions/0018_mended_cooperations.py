"""mended cooperations"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep what is mended in a spreadsheet of earlier cooperations."""
    with op.batch_alter_table("cooperation_sheet") as batch_op:
        batch_op.add_column(sa.Column("repairs", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("cooperation_sheet") as batch_op:
        batch_op.drop_column("repairs")
