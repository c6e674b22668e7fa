"""What queues and scopes of jobs are called: the two sides of one run must find each other's job."""

from collections.abc import Mapping

from weft.catalog.hosted_items import ItemKey
from weft.catalog.item_types import RunsAs
from weft.engine.jobs import Job, RunPolicy

CORE = "core"
"""The queue, and the first word of the scopes, of jobs that people run on an item."""

HOSTED = "workload"
"""The queue, and the first word of the scopes, of jobs that this server does as a workload's host."""


HOOKS = "workload-hooks"
"""The queue, and the first word of the scopes, of calls of a hosted workload's item hooks."""


def of_workspace(workspace: str) -> str:
    """Return the scope above those of all items of a workspace."""
    return f"{CORE}/{workspace}"


def of_item(workspace: str, item: str) -> str:
    """Return the scope of an item's jobs."""
    return f"{of_workspace(workspace)}/{item}"


def of_tenant(tenant: str) -> str:
    """Return the scope above those of all jobs that are hosted for a tenant."""
    return f"{HOSTED}/{tenant}"


def of_hosted(*, tenant: str, workspace: str, item_type: str, item: str, job_type: str) -> str:
    """Return the scope of the hosted jobs of one type of one item; the types as registered."""
    return "/".join((of_tenant(tenant), workspace, item_type, item, job_type))


def of_hosted_item(key: ItemKey) -> str:
    """Return the scope above those of all hosted jobs of an item."""
    return "/".join((of_tenant(key.tenant), key.workspace, key.type, key.id))


def of_hooks(key: ItemKey) -> str:
    """Return the scope of the calls of an item's hooks."""
    return "/".join((HOOKS, key.tenant, key.workspace, key.type, key.id))


def hosted_queue(item_type: str, job_type: str, policy: RunPolicy) -> str:
    """Return the queue of the hosted jobs of a type: one of its own where only so many may run at once."""
    return HOSTED if policy.concurrency is None else own_queue(item_type, job_type)


def own_queue(item_type: str, job_type: str) -> str:
    """Return the queue that a job type has to itself; to be served for every type, also without a limit.

    The type may have had a limit when its jobs were submitted.
    """
    return f"{HOSTED}/{item_type}/{job_type}".lower()


RUNS_AS_ITEM_TYPE = "runs_as_item_type"
RUNS_AS_JOB_TYPE = "runs_as_job_type"


def labels_of(runs_as: RunsAs | None) -> Mapping[str, str]:
    """Return what a job remembers of the types that its workload knows it by, where they are others."""
    if runs_as is None:
        return {}
    return {RUNS_AS_ITEM_TYPE: runs_as.item_type, RUNS_AS_JOB_TYPE: runs_as.job_type}


def at_workload(job: Job) -> RunsAs:
    """Return the types by which the workload of a Core job knows it."""
    labels = job.labels
    return RunsAs(labels.get(RUNS_AS_ITEM_TYPE, labels["item_type"]), labels.get(RUNS_AS_JOB_TYPE, job.kind))
