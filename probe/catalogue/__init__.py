"""Words as data: a page for every finding, a recipe for every mail server."""
