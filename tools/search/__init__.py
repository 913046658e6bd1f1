"""Search beyond the collection: backends behind one protocol, and the web as a run sees it."""
