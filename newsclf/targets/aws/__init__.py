"""AWS: everything that calls it through boto3."""
