"""Definitions of Databricks: bundles, jobs, pipelines."""
