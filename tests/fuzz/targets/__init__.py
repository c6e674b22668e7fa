"""What the coverage-guided fuzzer calls: each module has a `run` that takes any bytes.

Any exception but the documented ones is a finding, and so is a promise of the result that does not hold.
"""
