"""Who does the work of a job: functions in killable processes, workloads elsewhere."""
