"""The target `local`: processes on this machine."""
