"""From landed sources to training sets: clean, deduplicate, split, weigh; every row accounted for."""
