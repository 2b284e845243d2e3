"""Organizations and listings as the tests of the slice below make them."""

from tests.service.listings.conftest import as_user, make_listing, make_party, rows

__all__ = ["as_user", "make_listing", "make_party", "rows"]
