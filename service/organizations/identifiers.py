"""Numbers in public registers: which registers are known, and whether a number can be one of theirs.

The prefixes are those of org-id.guide. A prefix that is not known here is taken as it is, with its number
unchecked: there are hundreds of registers, and a wrong refusal would keep a real organization out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from stdnum import lei
from stdnum.cn import uscc
from stdnum.es import nif
from stdnum.exceptions import InvalidChecksum, InvalidLength, ValidationError
from stdnum.mx import rfc
from stdnum.ru import inn, ogrn
from stdnum.tw import ubn

from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = re.compile(r"[A-Z]{2}-[A-Z0-9][A-Z0-9_.]{0,15}")
_FREE_NUMBER = re.compile(r"[^\W_](?:[\w./ -]{0,58}[^\W_])?")
_USCC = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")


class WrongNumber(ValueError):
    """A number that cannot be one of the register it is said to come from; `.message` says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


def _chinese(number: str) -> str:
    """As `uscc.validate`, but codes of registries other than the market regulator's may begin with letters.

    GB 32100-2015 has the registering authority and the kind of body as digits or letters (A1, N2, Y1 …).
    """
    compact: str = uscc.compact(number)
    if len(compact) != 18:
        raise InvalidLength
    if not _USCC.fullmatch(compact):
        raise ValidationError
    if compact[-1] != uscc.calc_check_digit(compact[:-1]):
        raise InvalidChecksum
    return compact


def _mexican(number: str) -> str:
    return str(rfc.validate(number, validate_check_digits=True))


@dataclass(frozen=True, slots=True)
class Register:
    """A public register: its prefix, what people call its numbers, and how they are checked."""

    scheme: str
    name: Message
    example: str
    check: Callable[[str], str]


REGISTERS = MappingProxyType(
    {
        register.scheme: register
        for register in (
            Register(
                "CN-USCI",
                Message("register-cn-usci", "Unified social credit code (China)"),
                "51100000500000001A",
                _chinese,
            ),
            Register("RU-INN", Message("register-ru-inn", "INN (Russia)"), "7707083893", inn.validate),
            Register("RU-OGRN", Message("register-ru-ogrn", "OGRN (Russia)"), "1027700132195", ogrn.validate),
            Register("ES-NIF", Message("register-es-nif", "NIF (Spain)"), "G28197564", nif.validate),
            Register(
                "TW-UBN",
                Message("register-tw-ubn", "Unified business number (Taiwan)"),
                "04595257",
                ubn.validate,
            ),
            Register("MX-RFC", Message("register-mx-rfc", "RFC (Mexico)"), "GODE561231GR8", _mexican),
            Register(
                "XI-LEI", Message("register-xi-lei", "LEI (worldwide)"), "213800KUD8LAJWSQ9D15", lei.validate
            ),
        )
    }
)


def checked(scheme: str, number: str) -> tuple[str, str]:
    """Prefix and number as they are stored. Raises WrongNumber."""
    scheme = scheme.strip().upper()
    if scheme in ("LEI", "CN-USCC"):
        scheme = {"LEI": "XI-LEI", "CN-USCC": "CN-USCI"}[scheme]
    if not _PREFIX.fullmatch(scheme):
        raise WrongNumber(
            Message(
                "register-prefix",
                "Choose the register, or write its prefix before the number, as in GB-CHC 12345.",
            )
        )
    register = REGISTERS.get(scheme)
    if register is None:
        number = " ".join(number.split()).upper()
        if not _FREE_NUMBER.fullmatch(number):
            raise WrongNumber(
                Message("number-free", "Use letters and digits only in the number, at most 60 of them.")
            )
        return scheme, number
    try:
        return scheme, str(register.check(number))
    except InvalidLength as error:
        raise WrongNumber(
            Message(
                "number-length",
                "“{number}” is too long or too short for this register: {register}. An example: {example}.",
                number=number,
                register=register.name,
                example=register.example,
            )
        ) from error
    except InvalidChecksum as error:
        raise WrongNumber(
            Message(
                "number-check-digit",
                "The check digit of “{number}” does not fit ({register}): one character is wrong, "
                "or two have changed places.",
                number=number,
                register=register.name,
            )
        ) from error
    except ValidationError as error:
        raise WrongNumber(
            Message(
                "number-format",
                "“{number}” is not written as numbers of this register are: {register}. "
                "An example: {example}.",
                number=number,
                register=register.name,
                example=register.example,
            )
        ) from error
