"""What a tenant may be called.

Pure. Called by tenants.py, and by credential_scopes.py for keys that send for one tenant.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateTenant.html
"""

import re

from pillarbox.kit.errors import Invalid

_LONGEST = 64
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def checked(name: str) -> str:
    """Return the name, or raise Invalid with the words of the real service."""
    if not name.strip():
        raise Invalid("TenantName cannot be empty")
    if len(name) > _LONGEST:
        raise Invalid(f"TenantName cannot exceed {_LONGEST} characters.")
    if not _NAME.fullmatch(name):
        raise Invalid(f"Invalid tenant name <{name}>: only alphanumeric ASCII characters, '_', and '-' are allowed.")
    return name
