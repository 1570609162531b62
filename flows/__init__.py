"""A retraining product on top of `versioning`: bring a problem, get scheduled, versioned models."""
