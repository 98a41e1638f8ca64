"""Statistics over what the store knows: whether the images or the answers have changed, and how graders agree."""
