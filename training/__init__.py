"""Training: from folders of graded knees to a release that the worker can load.

The worker never imports this package. Its imports of itself are relative: in the wheel it is `koa_worker._training`.
It is plain Keras 3, so KERAS_BACKEND may be tensorflow, jax or torch.
"""
