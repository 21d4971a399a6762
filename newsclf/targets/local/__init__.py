"""The local target: the model server as a background process of this machine."""
