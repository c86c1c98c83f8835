"""One file a source of attention; each imports its framework inside and ends in `Attention`."""
