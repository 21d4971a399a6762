"""Where a model can be deployed; today `local`, this machine."""
