"""Airflow's secrets backend of the tests: one connection to Fabric, whose extras stand in FABRIC_EXTRA.

Airflow would turn the connection's type microsoft-fabric into microsoft_fabric in an AIRFLOW_CONN_ variable.
"""

import os

from airflow.models import Connection  # type: ignore[import-not-found]  # in an environment of its own
from airflow.secrets import BaseSecretsBackend  # type: ignore[import-not-found]  # as above


class FromEnvironment(BaseSecretsBackend):  # type: ignore[misc]  # it is Any, as above
    def get_connection(self, conn_id: str) -> Connection:
        return Connection(conn_id=conn_id, conn_type="microsoft-fabric", extra=os.environ["FABRIC_EXTRA"])
