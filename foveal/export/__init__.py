"""A run as one page to look at: what the events say (model), where the boxes go (layout), how it reads (page)."""
