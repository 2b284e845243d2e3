"""Visits and the case clinic: faults counted by code, time and preset come back as a pre-check list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from matching.vocabulary import default_vocabulary
from service.db import now, reading, writing
from service.errors import BadInput, NotAllowed, NotFound
from service.events import Event
from service.reports import actions, clinic, visits
from service.reports.models import Fault, SiteVisit
from service.rounds.models import RoundStatus
from tests.service.conftest import words
from tests.service.reports.conftest import ANSWERS, PNG, today


def visit(made, actor=None, **given):
    values = {"on": today(), "place": "School No. 4", "text": "Both wells give water.", **given}
    with writing(made.jobs.engine) as session:
        return visits.write(session, actor or made.company.actor, made.agreement, **values)


def note(made, *codes, ago=0):
    """Notes faults so many days ago."""
    with writing(made.jobs.engine) as session:
        for one in clinic.note(session, made.facilitator, made.agreement, codes, ""):
            one.created = now() - timedelta(days=ago)
            session.add(one)


def checklist(made):
    with reading(made.jobs.engine) as session:
        return clinic.checklist(session, made.agreement)


def test_visit_is_written_down_with_faults_and_the_other_parties_are_told(project, rows):
    made = project()
    visit(made, faults=["delay-untold", "delay-untold"])
    [kept] = rows(select(SiteVisit))
    assert (kept.organization_id, kept.language) == (made.company.organization.key, "en")
    assert [(one.code, one.visit_id) for one in rows(select(Fault))] == [("delay-untold", kept.key)]
    mails = {str(mail["To"]): mail.get_content() for mail in made.mails()}
    assert "Both wells give water." in mails[made.ngo.user.email]
    assert "A delay told too late" in mails[made.ngo.user.email]
    assert made.company.user.email not in mails
    [event] = rows(select(Event).where(Event.name == "visit.write"))
    assert event.details["agreement"] == made.agreement.uid


def test_facilitator_visits_for_nobody_and_strangers_do_not(project, make_party, rows):
    made = project()
    visit(made, made.facilitator)
    assert rows(select(SiteVisit.organization_id)) == [None]
    with pytest.raises(NotAllowed):
        visit(made, make_party("Elsewhere").actor)


def test_visit_needs_a_past_day_and_words(project):
    made = project()
    for given in ({"on": None}, {"on": today() + timedelta(days=1)}, {"text": " "}, {"text": "x" * 4001}):
        with pytest.raises(BadInput) as raised:
            visit(made, **given)
        assert [problem.field for problem in raised.value.problems] == list(given)


def test_visit_form_keeps_everything_or_nothing(project, as_user, rows, make_party):
    made = project()
    browser = as_user(made.company.user)
    path = f"/agreements/{made.agreement.uid}/visits"
    typed = {"on": today().isoformat(), "text": "Both wells give water.", "people": "agreed"}
    answer = browser.post(path, data=typed, files={"file": ("a.png", PNG)})
    assert answer.status_code == 422
    assert "Both wells give water." in answer.text
    assert rows(select(SiteVisit)) == []
    answer = browser.post(path, data={**typed, "consent": "The teacher"}, files={"file": ("a.png", PNG)})
    assert answer.status_code == 303
    [kept] = rows(select(SiteVisit))
    file = f"/visits/{kept.uid}/files/1"
    assert as_user(made.ngo.user).get(file).content == PNG
    assert (
        "Both wells give water."
        in as_user(made.ngo.user).get(f"/agreements/{made.agreement.uid}/reports").text
    )
    assert as_user(make_party("Elsewhere").user).get(file).status_code == 404


def test_only_who_wrote_a_visit_adds_files(project):
    made = project()
    kept = visit(made)
    with writing(made.jobs.engine) as session, pytest.raises(NotAllowed):
        visits.attach(
            session, made.ngo.actor, kept, "a.png", PNG, data_dir=made.jobs.settings.data_dir, people="nobody"
        )
    with reading(made.jobs.engine) as session, pytest.raises(NotFound):
        visits.get(session, made.ngo.actor, "nothing")


def test_faults_are_counted_by_code_time_and_preset(project, make_round):
    first, second = project(), project()
    call = make_round("venture-call", RoundStatus.DELIVERING)
    with writing(first.jobs.engine) as session:
        kept = session.get_one(type(second.agreement), second.agreement.key)
        kept.round_id = call.key
        session.add(kept)
    note(first, "late", "receipts-missing")
    note(first, "late", ago=400)
    note(second, "late")
    with reading(first.jobs.engine) as session:
        found = clinic.clinic(session)
        of_call = clinic.clinic(session, "venture-call")
    assert [
        (one.code, one.count, one.this_year, one.year_before, one.agreements) for one in found.recurring
    ] == [
        ("late", 3, 2, 1, 2),
        ("receipts-missing", 1, 1, 0, 1),
    ]
    assert found.by_preset == {("late", ""): 2, ("late", "venture-call"): 1, ("receipts-missing", ""): 1}
    assert sum(found.by_quarter.values()) == 4
    assert [(one.code, one.count) for one in of_call.recurring] == [("late", 1)]


def test_checklist_begins_with_own_faults_then_those_of_the_preset_and_forgets_after_a_year(
    project, make_round
):
    made, alike, other = project(), project(), project()
    call = make_round("venture-call", RoundStatus.DELIVERING)
    for one in (made, alike):
        with writing(one.jobs.engine) as session:
            kept = session.get_one(type(one.agreement), one.agreement.key)
            kept.round_id = call.key
            session.add(kept)
            one.agreement = kept
    note(other, "vague-results")
    note(other, "vague-results")
    note(alike, "photo-consent")
    note(made, "late")
    note(made, "mixed-money", ago=366)
    assert checklist(made) == ["late", "photo-consent", "vague-results"]


def test_precheck_list_is_shown_to_who_writes_and_to_who_decides(project, as_user):
    made = project()
    note(made, "receipts-missing")
    report = made.report()
    form = as_user(made.ngo.user).get(f"/reports/{report.uid}")
    assert 'name="checked" value="receipts-missing"' in form.text
    made.act(actions.submit, made.ngo.actor, report, ANSWERS, ["receipts-missing", "nonsense"])
    assert made.report().answers["checked"] == ["receipts-missing"]
    desk = words(as_user(made.company.user).get(f"/reports/{report.uid}"))
    assert "Receipts are missing (the writer has looked at it)" in desk


def test_clinic_page_counts_for_members_and_names_cases_to_facilitators_only(
    project, client, as_user, make_user
):
    made = project()
    assert client.get("/clinic").status_code == 303
    empty = words(as_user(made.ngo.user).get("/clinic"))
    assert "Nothing noted yet" in empty
    note(made, "late")
    member = words(as_user(made.ngo.user).get("/clinic"))
    assert "Handed in late" in member
    assert made.agreement.title not in member
    assert made.agreement.title in words(as_user(make_user(roles=["facilitator"])).get("/clinic"))
    counted = as_user(made.ngo.user).get("/api/v1/clinic", headers={"Accept-Language": "es"}).json()
    assert [(one["code"], one["count"]) for one in counted] == [("late", 1)]


def test_every_fault_has_a_name_in_every_language():
    vocabulary = default_vocabulary()
    for language in ("zh-Hans", "zh-Hant", "en", "ru", "es"):
        names = [vocabulary.label("faults", code, language) for code in clinic.codes()]
        assert len(set(names)) == len(clinic.codes()) == 16
