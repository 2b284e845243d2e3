"""Small random problems that use every rule, for the property tests of the allocation."""

from __future__ import annotations

from hypothesis import strategies as st

from matching.allocation import Demand, Edge, Lock, Problem, Quota, SharedBudget, Supply


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    most_demands: int = 5,
    most_supplies: int = 3,
    most_amount: int = 6,
    promises: bool = False,
    whole_rates: bool = False,
) -> Problem:
    """Tiny amounts, so that every rule binds sooner or later; `promises`: with locks and quotas;
    `whole_rates`: no charge is ever rounded up (the model does not see the rounding of one hundredth)."""
    amounts = st.integers(1, most_amount)
    demands = []
    for n in range(draw(st.integers(1, most_demands))):
        project = draw(st.integers(0, n))
        amount = draw(amounts)
        demands.append(
            Demand(
                f"d{n}",
                f"p{project}",
                f"o{project // 2}",
                amount,
                draw(st.integers(0, amount)),
                critical=draw(st.booleans()),
                weight=draw(st.sampled_from([1.0, 0.5])),
                step=draw(st.sampled_from([1, 1, 2])),
                money=draw(st.booleans()),
            )
        )
    supplies = []
    for n in range(draw(st.integers(1, most_supplies))):
        low = draw(st.integers(0, 3))
        high = draw(st.none() | st.integers(low, most_amount))
        supplies.append(
            Supply(f"s{n}", f"k{draw(st.integers(0, n))}", f"so{n}", draw(st.integers(0, 9)), low, high)
        )
    pairs = [(i, j) for i in range(len(demands)) for j in range(len(supplies))]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=8))
    rates = st.sampled_from([(1, 1), (1, 1), (2, 1), (4, 2) if whole_rates else (2, 3)])
    edges = [Edge(i, j, draw(st.integers(0, 100)) * 100, draw(rates)) for i, j in chosen]
    projects = sorted({d.project for d in demands})
    organizations = sorted({d.organization for d in demands})
    offers = sorted({s.offer for s in supplies})
    small = st.integers(0, 3)

    def some(keys: list[str], values: st.SearchStrategy[int]) -> dict[str, int]:
        return draw(st.dictionaries(st.sampled_from(keys), values, max_size=2))

    return Problem.of(
        demands,
        supplies,
        edges,
        most_projects=some(offers, st.integers(0, 2)),
        projects_cap=some(organizations, small),
        already=some(organizations, st.integers(0, 1)),
        project_cap=some(projects, st.integers(1, 8)),
        shared_budgets=[SharedBudget("fund", frozenset(s.id for s in supplies[:2]), draw(st.integers(0, 9)))]
        if draw(st.booleans())
        else [],
        quotas=[
            Quota(
                "theme",
                frozenset(draw(st.lists(st.sampled_from(projects), max_size=3))),
                draw(st.integers(0, 2)),
            )
        ]
        if promises and draw(st.booleans())
        else [],
        locks=[
            Lock(
                draw(st.sampled_from(projects)),
                draw(st.none() | st.sampled_from(offers)),
                draw(st.integers(1, 2)),
            )
        ]
        if promises and draw(st.booleans())
        else [],
        coverage_bonus=draw(st.sampled_from([0.0, 0.0, 0.5])),
    )
