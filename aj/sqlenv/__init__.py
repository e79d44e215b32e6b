"""SQLEnv: an agent answers a question about a database that it cannot see, by exploring it."""
