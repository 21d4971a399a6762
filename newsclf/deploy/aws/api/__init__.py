"""The resources of an HTTP API: functions, routes, authorizer and stage."""
