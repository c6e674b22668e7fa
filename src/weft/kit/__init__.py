"""What the author of a workload imports: Workload, JobContext, JobFailed."""
