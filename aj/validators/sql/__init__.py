"""SQL of Databricks: its words, its statements, its rights."""
