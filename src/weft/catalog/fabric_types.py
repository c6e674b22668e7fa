"""The item types that Fabric publishes, and what the addresses of each are called.

An item of such a type can be made here also where no workload does its jobs: it then has none.
Source: the swagger files of microsoft/fabric-rest-api-specs, one directory for each type, and the type names
and addresses in microsoft/fabric-cli.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

COLLECTIONS: Final[Mapping[str, str]] = {
    "AnomalyDetector": "anomalyDetectors",
    "ApacheAirflowJob": "apacheAirflowJobs",
    "CopyJob": "copyJobs",
    "CosmosDBDatabase": "cosmosDbDatabases",
    "Dashboard": "dashboards",
    "DataAgent": "dataAgents",
    "DataBuildToolJob": "dataBuildToolJobs",
    "Dataflow": "dataflows",
    "Datamart": "datamarts",
    "DataPipeline": "dataPipelines",
    "DigitalTwinBuilder": "digitalTwinBuilders",
    "DigitalTwinBuilderFlow": "digitalTwinBuilderFlows",
    "Environment": "environments",
    "Eventhouse": "eventhouses",
    "EventSchemaSet": "eventSchemaSets",
    "Eventstream": "eventstreams",
    "GraphModel": "graphModels",
    "GraphQLApi": "graphQLApis",
    "GraphQuerySet": "graphQuerySets",
    "KQLDashboard": "kqlDashboards",
    "KQLDatabase": "kqlDatabases",
    "KQLQueryset": "kqlQuerysets",
    "Lakehouse": "lakehouses",
    "Map": "maps",
    "MirroredAzureDatabricksCatalog": "mirroredAzureDatabricksCatalogs",
    "MirroredCatalog": "mirroredCatalogs",
    "MirroredDatabase": "mirroredDatabases",
    "MirroredWarehouse": "mirroredWarehouses",
    "MLExperiment": "mlExperiments",
    "MLModel": "mlModels",
    "MountedDataFactory": "mountedDataFactories",
    "Notebook": "notebooks",
    "Ontology": "ontologies",
    "OperationsAgent": "operationsAgents",
    "PaginatedReport": "paginatedReports",
    "Reflex": "reflexes",
    "Report": "reports",
    "SemanticModel": "semanticModels",
    "SnowflakeDatabase": "snowflakeDatabases",
    "SparkJobDefinition": "sparkJobDefinitions",
    "SQLDatabase": "sqlDatabases",
    "SQLEndpoint": "sqlEndpoints",
    "UserDataFunction": "userDataFunctions",
    "VariableLibrary": "variableLibraries",
    "Warehouse": "warehouses",
    "WarehouseSnapshot": "warehouseSnapshots",
}
"""The collection of each type, as in `/workspaces/{workspaceId}/notebooks`."""


def published_type(name: str) -> str | None:
    """Return the published spelling of an item type given in any ASCII case."""
    return _TYPES.get(_folded(name))


def item_type_of_collection(name: str) -> str | None:
    """Return the item type whose addresses are called *name*, in any ASCII case."""
    return _OF_COLLECTION.get(_folded(name))


def _folded(name: str) -> str:
    return name.lower() if name.isascii() else name


_TYPES: Final = {_folded(name): name for name in COLLECTIONS}
_OF_COLLECTION: Final = {_folded(collection): name for name, collection in COLLECTIONS.items()}
