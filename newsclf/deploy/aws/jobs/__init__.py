"""SageMaker jobs: batch transform, training and the Inference Recommender."""
