"""Making a release: export, gate and model card."""
