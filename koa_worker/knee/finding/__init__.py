"""Where the knees are: densities, legs, joints and their boxes."""
