"""The books of the demonstration: what was paid, delivered, told, seen and broken under its agreements.

Every step is the action that people take. The service speaks for the parties, of whom few have anybody here;
the facilitator of the demonstration decides.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from service.agreements import actions as agreements
from service.db import writing
from service.demo_agreements import Story
from service.funding import actions, breaches, deliveries, queries, spending
from service.listings.models import Listing
from service.permissions import SYSTEM_ACTOR, Role
from service.reports import actions as reporting
from service.reports import visits
from service.reports.models import Report, ReportKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Engine

    from service.agreements.models import Agreement
    from service.funding.models import Disbursement, Milestone
    from service.funding.queries import Book
    from service.organizations.models import Organization
    from service.permissions import Actor

WHOLE = 100
"""Hundredths of a unit."""
PEOPLE = 60
"""Whom a project reaches whose need does not say how many."""
WORDS = {
    "zh-Hans": {
        "activities": "按计划每周开展活动，签到表和照片已存档。",
        "results": "{people}人受益；回访的人里，九成说生活比以前方便。",
        "problems": "雨季有两次活动改期。",
        "next": "继续每周活动，下月做一次回访。",
        "lasting": "志愿者小组会自己办下去；下次会更早落实场地。",
        "reached": "已按计划完成，名单和照片随附。",
        "spent": "活动材料与场地",
        "delivered": "已送达，双方清点。",
        "seen": "到场查看：活动正常，参加者都认识工作人员。台账比上月完整，仍缺两张票据。",
        "place": "项目现场",
        "returned": "缺少两张票据，人数与签到表不符。请补齐后重新提交。",
        "held": "季报已退回，补齐后再拨付。",
        "alleged": "三个月没有活动，首期款的用途说不清楚。",
        "answered": "负责人离职，我们还在找人。",
        "found": "实地走访两次，项目没有开展，余款未用。",
        "rests": "场地装修，项目暂停一个月。",
    },
    "ru": {
        "activities": "Встречи шли каждую неделю по плану; списки и фотографии сохранены.",
        "results": "Помощь получили {people} человек; девять из десяти говорят, что жить стало легче.",
        "problems": "Две встречи пришлось перенести из-за погоды.",
        "next": "Продолжаем еженедельные встречи, через месяц опросим участников.",
        "lasting": "Группа добровольцев продолжит сама; в следующий раз раньше договоримся о помещении.",
        "reached": "Сделано по плану, списки и фотографии приложены.",
        "spent": "Материалы и помещение",
        "delivered": "Доставлено и пересчитано вместе.",
        "seen": "Были на месте: работа идёт, люди знают сотрудников. Учёт стал полнее, двух чеков ещё нет.",
        "place": "На месте проекта",
        "returned": "Не хватает двух чеков, число людей не сходится со списком. Исправьте и сдайте снова.",
        "held": "Отчёт возвращён; выплатим, когда он будет исправлен.",
        "alleged": "Три месяца ничего не происходит, на что ушёл первый платёж, неясно.",
        "answered": "Руководитель уволился, ищем нового.",
        "found": "Дважды были на месте: проект не ведётся, деньги не израсходованы.",
        "rests": "Ремонт помещения: проект приостановлен на месяц.",
    },
    "en": {
        "activities": "Meetings every week as planned; lists and photographs are kept.",
        "results": "{people} people were helped; nine in ten of those asked say that life is easier now.",
        "problems": "Two meetings had to be moved because of the weather.",
        "next": "Weekly meetings go on; we ask everybody again next month.",
        "lasting": "The volunteers go on by themselves; next time we settle the venue earlier.",
        "reached": "Done as planned; lists and photographs are attached.",
        "spent": "Materials and venue",
        "delivered": "It came, and both sides counted it.",
        "seen": "Seen on the spot: it goes well, people know the staff. Two receipts are missing still.",
        "place": "Where the project is",
        "returned": "Two receipts are missing, and the number of people is not that of the list. Mend both.",
        "held": "The report was returned; this is paid once it is mended.",
        "alleged": "Nothing has happened for three months, and nobody can say where the first payment went.",
        "answered": "Our manager left; we are looking for another.",
        "found": "Two visits found no project under way, and the money unspent.",
        "rests": "The premises are being repaired; the project rests for a month.",
    },
}


def keep(engine: Engine, signed: Mapping[str, Story], facilitator: Actor, data_dir: Path) -> None:
    """Carry the agreements that were signed (by uid) as far as their stories go; their ledgers are open."""
    for uid, story in signed.items():
        with writing(engine) as session:
            books = _Books(session, agreements.of_uid(session, uid), facilitator, data_dir)
            _TOLD[story](books)


class _Books:
    """One agreement, and everybody who does something under it."""

    def __init__(self, session: Session, agreement: Agreement, facilitator: Actor, data_dir: Path) -> None:
        self.session, self.agreement, self.facilitator, self.data_dir = (
            session,
            agreement,
            facilitator,
            data_dir,
        )
        self.words = WORDS.get(agreement.language, WORDS["en"])
        self.today = queries.today()
        self.came: Counter[str] = Counter()
        """What was recorded of each gift."""

    @cached_property
    def book(self) -> Book:
        """Its lines, which steps change in place; `now` has what was spent and came since."""
        return self.now()

    def now(self) -> Book:
        return queries.book_of(self.session, self.agreement)

    @cached_property
    def doer(self) -> Organization:
        """Who carries it out."""
        return self.book.doers[0]

    @cached_property
    def giver(self) -> Organization:
        """Who gives most."""
        return self.book.organization(self.book.commitments[0].organization_id)

    @property
    def people(self) -> int:
        need = self.session.get(Listing, self.agreement.need_id) if self.agreement.need_id else None
        return (need.beneficiaries if need else None) or PEOPLE

    # Steps ------------------------------------------------------------------------------------------------

    def reports(self) -> list[Report]:
        """Those that are still to be handed in, what is due first."""
        wanted = select(Report).where(
            Report.agreement_id == self.agreement.key,
            Report.organization_id == self.doer.key,
            col(Report.submitted).is_(None),
            col(Report.period_end) <= self.today,
        )
        return list(self.session.exec(wanted.order_by(col(Report.due), col(Report.id))))

    def hand_in(self, report: Report) -> None:
        people = self.people if report.kind is ReportKind.FINAL else self.people // 2
        answers = {name: self.words[name] for name in ("activities", "problems", "next", "lasting")}
        answers |= {"results": self.words["results"].format(people=people), "beneficiaries": str(people)}
        reporting.submit(self.session, _for(self.doer), report, answers)

    def tell_due(self) -> None:
        """What had to be handed in by now, accepted."""
        for report in self.reports():
            if report.due < self.today:
                self.hand_in(report)
                reporting.accept(self.session, self.facilitator, report)

    def reach(self, milestone: Milestone, *, accept: bool = True) -> None:
        actions.report_milestone(self.session, _for(self.doer), milestone.uid, self.words["reached"])
        if accept:
            actions.accept_milestone(self.session, self.facilitator, milestone.uid)

    def ask(self, milestone: Milestone) -> list[Disbursement]:
        """Ask for the tranches that wait for a milestone."""
        found = [one for one in self.book.tranches if one.milestone_id == milestone.key]
        for tranche in found:
            actions.request_tranche(self.session, _for(self.doer), tranche.uid)
        return found

    def pay(self, tranche: Disbursement) -> None:
        """Asked for by who gets it, approved by the facilitator, paid by its giver when it was due."""
        book = self.book
        giver = book.organization(book.commitment(tranche).organization_id)
        actions.request_tranche(self.session, _for(book.organization(tranche.payee_id)), tranche.uid)
        actions.approve_tranche(self.session, self.facilitator, tranche.uid)
        day = min(tranche.due or self.today, self.today)
        reference = f"{self.agreement.number}/{tranche.item}"
        actions.pay_tranche(self.session, _for(giver), tranche.uid, day, reference)

    def pay_first(self) -> None:
        """The tranches that wait for nothing but the signatures."""
        for tranche in self.book.tranches:
            if tranche.milestone_id is None:
                self.pay(tranche)

    def spend(self, share: int) -> None:
        """So many per cent of what came, from the lines of the budget that it was given for."""
        paid = {
            (one.purpose, one.currency): one.received.amount for one in self.now().accounts(self.doer.key)
        }
        for line in self.book.lines:
            amount = paid.get((line.purpose, line.currency), 0) * share // 100
            if amount:
                spending.record_expense(
                    self.session,
                    _for(self.doer),
                    line.uid,
                    amount,
                    self.today - timedelta(days=20),
                    self.words["spent"],
                    data_dir=self.data_dir,
                )

    def deliver(self, share: int, *, by: Organization | None = None, days: int = 30) -> None:
        """So many per cent of what is not money, in whole units; without `by`, both sides have said so."""
        for gift in self.book.commitments:
            whole = max(WHOLE, gift.quantity * share // 100 // WHOLE * WHOLE)
            amount = min(whole, gift.quantity - self.came[gift.item])
            if queries.is_cash(gift) or not amount:
                continue
            self.came[gift.item] += amount
            giver = self.book.organization(gift.organization_id)
            on = self.today - timedelta(days=days)
            made = deliveries.record_delivery(
                self.session, _for(by or giver), gift.uid, amount, on, self.words["delivered"]
            )
            if by is None:
                deliveries.confirm_delivery(self.session, _for(self.doer), made.uid)

    def visit(self) -> None:
        visits.write(
            self.session,
            self.facilitator,
            self.agreement,
            on=self.today - timedelta(days=15),
            place=self.words["place"],
            text=self.words["seen"],
            faults=["receipts-missing"],
        )


def _for(organization: Organization) -> Actor:
    """The service, speaking for a party."""
    return replace(SYSTEM_ACTOR, memberships={organization.key: Role.OWNER})


# Stories --------------------------------------------------------------------------------------------------


def _completed(books: _Books) -> None:
    """Everything came, was told and accepted, the final report with its results too."""
    books.tell_due()
    books.pay_first()
    for milestone in books.book.milestones:
        books.reach(milestone)
    for tranche in books.book.tranches:
        if tranche.milestone_id is not None:
            books.pay(tranche)
    books.deliver(100)
    books.spend(100)
    books.visit()
    for report in books.reports():
        books.hand_in(report)
        reporting.accept(books.session, books.facilitator, report)
    agreements.complete(books.session, books.facilitator, books.agreement)


def _under_way(books: _Books) -> None:
    """Half of it is done; a report, a milestone and a gift wait for somebody's word."""
    books.tell_due()
    books.pay_first()
    books.spend(60)
    books.deliver(50)
    books.deliver(20, by=books.doer, days=3)
    for milestone in books.book.milestones[:1]:
        books.reach(milestone, accept=False)
        books.ask(milestone)
    for report in books.reports()[:1]:
        books.hand_in(report)


