"""Lifecycles: named steps, reasons where they are needed, nothing else."""

from __future__ import annotations

from enum import StrEnum

import pytest

from service.errors import BadInput, NotNow
from service.lifecycle import Lifecycle, step


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    OFF = "off"


LIGHT = Lifecycle(
    "light",
    step("go", Light.RED, Light.GREEN),
    step("stop", Light.GREEN, Light.RED),
    step("cut", (Light.RED, Light.GREEN), Light.OFF, needs_reason=True),
    step("go", Light.OFF, Light.RED),
)


@pytest.mark.parametrize(("status", "target"), [(Light.RED, Light.GREEN), (Light.OFF, Light.RED)])
def test_one_name_may_lead_from_different_statuses_to_different_ones(status: Light, target: Light) -> None:
    assert LIGHT.after(status, "go") is target


@pytest.mark.parametrize(("status", "name"), [(Light.GREEN, "go"), (Light.OFF, "cut"), (Light.RED, "fly")])
def test_step_that_does_not_lead_from_here_is_refused(status: Light, name: str) -> None:
    with pytest.raises(NotNow) as refused:
        LIGHT.after(status, name, "because")
    assert status.value in str(refused.value)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_step_that_needs_a_reason_is_refused_without_one(reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        LIGHT.after(Light.RED, "cut", reason)
    assert [problem.field for problem in refused.value.problems] == ["reason"]
    assert LIGHT.after(Light.RED, "cut", "storm") is Light.OFF


def test_possible_steps_are_those_that_lead_from_here() -> None:
    assert LIGHT.possible(Light.GREEN) == ("stop", "cut")
    assert LIGHT.possible(Light.OFF) == ("go",)
