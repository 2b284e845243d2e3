"""How many listings an import has changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count what an import changed; earlier ones changed nothing."""
    with op.batch_alter_table("listing_import") as batch_op:
        batch_op.add_column(sa.Column("updated_count", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("listing_import") as batch_op:
        batch_op.alter_column("updated_count", server_default=None)


def downgrade() -> None:
    """Undo it."""
    with op.batch_alter_table("listing_import") as batch_op:
        batch_op.drop_column("updated_count")
