"""A deployment as a template of CloudFormation or Terraform."""
