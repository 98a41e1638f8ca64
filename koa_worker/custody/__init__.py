"""The data of a patient or study later on: finding them, erasing them, and taking them up again after a restore."""
