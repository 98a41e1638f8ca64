"""What the store keeps as bytes or as JSON: pictures, joint space, reasons to look."""
