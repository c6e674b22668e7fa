"""A workload that takes its time to be imported."""

import time

from weft import Workload

time.sleep(2)
workload = Workload("Tests.Slow")
