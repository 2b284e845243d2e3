"""An organization about which things have happened, and somebody who may read what."""

from tests.service.organizations.conftest import as_li, as_olga, li, make_organization, nobody, olga

__all__ = ["as_li", "as_olga", "li", "make_organization", "nobody", "olga"]
