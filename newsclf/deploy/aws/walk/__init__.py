"""Plan and apply: base classes of resources, plan, journal, the walk and the search by tags."""
