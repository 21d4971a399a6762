"""Lambda functions of the API; standard library, boto3 and the contract only."""
