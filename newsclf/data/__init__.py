"""Where labelled headlines come from: Financial PhraseBank, tables, the shipped sample.

`load_data` is the door; `split` parts what it returns.
"""
