"""How wide the joint space is: the margins of the bones and the distance between them."""
