"""What proves who somebody is: passwords, random keys of which only hashes are kept, and signed links."""

from __future__ import annotations

import hashlib
import secrets
import threading
from functools import cache
from typing import TYPE_CHECKING

from itsdangerous import BadData, URLSafeTimedSerializer
from pwdlib import PasswordHash

from matching.messages import Message
from service.errors import NotNow

if TYPE_CHECKING:
    from datetime import timedelta

TOKEN_PREFIX = "qiao_"  # noqa: S105 — the mark by which leaked tokens are recognised
LEAST_PASSWORD = 10
MOST_PASSWORD = 200
LEAST_DIFFERENT = 4
_AT_ONCE = threading.BoundedSemaphore(4)
"""Each hash takes 64 MiB for a quarter of a second; more at once would only take turns."""

_COMMON = """
    1234567890 0123456789 12345678910 123456789a 1q2w3e4r5t 1qaz2wsx3edc a123456789 aa123456789
    abc123456789 abcd123456 abcdefghij administrator asdfghjkl1 asdfghjkl; changeme123 football123
    google12345 hello12345 iloveyou12 iloveyou123 letmein123 liverpool1 manchester mypassword
    p@ssw0rd123 passw0rd123 password01 password12 password123 password1234 password12345 princess123
    q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedcr qwe1234567 qwer123456 qwerty1234 qwerty12345 qwerty123456
    qwertyuiop qwertyuiop1 superman123 sunshine123 trustno1trustno1 unbelievable welcome123 welcome1234
    woaini1314 woaini520 woaini5201314 zxcvbnm123 zxcvbnm,./ 5201314520 йцукенгшщз йцукен12345
    пароль12345 contraseña contraseña1 contrasena1 qiao123456
"""
COMMON = frozenset(_COMMON.split())


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


def hash_password(password: str) -> str:
    """The Argon2 hash that is kept of a password. Slow on purpose: call it before the first statement."""
    with _AT_ONCE:
        return _hasher().hash(password)


@cache
def _nobody() -> str:
    return hash_password(secrets.token_urlsafe())


def verify_password(password: str, kept: str) -> bool:
    """Whether the password is the one whose hash was kept; takes as long where none was."""
    kept_or_not = kept or _nobody()
    with _AT_ONCE:
        right = _hasher().verify(password[:MOST_PASSWORD], kept_or_not)
    return right and bool(kept)


def password_problem(password: str, *about: str) -> Message | None:
    """Why a password is not taken, if it is not; `about`: the address and name it must differ from."""
    if len(password) < LEAST_PASSWORD:
        return Message("password-short", "Use at least {least} characters.", least=LEAST_PASSWORD)
    if len(password) > MOST_PASSWORD:
        return Message("password-long", "Use at most {most} characters.", most=MOST_PASSWORD)
    folded = password.casefold()
    own = {
        word.casefold() for text in about for word in (text, text.partition("@")[0], text.replace(" ", ""))
    }
    if folded in own:
        return Message("password-own", "Do not use your name or e-mail address as the password.")
    if folded in COMMON or len(set(folded)) < LEAST_DIFFERENT:
        return Message("password-common", "This password is too easy to guess. Try several words in a row.")
    return None


def new_key(prefix: str = "") -> str:
    """A random key of 256 bits."""
    return prefix + secrets.token_urlsafe(32)


def key_hash(key: str) -> str:
    """What is kept of a key. It is random, so a plain hash is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def sign(secret: str, purpose: str, *content: str) -> str:
    """A word for a link in a mail that only we can have made."""
    return URLSafeTimedSerializer(secret, salt=f"accounts.{purpose}").dumps(list(content))


def unsign(secret: str, purpose: str, word: str, lasts: timedelta) -> list[str]:
    """What a signed word contains. Raises NotNow where it is not ours or too old."""
    serializer = URLSafeTimedSerializer(secret, salt=f"accounts.{purpose}")
    try:
        content: list[str] = serializer.loads(word, max_age=int(lasts.total_seconds()))
    except BadData as error:
        raise spent_link() from error
    return content


def spent_link() -> NotNow:
    """A link that was used, is too old, or was never ours."""
    return NotNow(
        Message("link-spent", "This link has expired or was already used. Please ask for a new one.")
    )
