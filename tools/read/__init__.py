"""Reading: from fetched bytes to a page, and from pages to the passages that a sub-question asks for."""
