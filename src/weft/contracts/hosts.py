"""The host names of Microsoft's services for which a local Fabric answers, and those that it keeps away."""

from __future__ import annotations

from typing import Final

LOGIN_HOST: Final = "login.microsoftonline.com"
LOGIN_HOSTS: Final = (LOGIN_HOST, "login.windows.net", "login.microsoft.com", "sts.windows.net")
CORE_HOST: Final = "api.fabric.microsoft.com"
# Power BI's host serves Fabric's API under the same paths; fabric-cicd calls it there.
CORE_HOSTS: Final = (CORE_HOST, "api.powerbi.com")
# Clients of Data Lake Storage read files at the second.
ONELAKE_HOSTS: Final = ("onelake.dfs.fabric.microsoft.com", "onelake.blob.fabric.microsoft.com")
ANSWERED_HOSTS: Final = (*LOGIN_HOSTS, *CORE_HOSTS, *ONELAKE_HOSTS)

# Never passed on to the real service: a local token would go with the call.
KEPT_AWAY: Final = (
    "fabric.microsoft.com",
    "powerbi.com",
    "analysis.windows.net",
    "microsoftonline.com",
    "login.windows.net",
    "login.microsoft.com",
    "sts.windows.net",
    "management.azure.com",  # whoever signed in here has no other token for it
)


def is_kept_away(host: str) -> bool:
    """Return whether *host*, in lower case, is one of Fabric's or of its sign-in."""
    return any(host == name or host.endswith(f".{name}") for name in KEPT_AWAY)
