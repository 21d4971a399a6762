"""Plan and apply: resources, the differences, the journal and the search by tags."""
