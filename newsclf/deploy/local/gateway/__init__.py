"""Local counterparts of API Gateway and Lambda."""
