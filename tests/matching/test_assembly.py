from datetime import date

import pytest

from matching.assembly import assemble, carries, lines_meet, parts_of
from matching.messages import Quantity
from matching.profiles import Cooperation
from matching.rules import Budget, Quota, Role, Rules
from tests.builders import line, money, need, offer, organization

TODAY = date(2022, 3, 1)


def built(needs, offers, rules=None, cooperations=(), pairs=None):
    pairs = pairs or [(n, o) for n in range(len(needs)) for o in range(len(offers))]
    return assemble(needs, offers, pairs, [5000] * len(pairs), rules or Rules(), cooperations, TODAY)


def edges(assembly):
    problem = assembly.problem
    return {
        (problem.demands[d].id, problem.supplies[s].id)
        for d, s in zip(problem.edge_demand.tolist(), problem.edge_supply.tolist(), strict=True)
    }


def test_money_with_labour_and_overhead_becomes_three_demands():
    parts = list(parts_of(need("n", money(1000, labour=200, overhead=100)), 0))
    assert [(part.name, part.amount) for part in parts] == [
        ("programme", 70000),
        ("labour", 20000),
        ("overhead", 10000),
    ]


@pytest.mark.parametrize(
    ("minimum", "expected"),
    [(0, [0, 0, 0]), (500, [50000, 0, 0]), (800, [70000, 10000, 0]), (1000, [70000, 20000, 10000])],
)
def test_minimum_is_asked_of_the_programme_first(minimum, expected):
    parts = parts_of(need("n", money(1000, minimum=minimum, labour=200, overhead=100)), 0)
    assert [part.minimum for part in parts] == expected


def test_labour_is_critical_only_where_the_minimum_needs_it():
    (_, labour) = built([need("n", money(1000, minimum=700, labour=300))], [offer()]).problem.demands
    assert not labour.critical
    (_, labour) = built([need("n", money(1000, minimum=800, labour=300))], [offer()]).problem.demands
    assert labour.critical


def test_weights_of_the_lines_of_a_need_sum_to_one():
    demands = built([need("n", money(1000, labour=200), line("venue", 2, "day"))], [offer()]).problem.demands
    assert sum(demand.weight for demand in demands) == pytest.approx(1)


def test_money_without_overhead_reaches_only_the_programme():
    poor = need("n", money(1000, labour=200, overhead=100))
    assembly = built([poor], [offer("o", pays_labour=False, pays_overhead=False)])
    assert edges(assembly) == {("n/0/programme", "o/0")}
    assert len(edges(built([poor], [offer("o")]))) == 3


def test_people_with_a_worth_stand_in_for_labour():
    poor = need("n", money(1000, labour=200))
    people = offer("o", line("staff", 50, "hour", worth=400))
    assembly = built([poor], [people])
    assert edges(assembly) == {("n/0/labour", "o/0")}
    assert assembly.problem.edge_numerator.tolist() == [5000]
    assert assembly.problem.edge_denominator.tolist() == [40000]
    assert lines_meet(poor, people, Rules())
    assert not lines_meet(poor, offer("o", line("staff", 50, "hour")), Rules())
    assert not lines_meet(need("n", money(1000)), people, Rules())


def test_line_goes_only_to_its_kind_and_unit():
    venue = need("n", line("venue", 2, "day"))
    assert carries(offer("o", line("venue", 5, "day")), line("venue", 5, "day"), venue.lines[0], "programme")
    assert not lines_meet(venue, offer("o", line("venue", 5, "hour")), Rules())
    assert not lines_meet(venue, offer("o", line("training", 5, "day")), Rules())
    assert not lines_meet(need("n", money(5, "CNY")), offer("o", money(5, "RUB")), Rules())


def test_roles_close_kinds_of_resources():
    rules = Rules(roles=(Role(offers_from=frozenset({"business"}), kinds=frozenset({"venue"})),))
    both = need("n", money(100), line("venue", 1, "day"))
    assembly = built([both], [offer("o", money(100), line("venue", 1, "day"))], rules)
    assert edges(assembly) == {("n/1/programme", "o/1")}
    assert not lines_meet(need("n", money(100)), offer("o", money(100)), rules)


@pytest.mark.parametrize(
    ("a_line", "step"),
    [
        (line("services", 2, "project"), 200),
        (line("volunteers", 3, "person"), 100),
        (money(1000), 100),
    ],
)
def test_gifts_are_given_in_whole_steps(a_line, step):
    assert built([need("n", a_line)], [offer()]).problem.demands[0].step == step


def test_sum_with_cents_is_given_to_the_cent():
    cents = need("n", money(1000, labour=0))
    cents = need("n", type(cents.lines[0])(kind="money", amount=100050, unit="CNY"))
    assert built([cents], [offer()]).problem.demands[0].step == 1


