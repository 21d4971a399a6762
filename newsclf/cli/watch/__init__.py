"""Command that watches live news, its terminal view and its streams."""