def _returned(books: _Books) -> None:
    """The last report came back with its reasons, and the next tranche is held for it."""
    books.tell_due()
    books.pay_first()
    books.spend(40)
    books.deliver(30)
    for milestone in books.book.milestones[:1]:
        books.reach(milestone)
        for tranche in books.ask(milestone):
            actions.hold_tranche(books.session, books.facilitator, tranche.uid, books.words["held"])
    books.visit()
    for report in books.reports()[:1]:
        books.hand_in(report)
        reporting.return_(
            books.session, books.facilitator, report, books.words["returned"], ["receipts-missing"]
        )


def _overdue(books: _Books) -> None:
    """What was promised comes, but nothing is told: a report is late."""
    books.deliver(40, by=books.giver, days=2)
    books.visit()


def _suspended(books: _Books) -> None:
    """It began well and rests now."""
    books.tell_due()
    books.pay_first()
    books.deliver(20)
    agreements.suspend(books.session, books.facilitator, books.agreement, books.words["rests"])


def _broken(books: _Books) -> None:
    """Paid and not carried out: found, ended, most of the money recovered, the organization barred."""
    books.tell_due()
    books.pay_first()
    books.spend(20)
    session, accused = books.session, books.doer
    alleged = breaches.allege(
        session,
        _for(books.giver),
        books.agreement.uid,
        accused.uid,
        books.words["alleged"],
        data_dir=books.data_dir,
    )
    breaches.answer(session, _for(accused), alleged.uid, books.words["answered"])
    found = breaches.find(session, books.facilitator, alleged.uid, books.words["found"])
    for tranche in breaches.recoverable(books.now(), found):
        left = breaches.unused_by(books.now(), accused).get(tranche.currency, 0)
        if back := min(left, tranche.amount):
            actions.recover_tranche(
                session, books.facilitator, tranche.uid, back, books.today, books.words["found"]
            )


_TOLD = {
    Story.COMPLETED: _completed,
    Story.UNDER_WAY: _under_way,
    Story.RETURNED: _returned,
    Story.OVERDUE: _overdue,
    Story.SUSPENDED: _suspended,
    Story.BROKEN: _broken,
}
