"""What the author of a workload imports: `from weft import Workload, JobContext, JobFailed`."""
