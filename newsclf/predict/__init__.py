"""Classify headlines and files of headlines."""
