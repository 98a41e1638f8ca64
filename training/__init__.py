"""Training: from folders of graded knees to a release that the worker can load.

The worker never imports this package. It is plain Keras 3, so KERAS_BACKEND may be tensorflow, jax or torch.
"""
