"""The archive of a model for SageMaker containers."""
