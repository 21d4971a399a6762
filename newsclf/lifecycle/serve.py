"""Serve a model directory over HTTP in the foreground."""

from __future__ import annotations

from newsclf.serving.server import ServerOptions, serve

__all__ = ["ServerOptions", "serve"]
