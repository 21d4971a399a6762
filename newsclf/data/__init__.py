"""Labelled headlines: Financial PhraseBank, tables, the shipped corpus and its sample.

`sources.load_data` reads them; `split.split` splits them into training, validation and test parts.
"""
