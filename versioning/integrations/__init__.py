"""Surfaces of other libraries; each is the only importer of its own, and knows no other."""
