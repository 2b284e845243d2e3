"""Numbers in public registers."""

from __future__ import annotations

import pytest

from service.organizations.identifiers import REGISTERS, WrongNumber, checked


@pytest.mark.parametrize("scheme", list(REGISTERS))
def test_every_register_takes_its_own_example(scheme: str) -> None:
    register = REGISTERS[scheme]
    assert checked(scheme.lower(), f" {register.example.lower()} ") == (scheme, register.example)


@pytest.mark.parametrize(
    ("scheme", "number", "code"),
    [
        ("CN-USCI", "51100000500000001B", "number-check-digit"),
        ("CN-USCI", "5110000050000000", "number-length"),
        ("CN-USCI", "511000005000O0001A", "number-format"),
        ("RU-INN", "7707083894", "number-check-digit"),
        ("RU-OGRN", "1027700132196", "number-check-digit"),
        ("ES-NIF", "G28197565", "number-check-digit"),
        ("TW-UBN", "04595258", "number-check-digit"),
        ("MX-RFC", "GODE561231GR9", "number-check-digit"),
        ("XI-LEI", "213800KUD8LAJWSQ9D16", "number-check-digit"),
        ("GB-CHC", "<b>1</b>", "number-free"),
        ("charity", "12345", "register-prefix"),
    ],
)
def test_a_wrong_number_is_refused_with_its_reason(scheme: str, number: str, code: str) -> None:
    with pytest.raises(WrongNumber) as caught:
        checked(scheme, number)
    assert caught.value.message.code == code


def test_a_spanish_association_and_company_share_one_register() -> None:
    assert checked("ES-NIF", "A-13585625") == ("ES-NIF", "A13585625")
    assert checked("ES-NIF", "54362315-K") == ("ES-NIF", "54362315K")


def test_codes_of_other_chinese_registries_may_begin_with_letters() -> None:
    assert checked("CN-USCI", "N2110000500000001R") == ("CN-USCI", "N2110000500000001R")


def test_a_register_that_is_not_known_is_taken_as_it_is() -> None:
    assert checked("gb-chc", " 1234  56 ") == ("GB-CHC", "1234 56")


def test_lei_is_stored_by_the_prefix_of_org_id() -> None:
    assert checked("LEI", "213800KUD8LAJWSQ9D15")[0] == "XI-LEI"
