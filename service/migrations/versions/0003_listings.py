"""Tables of listings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.db import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "listing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "need", "offer", name="listing_side", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "draft",
                "published",
                "fulfilled",
                "withdrawn",
                "expired",
                name="listing_status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("language_chosen", sa.Boolean(), nullable=False),
        sa.Column("themes", sa.JSON(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("goals", sa.JSON(), nullable=False),
        sa.Column("places", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("lines", sa.JSON(), nullable=False),
        sa.Column("strings", sa.JSON(), nullable=False),
        sa.Column("preferences", sa.JSON(), nullable=False),
        sa.Column("starts", sa.Date(), nullable=True),
        sa.Column("ends", sa.Date(), nullable=True),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("expires", sa.Date(), nullable=True),
        sa.Column("beneficiaries", sa.BigInteger(), nullable=True),
        sa.Column("most_projects", sa.BigInteger(), nullable=True),
        sa.Column("budget", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reminded", sa.Date(), nullable=True),
        sa.Column("copied_from", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=140), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_listing_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
    )
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_budget"), ["budget"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_expires"), ["expires"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_organization_id"), ["organization_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_published"), ["published"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_revision"), ["revision"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_side"), ["side"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_uid"), ["uid"], unique=True)

    op.create_table(
        "listing_import",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "mending",
                "queued",
                "done",
                "discarded",
                name="listing_import_status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("tables", sa.JSON(), nullable=False),
        sa.Column("repairs", sa.JSON(), nullable=False),
        sa.Column("publish", sa.Boolean(), nullable=False),
        sa.Column("job", sa.String(length=32), nullable=False),
        sa.Column("created_count", sa.Integer(), nullable=False),
        sa.Column("skipped_count", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.Integer(), nullable=False),
        sa.Column("finished", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name=op.f("fk_listing_import_organization_id_organization"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_listing_import_user_id_user"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_import")),
    )
    with op.batch_alter_table("listing_import", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_listing_import_organization_id"), ["organization_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_listing_import_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_import_uid"), ["uid"], unique=True)

    op.create_table(
        "listing_attachment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("added_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["added_by"], ["user.id"], name=op.f("fk_listing_attachment_added_by_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["listing.id"],
            name=op.f("fk_listing_attachment_listing_id_listing"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_attachment")),
    )
    with op.batch_alter_table("listing_attachment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_attachment_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_attachment_uid"), ["uid"], unique=True)

    op.create_table(
        "listing_inquiry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "answered",
                name="listing_inquiry_status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("answer_language", sa.String(length=8), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=True),
        sa.Column("answered_by", sa.Integer(), nullable=True),
        sa.Column("answered", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["answered_by"],
            ["user.id"],
            name=op.f("fk_listing_inquiry_answered_by_user"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["user.id"], name=op.f("fk_listing_inquiry_asked_by_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["listing.id"],
            name=op.f("fk_listing_inquiry_listing_id_listing"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_inquiry")),
    )
    with op.batch_alter_table("listing_inquiry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_inquiry_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_inquiry_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_inquiry_uid"), ["uid"], unique=True)

    op.create_table(
        "listing_request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("from_organization_id", sa.Integer(), nullable=False),
        sa.Column("to_organization_id", sa.Integer(), nullable=False),
        sa.Column("own_listing_id", sa.Integer(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "accepted",
                "declined",
                "lapsed",
                "withdrawn",
                name="listing_request_status",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("reply_by", sa.Date(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("answered", UtcDateTime(), nullable=True),
        sa.Column("reminded", sa.Boolean(), nullable=False),
        sa.Column("sent_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["from_organization_id"],
            ["organization.id"],
            name=op.f("fk_listing_request_from_organization_id_organization"),
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listing.id"], name=op.f("fk_listing_request_listing_id_listing")
        ),
        sa.ForeignKeyConstraint(
            ["own_listing_id"], ["listing.id"], name=op.f("fk_listing_request_own_listing_id_listing")
        ),
        sa.ForeignKeyConstraint(
            ["sent_by"], ["user.id"], name=op.f("fk_listing_request_sent_by_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["to_organization_id"],
            ["organization.id"],
            name=op.f("fk_listing_request_to_organization_id_organization"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_request")),
    )
    with op.batch_alter_table("listing_request", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_listing_request_from_organization_id"), ["from_organization_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_listing_request_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_request_reply_by"), ["reply_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_request_status"), ["status"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_listing_request_to_organization_id"), ["to_organization_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_listing_request_uid"), ["uid"], unique=True)

    op.create_table(
        "listing_tag",
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("scheme", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listing.id"], name=op.f("fk_listing_tag_listing_id_listing"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", "scheme", "code", name=op.f("pk_listing_tag")),
    )
    with op.batch_alter_table("listing_tag", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_tag_code"), ["code"], unique=False)

    op.create_table(
        "listing_unsaved",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.String(length=32), nullable=False),
        sa.Column("created", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["listing.id"],
            name=op.f("fk_listing_unsaved_listing_id_listing"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_listing_unsaved_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing_unsaved")),
        sa.UniqueConstraint("listing_id", "user_id", "step", name="listing_unsaved_once"),
    )
    with op.batch_alter_table("listing_unsaved", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_listing_unsaved_listing_id"), ["listing_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_listing_unsaved_uid"), ["uid"], unique=True)
        batch_op.create_index(batch_op.f("ix_listing_unsaved_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("listing_unsaved", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_unsaved_user_id"))
        batch_op.drop_index(batch_op.f("ix_listing_unsaved_uid"))
        batch_op.drop_index(batch_op.f("ix_listing_unsaved_listing_id"))

    op.drop_table("listing_unsaved")
    with op.batch_alter_table("listing_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_tag_code"))

    op.drop_table("listing_tag")
    with op.batch_alter_table("listing_request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_request_uid"))
        batch_op.drop_index(batch_op.f("ix_listing_request_to_organization_id"))
        batch_op.drop_index(batch_op.f("ix_listing_request_status"))
        batch_op.drop_index(batch_op.f("ix_listing_request_reply_by"))
        batch_op.drop_index(batch_op.f("ix_listing_request_listing_id"))
        batch_op.drop_index(batch_op.f("ix_listing_request_from_organization_id"))

    op.drop_table("listing_request")
    with op.batch_alter_table("listing_inquiry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_inquiry_uid"))
        batch_op.drop_index(batch_op.f("ix_listing_inquiry_status"))
        batch_op.drop_index(batch_op.f("ix_listing_inquiry_listing_id"))

    op.drop_table("listing_inquiry")
    with op.batch_alter_table("listing_attachment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_attachment_uid"))
        batch_op.drop_index(batch_op.f("ix_listing_attachment_listing_id"))

    op.drop_table("listing_attachment")
    with op.batch_alter_table("listing_import", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_import_uid"))
        batch_op.drop_index(batch_op.f("ix_listing_import_status"))
        batch_op.drop_index(batch_op.f("ix_listing_import_organization_id"))

    op.drop_table("listing_import")
    with op.batch_alter_table("listing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_listing_uid"))
        batch_op.drop_index(batch_op.f("ix_listing_status"))
        batch_op.drop_index(batch_op.f("ix_listing_side"))
        batch_op.drop_index(batch_op.f("ix_listing_revision"))
        batch_op.drop_index(batch_op.f("ix_listing_published"))
        batch_op.drop_index(batch_op.f("ix_listing_organization_id"))
        batch_op.drop_index(batch_op.f("ix_listing_expires"))
        batch_op.drop_index(batch_op.f("ix_listing_budget"))

    op.drop_table("listing")
