"""Where rows come from: a card each (data/sources/NAME/source.yaml), landed under data/raw/NAME with its pin."""
