"""What stages have written, as runs in MLflow and DVCLive."""
