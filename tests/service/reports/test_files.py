"""Files of reports and visits: photos of people need a stated consent, contents are held, doors are shut."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from service.errors import BadInput, NotAllowed, NotFound
from service.organizations import evidence
from service.reports import actions, queries
from service.reports.models import MOST_FILES
from tests.service.organizations.test_photos import GPS, SIDE, TOLD, taken
from tests.service.reports.conftest import ANSWERS, PDF, PNG


def attach(made, name="photo.png", content=PNG, actor=None, **more):
    folder = made.jobs.settings.data_dir
    return made.act(
        actions.attach, actor or made.ngo.actor, made.report(), name, content, data_dir=folder, **more
    )


def test_photo_is_published_only_of_nobody_or_of_people_who_agreed(project, client):
    made = project()
    attach(made, people="nobody", caption="The well")
    attach(made, people="agreed", consent="Both mothers, in writing")
    attach(made, people="refused", consent="nobody was asked")
    report = attach(made, "list.pdf", PDF)
    assert [queries.is_published(file) for file in report.attachments] == [True, True, False, False]
    assert report.attachments[2]["consent"] == ""
    path = f"/reports/{report.uid}/photos"
    assert client.get(f"{path}/1").status_code == 404, "it is not accepted yet"
    made.accept(made.submit(report))
    codes = [client.get(f"{path}/{number}").status_code for number in (1, 2, 3, 4, 5)]
    assert codes == [200, 200, 404, 404, 404]
    assert client.get(f"{path}/1").content == PNG
    assert client.get(f"{path}/1").headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("said", "field"),
    [({}, "people"), ({"people": "yes"}, "people"), ({"people": "agreed", "consent": " "}, "consent")],
)
def test_photo_without_a_word_about_people_is_not_taken(project, said, field):
    made = project()
    with pytest.raises(BadInput) as raised:
        attach(made, **said)
    assert [problem.field for problem in raised.value.problems] == [field]
    assert made.report().attachments == []


def test_somebody_who_no_longer_agrees_is_not_shown_any_more(project, client):
    made = project()
    attach(made, people="agreed", consent="Her mother")
    report = made.accept(made.submit(made.report()))
    path = f"/reports/{report.uid}/photos/1"
    assert client.get(path).status_code == 200
    with pytest.raises(NotAllowed):
        made.act(actions.withdraw_consent, made.company.actor, report, 1)
    made.act(actions.withdraw_consent, made.ngo.actor, report, 1)
    assert client.get(path).status_code == 404


def test_only_files_that_are_known_and_few_enough_are_taken_and_by_the_writer(project):
    made = project()
    with pytest.raises(BadInput) as raised:
        attach(made, "page.html", b"<html>")
    assert raised.value.problems[0].field == "file"
    with pytest.raises(NotAllowed):
        attach(made, "list.pdf", PDF, actor=made.company.actor)
    made.change(made.report(), attachments=[{"sha256": "x"}] * MOST_FILES)
    with pytest.raises(BadInput):
        attach(made, "list.pdf", PDF)


def test_file_is_read_by_parties_once_handed_in_and_taken_out_by_the_writer_before(
    project, as_user, make_party
):
    made = project()
    report = attach(made, "list.pdf", PDF)
    path = f"/reports/{report.uid}/files/1"
    assert as_user(made.company.user).get(path).status_code == 404
    assert as_user(made.ngo.user).get(path).content == PDF
    assert made.act(actions.detach, made.ngo.actor, report, 1).attachments == []
    with pytest.raises(NotFound):
        made.act(actions.detach, made.ngo.actor, report, 1)
    made.submit(attach(made, "list.pdf", PDF))
    assert as_user(made.company.user).get(path).content == PDF
    assert as_user(make_party("Elsewhere").user).get(path).status_code == 404


def test_content_that_a_report_refers_to_is_held(project):
    made = project()
    report = attach(made, "list.pdf", PDF)
    digest = report.attachments[0]["sha256"]
    assert any(made.see(holder, digest) for holder in evidence.HOLDERS)
    assert not any(made.see(holder, "0" * 64) for holder in evidence.HOLDERS)
    made.act(actions.detach, made.ngo.actor, report, 1)
    assert not any(made.see(holder, digest) for holder in evidence.HOLDERS)


def test_form_takes_a_file_and_what_was_typed_with_it(project, as_user):
    made = project()
    report = made.report()
    browser = as_user(made.ngo.user)
    typed = {**ANSWERS, "do": "attach", "people": "agreed"}
    answer = browser.post(f"/reports/{report.uid}", data=typed, files={"file": ("a.png", PNG)})
    assert answer.status_code == 422
    assert "Say who agreed to be shown" in answer.text
    assert ANSWERS["results"] in answer.text
    assert made.report().answers["results"] == ANSWERS["results"], "kept although the file was refused"
    typed["consent"] = "Her mother"
    answer = browser.post(f"/reports/{report.uid}", data=typed, files={"file": ("a.png", PNG)})
    assert answer.status_code == 303
    assert [file["consent"] for file in made.report().attachments] == ["Her mother"]
    answer = browser.post(f"/reports/{report.uid}", data={**ANSWERS, "do": "detach-1"})
    assert answer.status_code == 303
    assert made.report().attachments == []
    empty = browser.post(f"/reports/{report.uid}", data={**ANSWERS, "do": "attach"})
    assert "Choose a file first." in empty.text


def test_photo_of_a_telephone_tells_nobody_where_it_was_taken(project, as_user, client):
    made = project()
    photo = taken("JPEG")
    with Image.open(BytesIO(photo)) as before:
        assert before.getexif().get_ifd(GPS)
    report = attach(made, "IMG_0001.JPG", photo, people="nobody")
    made.accept(made.submit(report))
    public = client.get(f"/reports/{report.uid}/photos/1").content
    own = as_user(made.ngo.user).get(f"/reports/{report.uid}/files/1").content
    with Image.open(BytesIO(public)) as after:
        assert after.getexif().get_ifd(GPS) == {}
        assert dict(after.getexif()) == {SIDE: 6}, "it is still shown upright"
    assert own == public
    folder = made.jobs.settings.data_dir / evidence.FOLDER
    assert not [file for file in folder.rglob("*") if file.is_file() and TOLD.encode() in file.read_bytes()]