def signed(id_, day, **facts):
    facts = {"need_organization": "x", "offer_organization": "y", "title": id_} | facts
    return Cooperation(id=id_, signed=day, **facts)


def test_what_cooperations_of_the_year_took_is_gone_from_the_offer():
    past = [
        signed("a", date(2022, 1, 5), offer="o1", quantity=Quantity(30000, "CNY")),
        signed("b", date(2022, 2, 5), offer="o1", quantity=Quantity(20000, "CNY")),
        signed("c", date(2021, 2, 5), offer="o1", quantity=Quantity(90000, "CNY")),
        signed("d", None, offer="o1", quantity=Quantity(90000, "CNY")),
        signed("e", date(2022, 2, 5), offer="o1", quantity=Quantity(500, "hour")),
        signed("f", date(2022, 2, 5), offer="o1"),
    ]
    assert built([need()], [offer("o1", money(1000))], cooperations=past).problem.supplies[0].amount == 50000
    past.append(signed("g", date(2022, 2, 5), offer="o1", quantity=Quantity(999900, "CNY")))
    assert built([need()], [offer("o1", money(1000))], cooperations=past).problem.supplies[0].amount == 0


def test_projects_won_this_year_count_once_for_each_project():
    past = [
        signed("a", date(2022, 1, 5), need_organization="org-n1", title="One"),
        signed("b", date(2022, 1, 6), need_organization="org-n1", title="One"),
        signed("c", date(2022, 1, 7), need_organization="org-n1", title="Two"),
        signed("d", date(2021, 1, 7), need_organization="org-n1", title="Three"),
    ]
    problem = built([need("n1")], [offer()], Rules(projects_per_organization=2), past).problem
    assert problem.already == {"org-n1": 2}
    assert problem.projects_cap == {"org-n1": 2}
    assert built([need("n1")], [offer()]).problem.projects_cap == {}


def test_fund_behind_several_offers_has_one_limit_less_what_it_gave():
    rules = Rules(
        budgets=(Budget(name="fund", offers=frozenset({"o1", "o2"}), limit=Quantity(100000, "CNY")),)
    )
    offers = [offer("o1"), offer("o2", money(500), line("venue", 1, "day")), offer("o3")]
    past = [signed("a", date(2022, 1, 5), offer="o2", quantity=Quantity(30000, "CNY"))]
    (budget,) = built([need()], offers, rules, past).problem.shared_budgets
    assert (budget.name, budget.supplies, budget.limit) == ("fund", {"o1/0", "o2/0"}, 70000)


def test_cap_of_a_project_binds_needs_of_its_currency():
    needs = [need("n1"), need("n2", line("venue", 1, "day")), need("n3", money(10, "RUB"))]
    problem = built(needs, [offer()], Rules(project_cap=Quantity(50000, "CNY"))).problem
    assert problem.project_cap == {"n1": 50000}


def test_quota_counts_projects_within_its_place():
    needs = [
        need("n1", places=frozenset({"dongchangfu"})),
        need("n2", places=frozenset({"kaifeng"})),
        need("n3", organization=organization("x", places=frozenset({"liaocheng"}))),
    ]
    rules = Rules(quotas=(Quota(scheme="places", code="liaocheng", at_least=1),))
    (quota,) = built(needs, [offer()], rules).problem.quotas
    assert quota.projects == {"n1"}


def test_rules_reach_the_problem():
    offers = [offer("o1", money(100, cheque_min=10, cheque_max=50), most_projects=3), offer("o2")]
    problem = built([need("n1")], offers, Rules(locks=(("n1", "o2"),), coverage_bonus=0.25)).problem
    assert problem.most_projects == {"o1": 3}
    assert (problem.supplies[0].cheque_min, problem.supplies[0].cheque_max) == (1000, 5000)
    assert [tuple(lock) for lock in problem.locks] == [("n1", "o2", 100_000)]
    assert problem.coverage_bonus == 0.25


def test_way_back_names_line_and_pair_of_each_edge():
    assembly = built([need("n1"), need("n2")], [offer("o1")])
    assert assembly.pairs == (0, 1)
    assert assembly.lines == ((0, 0),)


def test_locked_offers_share_what_the_need_asks_for_at_least():
    needs = [need("n1", money(1000, minimum=600)), need("n2", line("venue", 2, "day"))]
    offers = [offer("o1", money(500)), offer("o2", money(900, cheque_max=200)), offer("o3")]
    rules = Rules(locks=(("n1", "o1"), ("n1", "o2"), ("n2", "o3")))
    locks = {lock.offer: lock.at_least for lock in built(needs, offers, rules).problem.locks}
    assert locks == {"o1": 25_000, "o2": 10_000, "o3": 1}


def test_units_of_every_line_are_known():
    assembly = built([need("n1", line("venue", 2, "day"))], [offer("o1", money(5))])
    assert assembly.units == {"n1/0/programme": "day", "o1/0": "CNY"}
