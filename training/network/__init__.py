"""The networks as Keras models, and as LiteRT members of a release."""
