"""Commands that deploy and look after deployments."""
