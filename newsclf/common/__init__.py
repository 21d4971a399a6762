"""Code shared by every package: errors, settings, files, the machine."""
