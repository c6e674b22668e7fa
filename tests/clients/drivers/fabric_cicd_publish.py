"""Publishes a repository with fabric-cicd, and prints what a call of its own endpoint returns."""

import json
import os
import sys

# In an environment of its own: none of these is where the tests are checked.
from azure.identity import ClientSecretCredential  # type: ignore[import-untyped]
from fabric_cicd import (  # type: ignore[import-not-found]
    FabricWorkspace,
    publish_all_items,
    unpublish_all_orphan_items,
)

if __name__ == "__main__":
    told = json.load(sys.stdin)
    workspace = FabricWorkspace(
        workspace_name=told["workspace"],
        repository_directory=told["repository"],
        item_type_in_scope=["Notebook"],
        token_credential=ClientSecretCredential(
            os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"]
        ),
    )
    publish_all_items(workspace)
    unpublish_all_orphan_items(workspace)
    answer = workspace.endpoint.invoke("GET", f"{workspace.base_api_url}/items")
    sys.stdout.write(json.dumps({"status": answer["status_code"], "body": answer["body"]}))
