"""How the store keeps values: pictures as bytes, joint space and reasons as JSON, a grade as columns of its row."""
