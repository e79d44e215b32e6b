"""What a text does: its shell, SQL, Python and tool calls judged."""
