"""The int8 form of a model: exported, compared with the float model, and accepted or not."""
