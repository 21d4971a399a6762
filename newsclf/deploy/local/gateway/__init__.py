"""The local counterpart of API Gateway and Lambda."""
