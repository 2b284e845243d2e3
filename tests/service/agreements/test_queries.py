"""Who sees an agreement, and whose signature counts."""

from __future__ import annotations

import pytest

from service.agreements import queries
from service.agreements.models import Agreement, AgreementStatus
from service.errors import NotFound
from service.permissions import VISITOR, Role


def test_an_agreement_is_seen_by_its_parties_and_by_staff(
    session, make_party, make_user, actor, make_agreement
):
    company, ngo, stranger = make_party("Company"), make_party("Green Home"), make_party("Stranger")
    agreement = make_agreement(company, ngo)
    facilitator = actor(make_user(roles=[Role.FACILITATOR]))
    for sees in (company.actor, ngo.actor, facilitator):
        assert queries.get(session, sees, agreement.uid).title == agreement.title
    for blind in (stranger.actor, VISITOR):
        with pytest.raises(NotFound):
            queries.get(session, blind, agreement.uid)
        assert session.exec(queries.visible_to(blind)).all() == []


def test_a_signature_counts_only_under_the_text_that_stands(session, make_party, make_agreement):
    company, ngo = make_party("Company"), make_party("Green Home")
    agreement = make_agreement(company, ngo)
    bound = queries.parties(session, agreement)
    assert [one.organization.name for one in bound] == ["Company", "Green Home"]
    assert all(one.signature and one.signature.text_hash == agreement.text_hash for one in bound)
    kept = session.get_one(Agreement, agreement.key)
    kept.text_hash, kept.status = "0" * 64, AgreementStatus.SIGNING
    session.add(kept)
    session.flush()
    assert [one.signature for one in queries.parties(session, kept)] == [None, None]
