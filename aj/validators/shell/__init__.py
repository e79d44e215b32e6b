"""Shell scripts: parsed, expanded and judged command by command."""
