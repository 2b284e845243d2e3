import doctest
import subprocess
import sys

import pytest

import matching


def test_every_public_name_is_there():
    for name in matching.__all__:
        assert getattr(matching, name) is not None
    assert set(matching.__all__) == set(matching._HOMES)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        matching.nonsense  # noqa: B018


def test_first_match_of_the_documentation_runs():
    assert doctest.testmod(matching).failed == 0


def test_small_module_brings_no_large_one_along():
    code = "import sys, matching.messages; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
