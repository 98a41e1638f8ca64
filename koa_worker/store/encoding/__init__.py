"""How the store encodes values: images as bytes, joint space and reasons as JSON, a grade as columns of its row."""
