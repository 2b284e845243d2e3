"""Every step of an agreement's life, and every way of breaking a rule on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from service.accounts.sessions import Proof
from service.agreements import actions, drafting, queries, signing
from service.agreements.models import Agreement, AgreementStatus, SignatureMethod
from service.db import now
from service.errors import BadInput, Changed, NotAllowed, NotFound, NotNow
from service.events import history
from service.jobs import Job
from service.organizations.models import Organization, OrganizationStatus
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Role
from tests.service.agreements.conftest import proof_of, sign_by

PDF = b"%PDF-1.7\n%%EOF\n"


def in_force(session, deal, agreement):
    signing.open_signing(session, deal.ngo.actor, agreement)
    for party in deal.all:
        sign_by(session, agreement, party)
    return agreement


def test_from_pairings_to_in_force(session, deal, drafted):
    signing.open_signing(session, deal.ngo.actor, drafted)
    assert drafted.status is AgreementStatus.SIGNING
    assert drafted.text_hash == queries.terms_of(drafted).digest()
    for party in deal.all:
        assert drafted.status is AgreementStatus.SIGNING
        sign_by(session, drafted, party)
    assert drafted.status is AgreementStatus.IN_FORCE
    assert drafted.in_force is not None
    pairings = session.exec(select(Pairing).where(Pairing.round_id == deal.round.key)).all()
    assert {one.status for one in pairings} == {PairingStatus.AGREED}
    [ledger] = session.exec(select(Job).where(Job.name == "open_ledger")).all()
    assert ledger.payload == {"agreement": drafted.uid}
    names = [event.name for event in history(session, drafted.uid)]
    assert names == [
        "agreement.draft",
        "agreement.open_signing",
        *["agreement.sign"] * 3,
        "agreement.enter_force",
    ]
    assert all(event.details["agreement"] == drafted.uid for event in history(session, drafted.uid))


def test_signing_twice_signs_once(session, deal, drafted):
    signing.open_signing(session, deal.ngo.actor, drafted)
    sign_by(session, drafted, deal.ngo)
    sign_by(session, drafted, deal.ngo)
    assert len(queries.signatures(session, drafted)) == 1


def test_only_the_authorised_person_signs(session, deal, drafted, make_user, actor):
    editor = actor(make_user(member_of={deal.ngo.organization.key: Role.EDITOR}))
    stranger = actor(make_user())
    signing.open_signing(session, deal.ngo.actor, drafted)
    said = {"text_hash": drafted.text_hash, "name": "Eve", "position": "Editor"}
    with pytest.raises(NotAllowed):
        signing.sign(session, editor, drafted, proof_of(editor), **said)
    with pytest.raises(NotFound):
        queries.get(session, stranger, drafted.uid)
    with pytest.raises(NotAllowed):
        signing.sign(session, stranger, drafted, proof_of(stranger), **said)
    with pytest.raises(NotAllowed):
        signing.sign(
            session,
            deal.ngo.actor,
            drafted,
            proof_of(deal.ngo.actor),
            organization=deal.fund.organization.uid,
            **said,
        )
    assert queries.signatures(session, drafted) == []


def test_a_signature_needs_a_fresh_proof_and_the_text_that_was_read(session, deal, drafted):
    signing.open_signing(session, deal.ngo.actor, drafted)
    old = Proof(deal.ngo.actor.user_id, now() - timedelta(hours=1))
    said = {"name": "Anna", "position": "Director"}
    with pytest.raises(BadInput):
        signing.sign(session, deal.ngo.actor, drafted, old, text_hash=drafted.text_hash, **said)
    with pytest.raises(BadInput):
        signing.sign(
            session,
            deal.ngo.actor,
            drafted,
            proof_of(deal.fund.actor),
            text_hash=drafted.text_hash,
            **said,
        )
    with pytest.raises(Changed):
        signing.sign(session, deal.ngo.actor, drafted, proof_of(deal.ngo.actor), text_hash="0" * 64, **said)
    with pytest.raises(BadInput) as wrong:
        signing.sign(
            session,
            deal.ngo.actor,
            drafted,
            proof_of(deal.ngo.actor),
            text_hash=drafted.text_hash,
            name=" ",
            position="",
        )
    assert [one.field for one in wrong.value.problems] == ["name", "position"]


def test_back_to_draft_voids_the_signatures_even_where_the_text_stays(session, deal, drafted):
    signing.open_signing(session, deal.ngo.actor, drafted)
    sign_by(session, drafted, deal.fund)
    with pytest.raises(BadInput):
        signing.take_back(session, deal.ngo.actor, drafted, " ")
    signing.take_back(session, deal.ngo.actor, drafted, "The term is too short.")
    assert (drafted.status, drafted.text_hash) == (AgreementStatus.DRAFT, "")
    [given] = queries.signatures(session, drafted)
    assert given.voided is not None
    signing.open_signing(session, deal.ngo.actor, drafted)
    assert [one.signature for one in queries.parties(session, drafted)] == [None] * 3
    sign_by(session, drafted, deal.fund)
    assert len(queries.signatures(session, drafted)) == 2
    assert queries.revisions(session, drafted)[0][0].note == "The term is too short."


def test_signing_does_not_open_while_something_is_missing(session, deal, drafted):
    terms = queries.terms_of(drafted)
    kept = tuple(one for one in terms.clauses if one.key != "breach")
    actions.save(session, deal.ngo.actor, drafted, terms.model_copy(update={"clauses": kept}))
    with pytest.raises(BadInput) as wrong:
        signing.open_signing(session, deal.ngo.actor, drafted)
    assert [one.field for one in wrong.value.problems] == ["clauses"]
    assert drafted.status is AgreementStatus.DRAFT


@pytest.mark.parametrize(
    "values",
    [
        {"status": OrganizationStatus.SUSPENDED},
        {"status": OrganizationStatus.BARRED, "barred_until": now().date() + timedelta(days=300)},
    ],
)
def test_nobody_signs_with_a_suspended_or_barred_organization(session, deal, drafted, values):
    signing.open_signing(session, deal.ngo.actor, drafted)
    sign_by(session, drafted, deal.bureau)
    fund = session.get_one(Organization, deal.fund.organization.key)
    for name, value in values.items():
        setattr(fund, name, value)
    session.flush()
    for party in (deal.fund, deal.ngo):
        with pytest.raises(NotNow, match="Amity Fund"):
            sign_by(session, drafted, party)


def test_the_frozen_text_is_not_edited_and_no_draft_is_signed(session, deal, drafted):
    with pytest.raises(NotNow):
        sign_by(session, drafted, deal.ngo)
    signing.open_signing(session, deal.ngo.actor, drafted)
    with pytest.raises(NotNow):
        actions.save(session, deal.ngo.actor, drafted, queries.terms_of(drafted))


def test_a_scan_is_handed_in_by_the_owner_or_a_facilitator(session, deal, drafted, steering, tmp_path):
    signing.open_signing(session, deal.ngo.actor, drafted)
    scan = {"name": "Li Na", "position": "Director", "filename": "signed.pdf", "data_dir": tmp_path}
    with pytest.raises(NotAllowed):
        signing.record_scan(
            session,
            deal.fund.actor,
            drafted,
            organization=deal.ngo.organization.uid,
            content=PDF,
            **scan,
        )
    with pytest.raises(BadInput):
        signing.record_scan(
            session, steering, drafted, organization=deal.ngo.organization.uid, content=b"GIF89a", **scan
        )
    for party, by in ((deal.ngo, deal.ngo.actor), (deal.fund, steering)):
        signing.record_scan(session, by, drafted, organization=party.organization.uid, content=PDF, **scan)
    kept = queries.signatures(session, drafted)
    assert {one.method for one in kept} == {SignatureMethod.SCAN}
    assert queries.holds_scan(session, kept[0].scan["sha256"])
    assert not queries.holds_scan(session, "0" * 64)


def test_on_stage_the_facilitator_writes_down_who_had_not_signed_yet(session, deal, drafted, steering):
    signing.open_signing(session, deal.ngo.actor, drafted)
    sign_by(session, drafted, deal.ngo)
    with pytest.raises(NotAllowed):
        signing.record_on_stage(session, deal.ngo.actor, drafted)
    signing.record_on_stage(session, steering, drafted)
    assert drafted.status is AgreementStatus.IN_FORCE
    methods = [one.signature.method for one in queries.parties(session, drafted)]
    assert methods.count(SignatureMethod.STAGE) == 2


def test_suspended_resumed_completed(session, deal, drafted, steering):
    in_force(session, deal, drafted)
    with pytest.raises(BadInput):
        actions.suspend(session, deal.fund.actor, drafted, "")
    actions.suspend(session, deal.fund.actor, drafted, "The venue is flooded.")
    assert drafted.status is AgreementStatus.SUSPENDED
    with pytest.raises(NotAllowed):
        actions.resume(session, deal.ngo.actor, drafted)
    actions.resume(session, deal.bureau.actor, drafted)
    with pytest.raises(NotAllowed):
        actions.complete(session, deal.ngo.actor, drafted)
    actions.complete(session, steering, drafted)
    assert drafted.status is AgreementStatus.COMPLETED
    assert drafted.ended is not None
    with pytest.raises(NotNow):
        actions.terminate(session, steering, drafted, "Too late.")


def test_what_is_not_fulfilled_is_not_completed(session, deal, drafted, steering, monkeypatch):
    from matching.messages import Message

    in_force(session, deal, drafted)
    owed = Message("tranche-open", "A payment is open.")
    monkeypatch.setattr(actions, "BEFORE_COMPLETING", [lambda _session, _agreement: owed])
    with pytest.raises(NotNow, match="open"):
        actions.complete(session, steering, drafted)


def test_terminated_with_its_open_amendment(session, deal, drafted):
    in_force(session, deal, drafted)
    amendment = drafting.amend(session, deal.ngo.actor, drafted)
    actions.terminate(session, deal.bureau.actor, drafted, "The money was misused.")
    assert drafted.status is AgreementStatus.TERMINATED
    assert amendment.status is AgreementStatus.ABANDONED
    with pytest.raises(NotNow):
        drafting.amend(session, deal.ngo.actor, drafted)


def test_an_amendment_takes_the_place_of_the_terms_and_leaves_the_signed_text(session, deal, drafted):
    in_force(session, deal, drafted)
    signed = queries.terms_of(drafted)
    amendment = drafting.amend(session, deal.ngo.actor, drafted)
    with pytest.raises(NotNow):
        drafting.amend(session, deal.fund.actor, drafted)
    later = signed.ends + timedelta(days=30)
    actions.save(session, deal.fund.actor, amendment, signed.model_copy(update={"ends": later}))
    in_force(session, deal, amendment)
    parent = session.get_one(Agreement, drafted.key)
    assert (parent.ends, queries.terms_of(parent).ends) == (later, later)
    assert queries.signed_terms(session, parent) == signed
    assert all(one.signature for one in queries.parties(session, parent))
    assert [one.uid for one in session.exec(queries.cooperations())] == [parent.uid]
    ledgers = session.exec(select(Job).where(Job.name == "open_ledger")).all()
    assert {job.payload["agreement"] for job in ledgers} == {parent.uid}
    with pytest.raises(NotNow):
        actions.terminate(session, deal.fund.actor, amendment, "Only the amendment.")


def test_two_who_sign_at_once_bring_it_into_force_once(engine, session, deal, drafted, database_url):
    assert database_url
    signing.open_signing(session, deal.ngo.actor, drafted)
    sign_by(session, drafted, deal.bureau)
    session.commit()
    from concurrent.futures import ThreadPoolExecutor

    def sign(party):
        with Session(engine.execution_options(writing=True), expire_on_commit=False) as own:
            found = queries.get(own, party.actor, drafted.uid, lock=True)
            sign_by(own, found, party)
            own.commit()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sign, [deal.fund, deal.ngo, deal.fund, deal.ngo]))
    with Session(engine) as own:
        kept = own.get_one(Agreement, drafted.key)
        assert kept.status is AgreementStatus.IN_FORCE
        assert len(queries.signatures(own, kept)) == 3
        assert len(own.exec(select(Job).where(Job.name == "open_ledger")).all()) == 1
