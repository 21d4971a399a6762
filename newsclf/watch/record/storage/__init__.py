"""Where a record is kept: a file of SQLite, or a PostgreSQL database that several watches share."""
