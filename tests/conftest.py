"""What all tests have in common: how examples are made up."""

import os

from hypothesis import HealthCheck, settings

# The same examples on every run; LANDBRIDGE_HYPOTHESIS=fresh looks for new ones.
_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile("ci", derandomize=True, deadline=None, database=None, suppress_health_check=_QUIET)
settings.register_profile("fresh", deadline=None, max_examples=500, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("LANDBRIDGE_HYPOTHESIS", "ci"))
