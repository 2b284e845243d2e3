"""Signing: the text is frozen, each party's authorised person signs it, and with the last it is in force.

A signature names the SHA-256 of the text that its signatory saw. Going back to draft voids all signatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.accounts.checks import clean_name
from service.agreements import queries
from service.agreements.actions import add_revision, details, problems
from service.agreements.hooks import why_not_amended
from service.agreements.models import (
    AGREEMENT,
    Agreement,
    AgreementStatus,
    Party,
    Signature,
    SignatureMethod,
)
from service.agreements.telling import tell
from service.db import now
from service.errors import BadInput, Changed, FieldProblem, NotNow
from service.events import advance, record
from service.jobs import promise
from service.organizations import evidence
from service.organizations import queries as organizations
from service.pairings.models import PAIRING, PairingStatus
from service.permissions import may, require
from service.rounds.models import Application, Round
from service.states import STATES
from service.texts import MISSING, tidy, too_long

if TYPE_CHECKING:
    from pathlib import Path

    from sqlmodel import Session

    from service.accounts.sessions import Proof
    from service.agreements.queries import Bound
    from service.permissions import Actor

NAME_CHARACTERS = 120


def open_signing(session: Session, actor: Actor, agreement: Agreement) -> Agreement:
    """Freeze the text. Raises BadInput with everything that is missing or does not fit together."""
    queries.require_own(session, actor, "agreement:draft", agreement)
    AGREEMENT.after(agreement.status, "open_signing")
    if found := problems(session, agreement):
        raise BadInput(found)
    _may_sign(queries.parties(session, agreement))
    if agreement.amends_id:
        amended = session.get_one(Agreement, agreement.amends_id)
        if reason := why_not_amended(session, amended, queries.terms_of(agreement)):
            raise NotNow(reason)
    agreement.text_hash = queries.terms_of(agreement).digest()
    agreement.version += 1
    advance(
        session,
        actor,
        agreement,
        AGREEMENT,
        "open_signing",
        text_hash=agreement.text_hash,
        **details(session, agreement),
    )
    session.flush()
    tell(session, actor, agreement, "signing")
    return agreement


def take_back(session: Session, actor: Actor, agreement: Agreement, reason: str) -> Agreement:
    """Back to draft, for a reason that all read; signatures given so far count no longer."""
    queries.require_own(session, actor, "agreement:draft", agreement)
    kept = tidy(reason)
    voided = [one.signature for one in queries.parties(session, agreement) if one.signature]
    advance(
        session,
        actor,
        agreement,
        AGREEMENT,
        "revise",
        reason=kept,
        voided=len(voided),
        **details(session, agreement),
    )
    for signature in voided:
        signature.voided = now()
        session.add(signature)
    agreement.text_hash = ""
    add_revision(session, actor, agreement, kept[:1000])
    tell(session, actor, agreement, "reverted", kept)
    return agreement


def sign(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    proof: Proof,
    *,
    text_hash: str,
    name: str,
    position: str,
    organization: str = "",
) -> Agreement:
    """Sign for one's organization (its uid, where one acts for several). Signing twice signs once.

    `text_hash` is that of the text which the signatory saw; another text raises Changed.
    """
    bound = _party(session, actor, agreement, organization)
    require(actor, "agreement:sign", bound.organization.key)
    if bound.signature is not None:
        return agreement
    _still_signing(agreement)
    if not proof.holds_for(actor):
        raise BadInput.one("password", Message("proof-old", "Show again who you are before you sign."))
    if text_hash != agreement.text_hash:
        raise Changed
    _write(session, actor, agreement, bound, SignatureMethod.ELECTRONIC, name, position)
    return _enter_when_all(session, actor, agreement)


def record_scan(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    *,
    organization: str,
    name: str,
    position: str,
    filename: str,
    content: bytes,
    data_dir: Path,
) -> Agreement:
    """Hand in the scan of a text that a party has signed on paper; its owner does, or a facilitator."""
    bound = _party(session, actor, agreement, organization)
    if bound.organization.key in actor.memberships and not actor.is_staff:
        require(actor, "agreement:sign", bound.organization.key)
    else:
        require(actor, "forum:steer")
    if bound.signature is not None:
        return agreement
    _still_signing(agreement)
    kind = evidence.recognise(content)
    scan = {
        "filename": evidence.shown_name(filename, kind),
        "media_type": kind,
        "size": len(content),
        "sha256": evidence.keep(data_dir, content),
    }
    _write(session, actor, agreement, bound, SignatureMethod.SCAN, name, position, scan)
    return _enter_when_all(session, actor, agreement)


def record_on_stage(session: Session, actor: Actor, agreement: Agreement) -> Agreement:
    """The facilitator saw all who had not signed yet sign on paper, on stage."""
    require(actor, "forum:steer")
    missing = [one for one in queries.parties(session, agreement) if one.signature is None]
    if not missing:
        return agreement
    _still_signing(agreement)
    named = {one.organization: one.signatory for one in queries.terms_of(agreement).parties}
    for one in missing:
        name = named.get(one.organization.uid) or one.organization.name[:NAME_CHARACTERS]
        _write(session, actor, agreement, one, SignatureMethod.STAGE, name, "-")
    return _enter_when_all(session, actor, agreement)


def _party(session: Session, actor: Actor, agreement: Agreement, uid: str) -> Bound:
    bound = queries.parties(session, agreement)
    if uid:
        found = [one for one in bound if one.organization.uid == uid]
    else:
        own = [one for one in bound if one.organization.key in actor.memberships]
        found = [one for one in own if may(actor, "agreement:sign", one.organization.key)] or own
        if not found:
            require(actor, "agreement:sign")
    if len(found) != 1:
        raise BadInput.one("organization", Message("party-choose", "Choose for which party you sign."))
    return found[0]


def _still_signing(agreement: Agreement) -> None:
    if agreement.status is not AgreementStatus.SIGNING:
        raise NotNow(
            Message(
                "not-signing",
                "This cannot be signed now: its state is “{status}”.",
                status=STATES[agreement.status],
            )
        )


def _may_sign(bound: list[Bound]) -> None:
    """Raise NotNow where a party may not sign: not verified, suspended, or barred."""
    day = organizations.today()
    for one in bound:
        if not organizations.may_act(one.organization, day):
            until = one.organization.barred_until
            if until is not None and until >= day:
                raise NotNow(
                    Message(
                        "party-barred",
                        "{organization} is barred until {until} and cannot sign.",
                        organization=one.organization.name,
                        until=until,
                    )
                )
            raise NotNow(
                Message(
                    "party-not-verified",
                    "{organization} is not verified, or is suspended, and cannot sign.",
                    organization=one.organization.name,
                )
            )


def _write(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    bound: Bound,
    method: SignatureMethod,
    name: str,
    position: str,
    scan: dict[str, object] | None = None,
) -> None:
    _may_sign(queries.parties(session, agreement))
    name, position = clean_name(name), clean_name(position)
    wrong = [
        FieldProblem(field, too_long(NAME_CHARACTERS) if value else MISSING)
        for field, value in (("name", name), ("position", position))
        if not value or len(value) > NAME_CHARACTERS
    ]
    if wrong:
        raise BadInput(wrong)
    signature = Signature(
        agreement_id=agreement.key,
        party_id=bound.party.key,
        method=method,
        text_hash=agreement.text_hash,
        name=name,
        position="" if position == "-" else position,
        scan=scan or {},
        user_id=actor.user_id,
    )
    session.add(signature)
    session.flush()
    record(
        session,
        actor,
        "agreement.sign",
        agreement,
        organization=bound.organization.uid,
        role=bound.party.role.value,
        method=method.value,
        text_hash=agreement.text_hash,
        **details(session, agreement),
    )


def _enter_when_all(session: Session, actor: Actor, agreement: Agreement) -> Agreement:
    """Once every party has signed: in force, its ledger opened by a job, what was matched agreed."""
    agreement.version += 1
    session.add(agreement)
    session.flush()
    if any(one.signature is None for one in queries.parties(session, agreement)):
        return agreement
    agreement.in_force = now()
    advance(
        session,
        actor,
        agreement,
        AGREEMENT,
        "enter_force",
        text_hash=agreement.text_hash,
        **details(session, agreement),
    )
    whose = _amended(session, actor, agreement) if agreement.amends_id else agreement
    for pairing in queries.pairings_of(session, agreement):
        if pairing.status is not PairingStatus.AGREED:
            one = session.get_one(Round, pairing.round_id)
            advance(session, actor, pairing, PAIRING, "agree", round=one.uid, agreement=agreement.uid)
            pairing.version += 1
        for number in (pairing.need_id, pairing.offer_id):
            application = session.get_one(Application, number)
            application.agreed = application.agreed or organizations.today()
            session.add(application)
    session.flush()
    promise(session, "open_ledger", agreement=whose.uid)
    tell(session, actor, agreement, "in-force")
    return agreement


def _amended(session: Session, actor: Actor, amendment: Agreement) -> Agreement:
    """The agreement that an amendment has changed: its terms are the amendment's from now on."""
    found = session.get_one(Agreement, amendment.amends_id, with_for_update=True)
    found.terms, found.title = amendment.terms, amendment.title
    found.starts, found.ends = amendment.starts, amendment.ends
    found.second_language = amendment.second_language
    add_revision(session, actor, found, amendment.number)
    record(
        session,
        actor,
        "agreement.amend",
        found,
        amendment=amendment.uid,
        revision=found.revision,
        **details(session, found),
    )
    return found


def party_of(session: Session, signature: Signature) -> Party:
    """Whose signature it is."""
    return session.get_one(Party, signature.party_id)
