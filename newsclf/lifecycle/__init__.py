"""One module, and one public function, for each command; no printing, no Typer."""
