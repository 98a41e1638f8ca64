"""From stored codes to the gray values that are shown: windows, tables and the range of a raw frame."""
