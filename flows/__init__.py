"""A retraining product on top of `versioning`: bring a problem, get scheduled, versioned models."""

import logging

# What the flows say of their progress is for whoever watches a run. On the run's page it is shown
# where PREFECT_LOGGING_EXTRA_LOGGERS names `flows`.
logging.getLogger(__name__).setLevel(logging.INFO)
