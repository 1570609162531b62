"""Starts flows: deployments, schedules, images. Nothing imports it."""
