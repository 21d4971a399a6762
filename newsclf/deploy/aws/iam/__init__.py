"""Roles and policies."""
