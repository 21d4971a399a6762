"""The archive that a SageMaker container serves."""
