"""Runs an item with msfabricpysdkcore, and prints what it returned for the job when it had ended."""

import json
import os
import sys
import time

from msfabricpysdkcore import FabricClientCore  # type: ignore[import-not-found]  # an environment of its own

if __name__ == "__main__":
    told = json.load(sys.stdin)
    client = FabricClientCore(
        os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"]
    )
    job = client.run_on_demand_item_job(told["workspace"], told["item"], "RunNotebook")
    until = time.monotonic() + 30
    while job.status not in ("Completed", "Failed", "Cancelled", "Deduped") and time.monotonic() < until:
        time.sleep(0.2)
        job = client.get_item_job_instance(told["workspace"], told["item"], job.id)
    sys.stdout.write(json.dumps({"id": job.id, "status": job.status}))
