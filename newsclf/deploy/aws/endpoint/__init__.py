"""The resources of a SageMaker endpoint."""
