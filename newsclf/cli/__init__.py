"""The command line: Typer, one error boundary (`main`), one module that prints (`output`)."""
