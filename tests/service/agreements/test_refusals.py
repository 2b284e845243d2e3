"""Every way of breaking a rule of agreements that other tests do not tell: refused, with its reason."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import select

from matching.profiles import Side
from service.accounts.sessions import Proof
from service.agreements import actions, checking, drafting, forms, queries, signing
from service.agreements.models import Agreement, AgreementKind, AgreementStatus
from service.agreements.terms import Terms
from service.db import now
from service.listings import requests
from service.organizations import queries as organizations
from service.organizations.models import OrganizationStatus
from service.pairings.models import PairingStatus
from service.permissions import Role
from tests.service.agreements.conftest import gift, proof_of, sign_by
from tests.service.refusing import refused


def test_drafts_that_cannot_be(session, deal, steering, enter, pair, make_party, make_listing):
    second = make_party("Second")
    need = enter(deal.round, make_listing(second, "Books for a school"))
    offer = enter(deal.round, make_listing(make_party("Giver"), "Money", Side.OFFER))
    released = pair(need, offer, PairingStatus.RELEASED, gifts=[gift(5_000)])
    other = enter(deal.round, make_listing(make_party("Other"), "Cash", Side.OFFER))
    ready = pair(need, other, PairingStatus.MUTUAL, gifts=[gift(5_000)])
    begin = partial(drafting.from_pairings, session, steering)
    refused("pairings-none", begin, [])
    refused("pairings-needs", begin, [*deal.pairings, released])
    refused("pairing-not-ready", begin, [released])
    wanted = drafting.Wanted(supervisor=second.organization.uid)
    refused("party-twice", begin, [ready], wanted)
    refused("organization-unknown", begin, [ready], drafting.Wanted(operator="nobody"))
    drafted = begin(deal.pairings)
    refused("drafted-already", begin, deal.pairings)
    refused("not-amendable", drafting.amend, session, steering, drafted)


def test_versions_that_cannot_be(session, deal, drafted, steering):
    terms = queries.terms_of(drafted)
    save = partial(actions.save, session, steering, drafted)
    refused("language-second", save, terms, second_language=drafted.language)
    refused("language-second", save, terms, second_language="tlh")
    twice = terms.model_copy(update={"parties": (*terms.parties, terms.parties[0])})
    refused("party-once", save, twice)
    without = tuple(one for one in terms.parties if one.organization != deal.ngo.organization.uid)
    own = partial(actions.save, session, deal.ngo.actor, drafted)
    refused("party-own", own, terms.model_copy(update={"parties": without}))
    session.rollback()
    remark = partial(actions.comment, session, deal.ngo.actor, drafted)
    refused("clause-unknown", remark, "Why?", "no-such-clause")
    refused("field-missing", remark, " ")
    refused("too-long", remark, "x" * 4_001)


def test_signatures_that_cannot_be(session, deal, drafted, steering, make_user):
    signing.open_signing(session, steering, drafted)
    refused("text-frozen", actions.save, session, steering, drafted, queries.terms_of(drafted), note="Late.")
    given = {"text_hash": drafted.text_hash, "position": "Director"}
    sign = partial(signing.sign, session, deal.fund.actor, drafted)
    old = Proof(deal.fund.user.key, now().replace(year=2020))
    refused("proof-old", sign, old, name="Li", **given)
    refused("field-missing", sign, proof_of(deal.fund.actor), name=" ", **given)
    refused("too-long", sign, proof_of(deal.fund.actor), name="x" * 121, **given)
    refused("party-choose", sign, proof_of(deal.fund.actor), name="Li", organization="nobody", **given)
    deal.bureau.organization.status = OrganizationStatus.SUSPENDED
    session.merge(deal.bureau.organization)
    session.flush()
    refused("party-not-verified", sign, proof_of(deal.fund.actor), name="Li", **given)
    deal.bureau.organization.status = OrganizationStatus.VERIFIED
    session.merge(deal.bureau.organization)
    session.flush()
    for party in deal.all:
        sign_by(session, drafted, party)
    refused("negotiation-over", actions.comment, session, steering, drafted, "Too late?")
    refused("not-by-implementer", actions.complete, session, deal.ngo.actor, drafted)
    amendment = drafting.amend(session, steering, drafted)
    refused("amendment-open", drafting.amend, session, steering, drafted)
    fewer = queries.terms_of(amendment)
    fewer = fewer.model_copy(update={"parties": fewer.parties[1:]})
    refused("parties-amended", actions.save, session, steering, amendment, fewer)
    signing.open_signing(session, steering, amendment)
    signing.record_on_stage(session, steering, amendment)
    refused("amendment-part", actions.suspend, session, steering, amendment, "Rest.")


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("quantity-none", {"quantity": 0, "value": 0}),
        ("cash-unit", {"unit": "hour"}),
        ("cash-unit", {"value": 1}),
        ("value-currency", {"kind": "goods", "currency": ""}),
    ],
)
def test_gifts_that_cannot_be_signed(session, drafted, steering, code, change):
    terms = queries.terms_of(drafted)
    first, *others = terms.commitments
    wrong = terms.model_copy(update={"commitments": (first.model_copy(update=change), *others)})
    actions.save(session, steering, drafted, wrong)
    refused(code, signing.open_signing, session, steering, drafted)
    assert (drafted.status, drafted.text_hash) == (AgreementStatus.DRAFT, "")


def test_who_has_signed_stays_and_who_is_barred_does_not_sign(session, deal, drafted, steering):
    sign = partial(sign_by, session, drafted, deal.fund)
    refused("not-signing", sign)
    signing.open_signing(session, steering, drafted)
    sign()
    signing.take_back(session, steering, drafted, "The dates are wrong.")
    terms = queries.terms_of(drafted)
    fund = deal.fund.organization.uid
    without = tuple(one for one in terms.parties if one.organization != fund)
    refused(
        "party-signed",
        actions.save,
        session,
        steering,
        drafted,
        terms.model_copy(update={"parties": without}),
    )
    assert fund in {bound.organization.uid for bound in queries.parties(session, drafted)}
    deal.bureau.organization.status = OrganizationStatus.BARRED
    deal.bureau.organization.barred_until = organizations.today() + timedelta(days=9)
    session.merge(deal.bureau.organization)
    session.flush()
    refused("party-barred", signing.open_signing, session, steering, drafted)
    assert drafted.status is AgreementStatus.DRAFT


def test_requests_that_cannot_be_drafted(session, make_party, make_listing):
    ngo, firm = make_party("NGO", Role.OWNER), make_party("Law firm", Role.OWNER, kind="business")
    offer = make_listing(firm, "Legal advice", Side.OFFER)
    asked = requests.send_request(session, ngo.actor, offer, ngo.organization.uid, "Please advise us.")
    refused("request-not-accepted", drafting.from_request, session, ngo.actor, asked)
    assert session.exec(select(Agreement)).all() == []


def test_forms_that_cannot_be_read(drafted):
    filled = forms.filled(drafted, queries.terms_of(drafted), "en")
    for code, field, typed in (
        ("days-outside", "days", "181"),
        ("days-outside", "days", "-1"),
        ("value-unfit", "parties-0-name", "x" * 201),
        ("value-unfit", "commitments-0-kind", "bribe"),
    ):
        refused(code, forms.read, drafted, filled | {field: [typed]}, "en")


def test_an_empty_text_says_all_that_is_missing():
    said = {one.message.code for one in checking.problems(AgreementKind.THREE_PARTY, Terms(), ["en"])}
    assert said >= {"field-missing", "term-missing", "parties-few", "parties-three", "clause-missing"}
    assert said >= {"commitments-none"}
