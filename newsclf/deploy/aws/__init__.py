"""The target `aws`: a SageMaker endpoint, a Lambda function and an HTTP API."""
